"""The toys of PBT-Zoo (Chebykin, Alderliesten and Bosman 2025): one in which greed is right, one in which it deceives.

theta begins at .9 and shrinks by the factor 1 - .002 (2 - h) in each of 1,000 steps, h in [1e-4, 1.1], drawn at birth
from [.9, 1.1]; the score is 1.2 - theta^2. The deceptive one charges for every past round k in which h was far from
the line from 1 down to 0: 2 - h becomes max(2 - h - .2 sum_k |h_k - (1 - k / 50)|, 0).
"""

from __future__ import annotations

import random
from typing import Any

from bench.problems.problem import Problem

import pbt

STEPS, BLOCK = 1000, 20
PLAIN, DECEPTIVE = 1.199732, 1.197929


def problem(deceptive: bool = False) -> Problem:
    """The problem, plain or deceptive."""

    def step(state: list[float], h: dict[str, Any], rng: random.Random) -> list[float]:
        theta, charged, t = state
        if deceptive and t % BLOCK == 0:
            charged += 0.2 * abs(h["h"] - (1 - t / STEPS))
        rate = max(2 - h["h"] - charged, 0.0) if deceptive else 2 - h["h"]
        return [theta * (1 - 0.002 * rate), charged, t + 1]

    def value(state: list[float]) -> float:
        return 1.2 - state[0] ** 2

    return Problem(
        name="deceptive" if deceptive else "plain",
        space={"h": pbt.Float(1e-4, 1.1)},
        init=lambda rng: [0.9, 0.0, 0],
        step=step,
        score=lambda state, rng: value(state),
        value=value,
        steps=STEPS,
        interval=BLOCK,
        maximize=True,
        optimum=DECEPTIVE if deceptive else PLAIN,
        initial=tuple({"h": 0.9 + 0.2 * i / 21} for i in range(22)),
    )
