"""The triangle wave of Ray Tune's documentation: the best learning rate rises with the accuracy, then falls again.

Accuracy a, middle 100: lr*(a) = .01 a / 100 while rising, .01 - .01 (a - 100) / 100 while falling, within [.001, .01].
With q = max(lr, lr*) / min(lr, lr*): a grows by U(0, 1) / q where q < 3, and falls by (q - 3) U(0, 1) where lr is too
large by more; then 2 N(0, 1) is added. No fixed rate gets past the middle.
"""

from __future__ import annotations

import math
import random
from typing import Any

from bench.problems.problem import Problem

import pbt

STEPS, INTERVAL = 400, 4


def best_rate(accuracy: float) -> float:
    """lr*(a)."""
    rate = 0.01 * accuracy / 100 if accuracy < 100 else 0.01 - 0.01 * (accuracy - 100) / 100
    return min(max(rate, 0.001), 0.01)


def problem() -> Problem:
    """The problem."""

    def step(state: list[float], h: dict[str, Any], rng: random.Random) -> list[float]:
        a, best, lr = state[0], best_rate(state[0]), h["lr"]
        q = max(lr, best) / min(lr, best)
        if q < 3:
            a += rng.random() / q
        elif lr > best:
            a -= (q - 3) * rng.random()
        return [max(a + 2 * rng.gauss(0, 1), 0.0)]

    return Problem(
        name="triangle",
        space={"lr": pbt.Float(1e-4, 0.02)},
        init=lambda rng: [0.0],
        step=step,
        score=lambda state, rng: state[0],
        value=lambda state: state[0],
        steps=STEPS,
        interval=INTERVAL,
        maximize=True,
        optimum=math.inf,
    )
