"""A choice decides which settings are best: three arms, each with an optimum of its own, one better than the others.

Otherwise as `bench.problems.drifting`: a round gains what it gains, whatever came before.
"""

from __future__ import annotations

import random
from typing import Any

from bench.problems.problem import Problem

import pbt

ROUNDS = 40
BEST = {"left": (0.15, 0.8, 1.0), "middle": (0.5, 0.5, 0.7), "right": (0.85, 0.2, 0.4)}
"""By arm: where a and b are best, and what a round gains there."""


def problem() -> Problem:
    """The problem."""

    def step(state: list[float], h: dict[str, Any], rng: random.Random) -> list[float]:
        a, b, most = BEST[h["arm"]]
        gain = most - min(1.5, ((h["a"] - a) ** 2 + (h["b"] - b) ** 2) / 0.35**2)
        return [state[0] + gain, state[1] + gain + rng.gauss(0, 0.1)]

    return Problem(
        name="choices",
        space={"arm": pbt.Choice(list(BEST)), "a": pbt.Float(0, 1), "b": pbt.Float(0, 1)},
        init=lambda rng: [0.0, 0.0],
        step=step,
        score=lambda state, rng: state[1],
        value=lambda state: state[0],
        steps=ROUNDS,
        interval=1,
        maximize=True,
        optimum=float(ROUNDS),
    )
