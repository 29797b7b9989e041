"""A noisy quadratic, on which greed is wrong: a large learning rate helps late and looks bad at once.

Of each coordinate the second moment A is followed exactly: A <- (1 - h lambda)^2 A + (h lambda)^2 c; the loss is half
the sum of lambda A. With lambda = (1, .03), c = (1, 1), A0 = (1, 100), 200 steps and h in [1e-3, 1.5]: the loss begins
at 2.0; the best constant reaches .127, greed in 20 blocks .257, the best schedule of 20 blocks .0053, of 40 `OPTIMUM`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench.problems.problem import Problem

import pbt

STEPS = 200
LOWEST = 1e-3
SINGLE = (0.1, 10.0)
"""Limits of the factors by which the rates of single coordinates differ from the learning rate."""
OPTIMUM = 0.005108
"""Of the best schedule of 40 blocks that `bench.problems.schedules.best` finds."""


class Quadratic(NamedTuple):
    """The constants.

    Attributes:
        curvatures: lambda.
        noise: c, of the gradient.
        first: A0.
        rounds: the number of blocks; a divisor of `STEPS`.
        highest: the largest learning rate; above 2 / lambda training diverges.
        single: coordinates whose rate has a factor of its own.
        score_noise: deviation of the logarithm of what is scored.
    """

    curvatures: tuple[float, ...] = (1.0, 0.03)
    noise: tuple[float, ...] = (1.0, 1.0)
    first: tuple[float, ...] = (1.0, 100.0)
    rounds: int = 40
    highest: float = 1.5
    single: tuple[int, ...] = ()
    score_noise: float = 0.0


B3 = Quadratic()


def problem(q: Quadratic = B3, optimum: float = OPTIMUM) -> Problem:
    """The problem with these constants, of which the best schedule reaches `optimum`."""

    def loss(state: list[float]) -> float:
        return 0.5 * sum(c * a for c, a in zip(q.curvatures, state, strict=True))

    def step(state: list[float], h: dict[str, Any], rng: random.Random) -> list[float]:
        rates = [h["lr"] * c for c in q.curvatures]
        for i in q.single:
            rates[i] *= h[f"factor{i}"]
        return [min((1 - r) ** 2 * a + r * r * c, 1e30) for r, a, c in zip(rates, state, q.noise, strict=True)]

    def score(state: list[float], rng: random.Random) -> float:
        return loss(state) * (math.exp(q.score_noise * rng.gauss(0, 1)) if q.score_noise else 1.0)

    return Problem(
        name="quadratic" if not q.score_noise else "quadratic, noisy scores",
        space={
            "lr": pbt.Float(LOWEST, q.highest, log=True),
            **{f"factor{i}": pbt.Float(*SINGLE, log=True) for i in q.single},
        },
        init=lambda rng: list(q.first),
        step=step,
        score=score,
        value=loss,
        steps=STEPS,
        interval=STEPS // q.rounds,
        maximize=False,
        optimum=optimum,
    )


def schedule_loss(q: Quadratic, schedule: Sequence[dict[str, Any]]) -> float:
    """The loss at the end of a schedule of hyperparameters, one set a block."""
    p, rng = problem(q, math.nan), random.Random(0)
    state = p.init(rng)
    for h in schedule:
        for _ in range(p.interval):
            state = p.step(state, h, rng)
    return p.value(state)
