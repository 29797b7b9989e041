"""A model of the gain of an interval of training, and the hyperparameters with the greatest upper bound of it.

From the rows of a population to the unit cube of `pbt.strategies.gp` and back. Needs NumPy and SciPy.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace
from scipy.optimize import minimize

from pbt.population.recorded import Settings
from pbt.space.domains import Choice, Domain, Float, Int, Ordinal
from pbt.space.space import Space, Values
from pbt.space.values import index
from pbt.strategies.gp import Array, Parameters, Process, Rows, fit
from pbt.strategies.rows import Row

_CANDIDATES, _CLIMBS = 256, 3
"""Points at which the bound is looked at, and how many of the best are followed uphill."""
_FAR = 10.0
"""Robust deviations from the median, beyond which gains count as so far: 1e30 says no more than that it is bad."""
_CLIPPED = 2.0
"""Standard deviations to which gains are clipped, as in the published code: a collapse must not hide all else."""
_LAST = math.nextafter(1.0, 0.0)


class Form(NamedTuple):
    """How rows become points.

    Attributes:
        score: the score at the beginning of an interval is a variable.
        deviation: the bound adds a multiple of the standard deviation; else of the variance.
        normalised_time: t runs from 0 to 1 over the rows, so that next to nothing is forgotten; else in intervals.
        log: domains with a logarithmic scale are modelled in it.
    """

    score: bool = True
    deviation: bool = True
    normalised_time: bool = False
    log: bool = True


class Variables:
    """The explored hyperparameters of a space as coordinates in [0, 1], and its explored choices as indices."""

    def __init__(self, space: Space, log: bool) -> None:
        explored = {name: domain for name, domain in space.domains.items() if domain.explore}
        self.cube: dict[str, Domain] = {
            name: replace(domain, log=False) if isinstance(domain, Float | Int) and not log else domain
            for name, domain in explored.items()
            if isinstance(domain, Float | Int | Ordinal)
        }
        self.choices = {name: domain for name, domain in explored.items() if isinstance(domain, Choice)}

    def point(self, values: Mapping[str, Any]) -> list[float]:
        """Coordinates of a configuration."""
        return [domain.unit(values[name]) for name, domain in self.cube.items()]

    def categories(self, values: Mapping[str, Any]) -> list[int]:
        """Indices of its choices."""
        return [index(domain.values, values[name]) for name, domain in self.choices.items()]

    def values(self, point: Sequence[float], others: Mapping[str, Any]) -> Values:
        """The configuration at a point; values that are no coordinates come from `others`."""
        there = dict(zip(self.cube, point, strict=True))
        return {
            name: self.cube[name].sample(min(max(float(there[name]), 0.0), _LAST)) if name in there else value
            for name, value in others.items()
        }


class Found(NamedTuple):
    """The configuration of the greatest bound, and the model's prediction of it, in deviations of the gains."""

    values: Values
    mean: float
    deviation: float


class Model:
    """A Gaussian process of the gains of intervals.

    Args:
        form: how rows become points.
        categories: the choices are variables of the process too.
    """

    def __init__(self, settings: Settings, rows: Sequence[Row], form: Form, categories: bool = False) -> None:
        self._form, self._interval, self._space = form, settings.interval, settings.space
        self.variables = Variables(settings.space, form.log)
        self._categories = categories
        gains = np.array([(r.after - r.before) * settings.interval / (r.ended - r.began) for r in rows])
        self.y = standardised(gains if settings.maximize else -gains)
        self._times = np.array([r.began / settings.interval for r in rows])
        scores = np.array([r.before for r in rows])
        self._score_from, self._score_width = float(scores.min()), float(np.ptp(scores)) or 1.0
        self.rows = Rows(
            np.array([self._time(r.began) for r in rows]),
            np.array([self._point(r.values, r.before) for r in rows]).reshape(len(rows), -1),
            np.array([self._category(r.values) for r in rows], dtype=np.int64).reshape(len(rows), -1),
        )
        self._parameters: Parameters = fit(self.rows, self.y)
        self._process = Process(self._parameters, self.rows, self.y)
        self._pending: list[tuple[list[float], list[int]]] = []

    def _time(self, step: int) -> float:
        if not self._form.normalised_time:
            return step / self._interval
        first, width = float(self._times.min()), float(np.ptp(self._times)) or 1.0
        return (step / self._interval - first) / width

    def _point(self, values: Mapping[str, Any], score: float) -> list[float]:
        point = self.variables.point(values)
        return [*point, (score - self._score_from) / self._score_width] if self._form.score else point

    def _category(self, values: Mapping[str, Any]) -> list[int]:
        return self.variables.categories(values) if self._categories else []

    def train(self, values: Mapping[str, Any]) -> None:
        """A configuration is in training: it counts as observed, at whatever time and score is asked about."""
        self._pending.append((self.variables.point(values), self._category(values)))

    def best(self, step: int, score: float, others: Mapping[str, Any], rng: random.Random) -> Found:
        """The configuration of the greatest upper confidence bound for an interval that begins at `step`.

        Args:
            score: at its beginning.
            others: values of hyperparameters that are no variables, and the choices.
            rng: where the search begins.
        """
        d, n = len(self.variables.cube), len(self.y)
        time = self._time(step)
        context = self._point(others, score)[d:]
        categories = self._category(others)

        def points(x: Array) -> Rows:
            m = len(x)
            whole = np.hstack([x, np.tile(np.array(context), (m, 1))])
            return Rows(np.full(m, time), whole, np.tile(np.array(categories, dtype=np.int64), (m, 1)))

        unsure = self._with_pending(time, context)
        weight = math.sqrt(max(0.0, 0.2 * math.log(0.4 * n)))

        def bounds(x: Array) -> Array:
            spread = unsure.predict(points(x))[1]
            return self._process.predict(points(x))[0] + weight * (np.sqrt(spread) if self._form.deviation else spread)

        def downhill(x: Array) -> tuple[float, Array]:
            point = points(x[None, :])
            mean, _, by_mean, _ = self._process.slopes(point)
            _, variance, _, by_variance = unsure.slopes(point)
            spread, by_spread = variance, by_variance
            if self._form.deviation:
                spread = math.sqrt(max(variance, 1e-12))
                by_spread = by_variance / (2.0 * spread)
            return -(mean + weight * spread), -(by_mean + weight * by_spread)[:d]

        draws = np.random.default_rng(rng.getrandbits(64))
        candidates = np.vstack([draws.uniform(size=(_CANDIDATES, d)), np.array(self.variables.point(others))[None, :]])
        candidates = np.array([x for x in candidates if self._allows(x, others)] or candidates[-1:])
        start = candidates[np.argsort(-bounds(candidates), kind="stable")[:_CLIMBS]]
        box = [(0.0, 1.0)] * d
        climbs = [
            minimize(downhill, x, jac=True, method="L-BFGS-B", bounds=box, options={"maxiter": 50})
            for x in (start if d else ())  # SciPy knows no box without sides
        ]
        ends = [*(climb.x for climb in sorted(climbs, key=lambda climb: float(climb.fun))), *start]
        x = next((x for x in ends if self._allows(x, others)), ends[0])
        values = self.variables.values(x.tolist(), others)
        self.train(values)
        mean, variance = self._process.predict(points(x[None, :]))
        return Found(values, float(mean[0]), math.sqrt(float(variance[0])))

    def _allows(self, x: Array, others: Mapping[str, Any]) -> bool:
        """Whether the constraints hold at a point of the cube."""
        return self._space.holds(self.variables.values(x.tolist(), others)) if self._space.constraints else True

    def _with_pending(self, time: float, context: Sequence[float]) -> Process:
        """The process that has also seen what is in training; its parameters are those of the first."""
        if not self._pending:
            return self._process
        m = len(self._pending)
        rows = Rows(
            np.concatenate([self.rows.t, np.full(m, time)]),
            np.vstack([self.rows.x, np.array([[*x, *context] for x, _ in self._pending])]),
            np.vstack([self.rows.c, np.array([c for _, c in self._pending], dtype=np.int64).reshape(m, -1)]),
        )
        return Process(self._parameters, rows, np.zeros(len(rows.t)))


def standardised(gains: Array) -> Array:
    """Gains in standard deviations from their mean; a member that diverged does not make all others alike."""
    with np.errstate(over="ignore"):
        middle = np.median(gains)
        spread = 1.4826 * float(np.median(np.abs(gains - middle)))
    if spread > 0:
        gains = np.clip(gains, middle - _FAR * spread, middle + _FAR * spread)
    elif gains.any():
        gains = gains / np.abs(gains).max()
    deviation = float(gains.std())
    clipped: Array = np.clip((gains - gains.mean()) / (deviation or 1.0), -_CLIPPED, _CLIPPED)
    return clipped
