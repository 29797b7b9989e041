"""Exploration that builds knowledge and hides it: what is right early scores badly at once.

Knowledge q grows by .15 e exp(-(lr - .6)^2 / .08) (1 - q) in each of 40 rounds, e the rate of exploration; the score is
q (1 - .9 e) with noise of deviation .01. The best schedule explores until late, then stops.
"""

from __future__ import annotations

import math
import random
from typing import Any

from bench.problems.problem import Problem

import pbt

ROUNDS = 40


def problem() -> Problem:
    """The problem."""

    def step(state: list[float], h: dict[str, Any], rng: random.Random) -> list[float]:
        q, e = state[0], h["epsilon"]
        return [q + 0.15 * e * math.exp(-((h["lr"] - 0.6) ** 2) / 0.08) * (1 - q), e]

    def value(state: list[float]) -> float:
        return state[0] * (1 - 0.9 * state[1])

    return Problem(
        name="exploring",
        space={"epsilon": pbt.Float(0, 1), "lr": pbt.Float(0, 1)},
        init=lambda rng: [0.0, 1.0],
        step=step,
        score=lambda state, rng: value(state) + rng.gauss(0, 0.01),
        value=value,
        steps=ROUNDS,
        interval=1,
        maximize=True,
        optimum=1 - (1 - 0.15) ** (ROUNDS - 1),
    )
