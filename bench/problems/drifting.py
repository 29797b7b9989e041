"""A drifting optimum: every round gains what it gains, whatever came before, so that greed is right.

K = 40 rounds, h in [0, 1]^2; a round gains 1 - min(1.5, |h - h*(t)|^2 / 0.35^2), seen with noise of deviation 0.1. A
member's score is the sum of what was seen; its value the sum of what was gained; regret is K minus the value.
"""

from __future__ import annotations

import math
import random
from typing import Any

from bench.problems.problem import Problem

import pbt

ROUNDS = 40
_WIDTH, _WORST, _NOISE = 0.35, 1.5, 0.1


def optimum(t: int, still: bool) -> tuple[float, float]:
    """Where the gain is greatest in round t."""
    if still:
        return 0.3, 0.3
    angle = 2 * math.pi * t / ROUNDS
    return 0.5 + 0.35 * math.sin(angle), 0.5 + 0.35 * math.sin(angle + 1.3)


def problem(still: bool = False) -> Problem:
    """The problem, with an optimum that drifts, or `still`."""

    def step(state: list[float], h: dict[str, Any], rng: random.Random) -> list[float]:
        t, gained, seen = state
        a, b = optimum(int(t), still)
        gain = 1 - min(_WORST, ((h["a"] - a) ** 2 + (h["b"] - b) ** 2) / _WIDTH**2)
        return [t + 1, gained + gain, seen + gain + rng.gauss(0, _NOISE)]

    return Problem(
        name="still" if still else "drifting",
        space={"a": pbt.Float(0, 1), "b": pbt.Float(0, 1)},
        init=lambda rng: [0.0, 0.0, 0.0],
        step=step,
        score=lambda state, rng: state[2],
        value=lambda state: state[1],
        steps=ROUNDS,
        interval=1,
        maximize=True,
        optimum=float(ROUNDS),
    )
