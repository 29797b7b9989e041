"""A drifting optimum: every round gains what it gains, whatever came before, so that greed is right.

K = 40 rounds, h in [0, 1]^d; a round gains 1 - min(1.5, |h - h*(t)|^2 / 0.35^2), seen with noise of deviation 0.1. A
member's score is the sum of what was seen; its value the sum of what was gained; regret is K minus the value. Who knew
h*(t) would gain 1 in every round: the optimum is K.
"""

from __future__ import annotations

import math
import random
from typing import Any, Literal

from bench.problems.problem import Problem

import pbt

ROUNDS = 40
_WIDTH, _WORST, _NOISE = 0.35, 1.5, 0.1

Motion = Literal["wave", "still", "jump"]


def optimum(t: int, motion: Motion, variables: int) -> list[float]:
    """Where the gain is greatest in round t."""
    if motion == "still":
        return [0.3] * variables
    if motion == "jump":
        return [0.25 if t < ROUNDS // 2 else 0.75] * variables
    return [0.5 + 0.35 * math.sin(2 * math.pi * t / ROUNDS + 1.3 * i) for i in range(variables)]


def gain(h: dict[str, Any], best: list[float]) -> float:
    """What a round gains with these values of a, b and so on."""
    distance = sum((h[name] - x) ** 2 for name, x in zip("abc", best, strict=False))
    return 1 - min(_WORST, distance / _WIDTH**2)


def problem(motion: Motion = "wave", variables: int = 2) -> Problem:
    """The problem.

    Args:
        motion: how the optimum moves.
        variables: d, up to 3.
    """

    def step(state: list[float], h: dict[str, Any], rng: random.Random) -> list[float]:
        t, gained, seen = state
        now = gain(h, optimum(int(t), motion, variables))
        return [t + 1, gained + now, seen + now + rng.gauss(0, _NOISE)]

    return Problem(
        name={"wave": "drifting", "still": "still", "jump": "jumping"}[motion],
        space={name: pbt.Float(0, 1) for name in "abc"[:variables]},
        init=lambda rng: [0.0, 0.0, 0.0],
        step=step,
        score=lambda state, rng: state[2],
        value=lambda state: state[1],
        steps=ROUNDS,
        interval=1,
        maximize=True,
        optimum=float(ROUNDS),
    )


def one_of(n: int) -> Problem:
    """The n-th of a family of nine: each motion with one, two and three variables."""
    motions: tuple[Motion, ...] = ("wave", "still", "jump")
    return problem(motions[n % 3], 1 + n // 3 % 3)
