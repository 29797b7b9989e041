"""A well-conditioned quadratic without noise: greed is right. The score is minus the logarithm of the loss."""

from __future__ import annotations

import math
import random
from typing import Any

from bench.problems.problem import Problem

import pbt

CURVATURES = (1.0, 0.5)
STEPS, BLOCK = 200, 5


def problem() -> Problem:
    """The problem."""

    def step(state: list[float], h: dict[str, Any], rng: random.Random) -> list[float]:
        return [max(a * (1 - h["lr"] * c) ** 2, 1e-300) for a, c in zip(state, CURVATURES, strict=True)]

    def value(state: list[float]) -> float:
        return -math.log10(0.5 * sum(c * a for c, a in zip(CURVATURES, state, strict=True)))

    return Problem(
        name="well",
        space={"lr": pbt.Float(1e-3, 1.5, log=True)},
        init=lambda rng: [1.0, 1.0],
        step=step,
        score=lambda state, rng: value(state),
        value=value,
        steps=STEPS,
        interval=BLOCK,
        maximize=True,
        optimum=300.0,
    )
