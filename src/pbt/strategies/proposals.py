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
from scipy.linalg import cho_factor, cho_solve

from pbt.population.population import Population
from pbt.space.space import Values
from pbt.strategies.gp import Array, Parameters, Process, Rows, between, covariance_of
from pbt.strategies.scouting import Gain
from pbt.strategies.surrogate import Variables

WINDOW, LEAST_WINDOW = 0.25, 6
"""The share of all rounds from which rows are taken, and their number at least."""
WEIGHT = 0.7
"""Of the standard deviation in the bound."""
SHARED = 0.5
"""The variance of what all rows of one round have in common, in units of the process's own."""
_ANYWHERE, _NEAR, _SPREADS, _SAME_CHOICE = 100, 60, (0.05, 0.15), 0.8
_LENGTHS, _MEMORIES, _NOISES = (0.2, 0.5, 1.2), (0.15, 1.0), (0.05, 0.5)
"""Grid of the fit: lengths in units of the square root of the dimension, memories in shares of all rounds, noise."""


class Proposals:
    """The model right after an entry.

    Args:
        rows: what members gained, the newest last.
        waiting: members whose hyperparameters are asked for now.
    """

    def __init__(self, population: Population, rows: Sequence[Gain], waiting: Collection[int]) -> None:
        settings = population.settings
        self._interval, self._space = settings.interval, settings.space
        self._variables = Variables(settings.space, log=True)
        newest = max((r.round for r in rows), default=0)
        rounds = settings.steps // settings.interval if settings.steps else newest
        rows = [r for r in rows if r.round > newest - max(LEAST_WINDOW, int(WINDOW * rounds))]
        times = np.array([r.round for r in rows], dtype=np.float64)
        gains = _robust(times, np.array([r.gain for r in rows]))
        self._process: Process | None = None
        if gains is not None:
            points = self._points(times, [r.values for r in rows])
            self._parameters, self._noise = _of_greatest_evidence(
                points, gains, max(1, len(self._variables.cube) + len(self._variables.choices)), rounds
            )
            self._process = Process(self._parameters, points, gains, self._noise)
            self._rows = points
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
        bounds = self._process.predict(points)[0] + WEIGHT * np.sqrt(self._unsure(time).predict(points)[1])
        found = candidates[int(np.argmax(bounds))]
        self._others.append(found)
        return found

    def _unsure(self, time: float) -> Process:
        """The process that has also seen, with noise of its own alone, what the other members train with."""
        pending = self._points(np.full(len(self._others), time), self._others)
        rows = Rows(*(np.concatenate(pair) for pair in zip(self._rows, pending, strict=True)))
        noise = self._parameters.noise * np.eye(len(rows.t))
        seen = len(self._rows.t)
        noise[:seen, :seen] = self._noise
        return Process(self._parameters, rows, np.zeros(len(rows.t)), noise)

    def _points(self, times: Array, values: Sequence[Values]) -> Rows:
        """Points of the unit cube; each choice adds one coordinate a category, so that two of them are .5 apart."""
        n, choices = len(values), [len(domain.values) for domain in self._variables.choices.values()]
        x = np.zeros((n, len(self._variables.cube) + sum(choices)))
        for row, v in zip(x, values, strict=True):
            first = len(self._variables.cube)
            row[:first] = self._variables.point(v)
            for many, category in zip(choices, self._variables.categories(v), strict=True):
                row[first + category] = 0.5
                first += many
        return Rows(times, x, np.zeros((n, 0), dtype=np.int64))

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


def _of_greatest_evidence(rows: Rows, gains: Array, dimensions: int, rounds: int) -> tuple[Parameters, Array]:
    """Of a few parameters, whose variance is profiled, those of the greatest marginal likelihood; and their noise.

    So few rows would let a search by gradients explain all by chance, or nothing. Rows of one round share a part of
    their noise: what happened to all in that round.
    """
    n, pairs = len(gains), between(rows, rows)
    shared = SHARED * (pairs.half == 0.0)
    found: tuple[float, Parameters, Array] = (-math.inf, Parameters(), np.eye(n))
    for length, memory, own in itertools.product(_LENGTHS, _MEMORIES, _NOISES):
        fading = 1.0 - math.exp(-2.0 / (memory * rounds))
        p = Parameters(1.0, 2.0 * length**2 * dimensions, fading, own)
        noise = shared + own * np.eye(n)
        lower, _ = cho_factor(covariance_of(p, pairs) + noise, lower=True, check_finite=False)
        variance = float(gains @ cho_solve((lower, True), gains, check_finite=False)) / n + 1e-12
        evidence = -0.5 * n * math.log(variance) - float(np.log(np.diagonal(lower)).sum())
        if evidence > found[0]:
            found = evidence, p._replace(variance=variance, noise=own * variance), noise * variance
    return found[1:]


def _robust(times: Array, gains: Array) -> Array | None:
    """Gains in deviations from the median of their round, clipped at 3; None: they are all alike."""
    centred = gains.copy()
    with np.errstate(over="ignore", invalid="ignore"):  # a member that diverged
        for time in np.unique(times):
            centred[times == time] -= np.median(centred[times == time])
        deviation = 1.4826 * float(np.median(np.abs(centred)))
        plain = float(centred.std())
    deviation = max(deviation, 0.3 * min(plain, 10 * deviation)) if deviation > 0 else plain
    if not (deviation > 0 and np.isfinite(deviation)):
        return None
    clipped: Array = np.clip(centred / deviation, -3.0, 3.0)
    return clipped
