"""`Problem`: something that a population can be trained on in milliseconds, whose optimum is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import pbt


class Problem(NamedTuple):
    """A training that needs no framework.

    Attributes:
        name: short, in lower case.
        space: the search space.
        init, step, score: as `pbt.train` takes them.
        value: the true objective of a state, without noise.
        steps: of each member.
        interval: steps between two decisions.
        maximize: whether a higher score is better.
        optimum: the best value that any schedule reaches.
        initial: configurations of the first members, if the problem says any.
    """

    name: str
    space: dict[str, Any]
    init: Callable[[random.Random], Any]
    step: Callable[[Any, dict[str, Any], random.Random], Any]
    score: Callable[[Any, random.Random], float]
    value: Callable[[Any], float]
    steps: int
    interval: int
    maximize: bool
    optimum: float
    initial: tuple[dict[str, Any], ...] = ()


class Outcome(NamedTuple):
    """What a population reached.

    Attributes:
        value: the true value of the member that scores best at the end.
        seen: its score.
        reached: the best true value of any member at the end, which nobody can know where scores are noisy.
    """

    value: float
    seen: float
    reached: float


def trained(problem: Problem, strategy: Any, members: int, seed: int, **settings: Any) -> Outcome:
    """Train a population on it, behind a barrier unless `settings` say otherwise."""
    settings = {"synchronous": True, "interval": problem.interval, **settings}
    interval = settings.pop("interval")
    result = pbt.train(
        problem.init, problem.step, problem.score, problem.space, members=members, strategy=strategy, seed=seed,
        steps=problem.steps, interval=interval, maximize=problem.maximize,
        initial=list(problem.initial[:members]), **settings,
    )  # fmt: skip
    sign = 1 if problem.maximize else -1
    scored = [m for m in result.population.members if m.score is not None and math.isfinite(float(m.score))]
    best = max(scored, key=lambda m: (sign * float(m.score), -m.id))  # type: ignore[arg-type]
    values = [problem.value(result.states[m.id]) for m in scored]
    reached = max(values) if problem.maximize else min(values)
    return Outcome(problem.value(result.states[best.id]), float(best.score), reached)  # type: ignore[arg-type]


def solve(problem: Problem, strategy: Any, members: int, seed: int, **settings: Any) -> float:
    """Train a population on it; the true value of the member that scores best at the end."""
    return trained(problem, strategy, members, seed, **settings).value
