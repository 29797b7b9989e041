"""A drifting optimum over three floats and two choices, of which one changes half-way.

As `bench.problems.drifting` with three variables, and each wrong choice costs 0.3 a round. Who knew both would gain 1
in every round: the optimum is K.
"""

from __future__ import annotations

import random
from typing import Any

from bench.problems.drifting import ROUNDS, gain, optimum
from bench.problems.problem import Problem

import pbt

_WRONG, _NOISE = 0.3, 0.1
NAMES = ("red", "green", "blue")


def right(t: int) -> tuple[str, str]:
    """The choices that cost nothing in round t."""
    return ("red" if t < ROUNDS // 2 else "blue"), "green"


def problem() -> Problem:
    """The problem."""

    def step(state: list[float], h: dict[str, Any], rng: random.Random) -> list[float]:
        t, gained, seen = state
        first, second = right(int(t))
        now = gain(h, optimum(int(t), "wave", 3)) - _WRONG * ((h["first"] != first) + (h["second"] != second))
        return [t + 1, gained + now, seen + now + rng.gauss(0, _NOISE)]

    return Problem(
        name="mixed",
        space={
            **{name: pbt.Float(0, 1) for name in "abc"},
            "first": pbt.Choice(list(NAMES)), "second": pbt.Choice(list(NAMES)),
        },
        init=lambda rng: [0.0, 0.0, 0.0],
        step=step,
        score=lambda state, rng: state[2],
        value=lambda state: state[1],
        steps=ROUNDS,
        interval=1,
        maximize=True,
        optimum=float(ROUNDS),
    )  # fmt: skip
