"""The toy quadratic of figure 2 in Jaderberg et al. 2017: two members, each blind to one of two coordinates.

Q(w) = 1.2 - (w1^2 + w2^2) is scored; each step ascends 1.2 - (h1 w1^2 + h2 w2^2). The first two members begin with
h = (1, 0) and (0, 1), apart by a hair, since of two that are exactly equal neither takes over from the other.
"""

from __future__ import annotations

import random
from typing import Any

from bench.problems.problem import Problem

import pbt

RATE, STEPS, INTERVAL = 0.01, 200, 4


def problem() -> Problem:
    """The problem."""

    def step(w: list[float], h: dict[str, Any], rng: random.Random) -> list[float]:
        return [w[0] * (1 - 2 * RATE * h["h1"]), w[1] * (1 - 2 * RATE * h["h2"])]

    def value(w: list[float]) -> float:
        return 1.2 - (w[0] ** 2 + w[1] ** 2)

    return Problem(
        name="toy",
        space={"h1": pbt.Float(0, 2), "h2": pbt.Float(0, 2)},
        init=lambda rng: [0.9, 0.9],
        step=step,
        score=lambda w, rng: value(w),
        value=value,
        steps=STEPS,
        interval=INTERVAL,
        maximize=True,
        optimum=1.2,
        initial=({"h1": 1.0, "h2": 0.0}, {"h1": 0.0, "h2": 1.001}),
    )
