"""A drifting optimum over three floats and two choices, of which one changes half-way.

As `bench.problems.drifting` with three variables, and each wrong choice costs 0.3 a round. Who knew both would gain 1
in every round: the optimum is K.
"""

from __future__ import annotations

import random
from typing import Any

from bench.problems import drifting
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

    drift = drifting.problem("wave", 3)
    choices = {name: pbt.Choice(list(NAMES)) for name in ("first", "second")}
    return drift._replace(name="mixed", space={**drift.space, **choices}, step=step)
