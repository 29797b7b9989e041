"""Hyperparameters that a Gaussian process of recent gains expects most of: the second operator of SCOUT.

As in PB2 a process looks at what intervals gained, but robustly and from the newest rounds alone: gains are centred by
the median of their round and divided by 1.48 times their median deviation. Needs NumPy and SciPy.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Collection, Sequence

import numpy as np

from pbt.population.population import Population
from pbt.space.space import Values
from pbt.strategies.gp import Array, Parameters, Process, Rows, covariance, likelihood
from pbt.strategies.rows import Row
from pbt.strategies.surrogate import Variables

WINDOW, LEAST_WINDOW = 0.25, 6
"""The share of all rounds from which rows are taken, and their number at least."""
WEIGHT = 0.7
"""Of the standard deviation in the bound."""
_ANYWHERE, _NEAR, _SPREADS, _SAME_CHOICE = 100, 60, (0.05, 0.15), 0.8
_LENGTHS, _MEMORIES, _NOISES = (0.2, 0.5, 1.2), (0.15, 1.0), (0.05, 0.5)
"""Grid of the fit: lengths in units of the square root of the dimension, memories in shares of all rounds, noise."""


class Proposals:
    """The model right after an entry.

    Args:
        rows: intervals of training, the newest last.
        waiting: members whose hyperparameters are asked for now.
    """

    def __init__(self, population: Population, rows: Sequence[Row], waiting: Collection[int]) -> None:
        settings = population.settings
        self._interval, self._space = settings.interval, settings.space
        self._variables = Variables(settings.space, log=True)
        rounds = (
            (settings.steps // settings.interval) if settings.steps else max(_round(r, self._interval) for r in rows)
        )
        newest = max((_round(r, self._interval) for r in rows), default=0)
        window = max(LEAST_WINDOW, int(WINDOW * rounds))
        rows = [r for r in rows if _round(r, self._interval) > newest - window]
        sign = 1.0 if settings.maximize else -1.0
        times = np.array([_round(r, self._interval) for r in rows])
        gains = _robust(times, sign * np.array([r.after - r.before for r in rows]))
        self._process: Process | None = None
        if gains is not None:
            points = self._points(times.astype(float), [r.values for r in rows])
            self._parameters = _of_greatest_evidence(points, gains, rounds)
            self._process, self._rows, self._gains = Process(self._parameters, points, gains), points, gains
        self._others = [
            m.hyperparameters for m in population.members if m.living and m.id not in waiting and m.hyperparameters
        ]

    def best(self, step: int, parent: Values, rng: random.Random) -> Values | None:
        """The configuration of the greatest bound near the parent's or anywhere; None: the rows show nothing.

        Args:
            step: at which the interval begins.
            parent: the values of the parent.
        """
        if self._process is None:
            return None
        draws = np.random.default_rng(rng.getrandbits(64))
        candidates = [*self._anywhere(draws, parent), *self._near(draws, parent), parent]
        candidates = [values for values in candidates if self._space.holds(values)] or [parent]
        time = step / self._interval + 1.0
        points = self._points(np.full(len(candidates), time), candidates)
        pending = self._points(np.full(len(self._others), time), self._others)
        unsure = Process(
            self._parameters,
            Rows(*(np.concatenate(pair) for pair in zip(self._rows, pending, strict=True))),
            np.zeros(len(self._gains) + len(self._others)),
        )
        bounds = self._process.predict(points)[0] + WEIGHT * np.sqrt(unsure.predict(points)[1])
        found = candidates[int(np.argmax(bounds))]
        self._others.append(found)
        return found

    def _points(self, times: Array, values: Sequence[Values]) -> Rows:
        n = len(values)
        x = np.array([self._variables.point(v) for v in values], dtype=np.float64).reshape(n, -1)
        c = np.array([self._variables.categories(v) for v in values], dtype=np.int64).reshape(n, -1)
        if n == 0:
            x, c = np.zeros((0, len(self._variables.cube))), np.zeros((0, len(self._variables.choices)), dtype=np.int64)
        return Rows(times, x, c)

    def _anywhere(self, draws: np.random.Generator, parent: Values) -> list[Values]:
        drawn = draws.uniform(size=(_ANYWHERE, len(parent)))
        return [self._drawn(row, parent) for row in drawn]

    def _drawn(self, row: Array, parent: Values) -> Values:
        domains = self._space.domains.items()
        return {
            name: domain.sample(float(u)) if domain.explore else parent[name]
            for (name, domain), u in zip(domains, row, strict=True)
        }

    def _near(self, draws: np.random.Generator, parent: Values) -> list[Values]:
        here = np.array(self._variables.point(parent))
        spreads = draws.choice(_SPREADS, size=_NEAR)
        found = []
        for spread in spreads:
            moved = np.clip(here + spread * draws.standard_normal(len(here)), 0.0, 1.0)
            values = self._variables.values(moved.tolist(), parent)
            for name, domain in self._variables.choices.items():
                if draws.uniform() >= _SAME_CHOICE:
                    values[name] = domain.sample(float(draws.uniform()))
            found.append(values)
        return found


def _round(row: Row, interval: int) -> int:
    return row.ended // interval


def _of_greatest_evidence(rows: Rows, gains: Array, rounds: int) -> Parameters:
    """Of a few parameters, whose variance is profiled, those of the greatest marginal likelihood.

    So few rows would let a search by gradients explain all by chance, or nothing.
    """
    n, d = len(gains), max(1, rows.x.shape[1])
    found: tuple[float, Parameters] = (-math.inf, Parameters())
    for length, memory, noise in itertools.product(_LENGTHS, _MEMORIES, _NOISES):
        fading = 1.0 - math.exp(-2.0 / (memory * rounds))
        p = Parameters(1.0, 2.0 * length**2 * d, fading, noise, 1.0, fading)
        k = covariance(p, rows, rows) + noise * np.eye(n)
        variance = float(gains @ np.linalg.solve(k, gains)) / n + 1e-12
        p = p._replace(variance=variance, noise=noise * variance, category_variance=variance)
        value, _ = likelihood(p, rows, gains)
        if value > found[0]:
            found = value, p
    return found[1]


def _robust(times: Array, gains: Array) -> Array | None:
    """Gains in deviations from the median of their round, clipped at 3; None: they are all alike."""
    centred = gains.copy()
    for time in np.unique(times):
        centred[times == time] -= np.median(centred[times == time])
    deviation = 1.4826 * float(np.median(np.abs(centred)))
    plain = float(centred.std())
    deviation = max(deviation, 0.3 * min(plain, 10 * deviation)) if deviation > 0 else plain
    if not (deviation > 0 and np.isfinite(deviation)):
        return None
    clipped: Array = np.clip(centred / deviation, -3.0, 3.0)
    return clipped
