"""The best schedule of a noisy quadratic: by L-BFGS-B with exact gradients, from several beginnings.

The problem is not convex: what is found bounds the optimum from above, and no population of the tables was below it.
Within a block of n steps with rate r the second moment has the closed form A' = q^n A + c r (1 - q^n) / (2 - r), with
q = (1 - r)^2. Needs NumPy and SciPy.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from bench.problems.quadratic import LOWEST, SINGLE, STEPS, Quadratic
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]


@functools.lru_cache(maxsize=256)
def best(q: Quadratic) -> tuple[float, tuple[dict[str, float], ...]]:
    """The least loss found, and its schedule, one set of hyperparameters a block."""
    low = np.log([LOWEST, *(SINGLE[0] for _ in q.single)])
    high = np.log([q.highest, *(SINGLE[1] for _ in q.single)])
    box = list(zip(np.tile(low, q.rounds), np.tile(high, q.rounds), strict=True))
    with np.errstate(over="ignore"):  # a line search may look at schedules that diverge
        climbs = [
            minimize(log_loss, start.ravel(), (q,), jac=True, method="L-BFGS-B", bounds=box, options={"maxiter": 2000})
            for start in beginnings(q, high[0])
        ]
    found = min(climbs, key=lambda c: float(c.fun))
    names = ["lr", *(f"factor{i}" for i in q.single)]
    values = np.exp(np.clip(found.x.reshape(q.rounds, -1), low, high))
    return float(np.exp(found.fun)), tuple(dict(zip(names, row.tolist(), strict=True)) for row in values)


def beginnings(q: Quadratic, highest: float) -> list[Array]:
    """A constant, and decays of different lengths from the largest rate that does not diverge."""
    top = min(highest, float(np.log(1.5 / max(q.curvatures))))
    t = np.arange(q.rounds) / max(1, q.rounds - 1)
    lines = [np.full(q.rounds, np.log(0.3))]
    lines += [top + (np.log(0.01) - top) * np.clip((t - held) / (1 - held), 0, 1) for held in (0.0, 0.25, 0.5, 0.75)]
    return [np.column_stack([line, *(np.zeros(q.rounds) for _ in q.single)]) for line in lines]


def log_loss(x: Array, q: Quadratic) -> tuple[float, Array]:
    """The logarithm of the loss, and its gradient by the logarithms of the hyperparameters."""
    curvatures, c, n = np.array(q.curvatures), np.array(q.noise), STEPS // q.rounds
    logs = x.reshape(q.rounds, -1)
    logs_of_rates = logs[:, :1] + np.log(curvatures)
    for j, i in enumerate(q.single):
        logs_of_rates[:, i] += logs[:, 1 + j]
    r = np.exp(logs_of_rates)
    r = np.where(np.abs(2 - r) < 1e-9, 2 - 1e-9, r)
    kept = np.minimum((1 - r) ** (2 * n), 1e60)
    by_r = -2 * n * np.sign(1 - r) * np.minimum(np.abs(1 - r) ** (2 * n - 1), 1e60)
    added = c * r / (2 - r) * (1 - kept)
    added_by_r = c * (2 / (2 - r) ** 2 * (1 - kept) - r / (2 - r) * by_r)
    a = np.empty((q.rounds + 1, len(curvatures)))
    a[0] = q.first
    for k in range(q.rounds):
        a[k + 1] = np.minimum(kept[k] * a[k] + added[k], 1e30)
    loss = 0.5 * float(curvatures @ a[-1])
    slope = 0.5 * curvatures / loss
    by_rate = np.empty_like(r)
    for k in reversed(range(q.rounds)):
        by_rate[k] = slope * (by_r[k] * a[k] + added_by_r[k])
        slope = slope * kept[k]
    by_log: Any = by_rate * r
    gradient = np.column_stack([by_log.sum(axis=1), *(by_log[:, i] for i in q.single)])
    return float(np.log(loss)), np.clip(gradient, -1e6, 1e6).ravel()
