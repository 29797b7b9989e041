"""A noisy quadratic, on which greed is wrong: a large learning rate helps late and looks bad at once.

Of each coordinate the second moment A is followed exactly: A <- (1 - h lambda)^2 A + (h lambda)^2 c; the loss is half
the sum of lambda A. With lambda = (1, .03), c = (1, 1), A0 = (1, 100), 200 steps and h in [1e-3, 1.5]: the loss begins
at 2.0; the best constant reaches .127, greed in 20 blocks .257, the best schedule of 20 blocks .0053.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

from bench.problems.problem import Problem

import pbt

STEPS, BLOCK = 200, 5
OPTIMUM = 0.0053


def problem(
    curvatures: Sequence[float] = (1.0, 0.03),
    noise: Sequence[float] = (1.0, 1.0),
    first: Sequence[float] = (1.0, 100.0),
    score_noise: float = 0.0,
) -> Problem:
    """The problem.

    Args:
        curvatures: lambda.
        noise: c, of the gradient.
        first: A0.
        score_noise: deviation of the logarithm of what is scored.
    """

    def loss(state: list[float]) -> float:
        return 0.5 * sum(c * a for c, a in zip(curvatures, state, strict=True))

    def step(state: list[float], h: dict[str, Any], rng: random.Random) -> list[float]:
        rates = [h["lr"] * c for c in curvatures]
        return [min((1 - r) ** 2 * a + r * r * c, 1e30) for r, a, c in zip(rates, state, noise, strict=True)]

    def score(state: list[float], rng: random.Random) -> float:
        return loss(state) * (math.exp(score_noise * rng.gauss(0, 1)) if score_noise else 1.0)

    return Problem(
        name="quadratic" if not score_noise else "quadratic, noisy scores",
        space={"lr": pbt.Float(1e-3, 1.5, log=True)},
        init=lambda rng: list(first),
        step=step,
        score=score,
        value=loss,
        steps=STEPS,
        interval=BLOCK,
        maximize=False,
        optimum=OPTIMUM,
    )
