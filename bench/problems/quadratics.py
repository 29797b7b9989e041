"""Families of noisy quadratics with random constants, of which B3 is one: is what holds there more than an accident?

The ratio of the curvatures is 10 to 300, of two to five; gradient noise .1 to 3; 20 to 100 rounds; the deviation of the
scores' logarithms 0 to .2. Each curvature's share of the loss at the beginning is drawn too. The optimum is what
`bench.problems.schedules` finds.
"""

from __future__ import annotations

import math
import random
from typing import Literal

from bench.problems.problem import Problem
from bench.problems.quadratic import Quadratic, problem

Kind = Literal["plain", "wide", "three"]
_ROUNDS = (20, 25, 40, 50, 100)


def constants(kind: Kind, n: int) -> Quadratic:
    """The constants of the n-th of a family.

    Args:
        kind: "plain": learning rates up to 1.5; "wide": up to 30, where training diverges; "three": three
            hyperparameters, of which two act on single curvatures.
    """
    rng = random.Random(f"quadratics/{kind}/{n}")
    many = rng.randint(2, 5)
    ratio = _log_uniform(rng, 10, 300)
    between = sorted((_log_uniform(rng, 1 / ratio, 1) for _ in range(many - 2)), reverse=True)
    curvatures = (1.0, *between, 1 / ratio)
    return Quadratic(
        curvatures=curvatures,
        noise=tuple(_log_uniform(rng, 0.1, 3) for _ in curvatures),
        first=tuple(rng.uniform(0.5, 3) / c for c in curvatures),
        rounds=rng.choice(_ROUNDS),
        highest=30.0 if kind == "wide" else 1.5,
        single=(0, many - 1) if kind == "three" else (),
        score_noise=rng.uniform(0, 0.2),
    )


def one_of(kind: Kind, n: int) -> Problem:
    """The n-th of a family, with its optimum; needs NumPy and SciPy."""
    from bench.problems.schedules import best

    q = constants(kind, n)
    return problem(q, best(q)[0])._replace(name=f"quadratics, {kind}, {n}")


def _log_uniform(rng: random.Random, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))
