"""A Gaussian process whose covariance fades with time, over continuous and categorical variables.

The covariance of two rows (t, x, c) and (t', x', c') is

    continuous   k1 = v1 exp(-|x - x'|^2 / l) (1 - e1)^(|t - t'| / 2)        (PB2: Parker-Holder et al. 2020, section 4)
    categorical  k2 = v2 (share of equal categories) (1 - e2)^(|t - t'| / 2)  (PB2-Mix: Parker-Holder et al. 2021)
    both         (1 - m) / 2 (k1 + k2) + m k1 k2

with noise on the diagonal. What is continuous lies in [0, 1]; t counts intervals. Parameters are fitted by maximising
the marginal likelihood with exact gradients. Needs NumPy and SciPy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

Array = NDArray[np.float64]

JITTER = 1e-8
"""Added to the diagonal: two equal rows make the matrix singular."""
FITTED_ON = 250
"""Rows, the newest, on which parameters are fitted: one step of the fit costs the cube of their number."""


class Rows(NamedTuple):
    """Points of observation or of prediction.

    Attributes:
        t: times, in intervals; shape (n,).
        x: continuous variables in [0, 1]; shape (n, d).
        c: categories as indices; shape (n, m), m = 0: none.
    """

    t: Array
    x: Array
    c: NDArray[np.int64]

    def newest(self, n: int) -> Rows:
        """The last n."""
        return Rows(self.t[-n:], self.x[-n:], self.c[-n:])


class Bounds(NamedTuple):
    """Limits of the fitted parameters, each (low, high)."""

    variance: tuple[float, float] = (0.05, 20.0)
    scale: tuple[float, float] = (0.01, 10.0)
    fading: tuple[float, float] = (1e-4, 0.5)
    noise: tuple[float, float] = (1e-4, 2.0)
    mix: tuple[float, float] = (0.01, 0.99)


class Parameters(NamedTuple):
    """The fitted parameters.

    Attributes:
        variance: v1, of the standardised observations.
        scale: l, the square of a length in the unit cube.
        fading: e1, in [0, 1): the share of what is known that an interval takes away (as a square root).
        noise: variance of an observation's noise.
        category_variance, category_fading: v2, e2.
        mix: m, in (0, 1).
    """

    variance: float = 1.0
    scale: float = 1.0
    fading: float = 0.1
    noise: float = 0.1
    category_variance: float = 1.0
    category_fading: float = 0.1
    mix: float = 0.5


_LOGARITHMIC = (True, True, False, True, True, False, False)


class Between(NamedTuple):
    """What two sets of rows are to each other, whatever the parameters; each of shape (len(a), len(b)).

    Attributes:
        half: half the distance in time.
        distance: the squared distance of the continuous variables.
        equal: the share of equal categories; None: there are none.
    """

    half: Array
    distance: Array
    equal: Array | None


def between(a: Rows, b: Rows) -> Between:
    """Half the distances in time, squared distances, and shares of equal categories."""
    half = np.abs(a.t[:, None] - b.t[None, :]) / 2.0
    squares = np.sum(a.x * a.x, axis=1)[:, None] + np.sum(b.x * b.x, axis=1)[None, :] - 2.0 * (a.x @ b.x.T)
    equal = np.mean(a.c[:, None, :] == b.c[None, :, :], axis=2) if a.c.shape[1] else None
    return Between(half, np.maximum(squares, 0.0), equal)


def covariance(p: Parameters, a: Rows, b: Rows) -> Array:
    """The covariance of two sets of rows, without noise; shape (len(a), len(b))."""
    return covariance_of(p, between(a, b))


def covariance_of(p: Parameters, pairs: Between) -> Array:
    """The covariance of two sets of rows that are this to each other; shape (len(a), len(b))."""
    return _parts(p, pairs)[0]


def _parts(p: Parameters, pairs: Between) -> tuple[Array, Array, Array]:
    """The covariance, k1 and k2."""
    k1 = p.variance * np.exp(pairs.half * np.log1p(-p.fading) - pairs.distance / p.scale)
    if pairs.equal is None:
        return k1, k1, k1
    k2 = p.category_variance * pairs.equal * np.exp(pairs.half * np.log1p(-p.category_fading))
    return (1.0 - p.mix) / 2.0 * (k1 + k2) + p.mix * k1 * k2, k1, k2


def gradients(p: Parameters, pairs: Between) -> list[Array]:
    """The derivatives of the covariance of rows with themselves and of its noise, by each of `Parameters` in order.

    Without categories the last three are left out.
    """
    _, k1, k2 = _parts(p, pairs)
    by1 = [k1 / p.variance, k1 * pairs.distance / p.scale**2, -k1 * pairs.half / (1.0 - p.fading)]
    noise = np.eye(len(k1))
    if pairs.equal is None:
        return [*by1, noise]
    by2 = [k2 / p.category_variance, -k2 * pairs.half / (1.0 - p.category_fading)]
    outer1, outer2 = (1.0 - p.mix) / 2.0 + p.mix * k2, (1.0 - p.mix) / 2.0 + p.mix * k1
    return [*(d * outer1 for d in by1), noise, *(d * outer2 for d in by2), k1 * k2 - (k1 + k2) / 2.0]


def likelihood(p: Parameters, pairs: Between, y: Array) -> tuple[float, Array]:
    """The logarithm of the marginal likelihood (Rasmussen and Williams 2006, equation 5.8), and its gradient (5.9).

    Args:
        pairs: of the rows with themselves.
        y: what was observed there; shape (n,).
    """
    n = len(y)
    k = covariance_of(p, pairs)
    k[np.diag_indices(n)] += p.noise + JITTER
    factor = cho_factor(k, lower=True, overwrite_a=True, check_finite=False)
    alpha = cho_solve(factor, y, check_finite=False)
    value = -0.5 * y @ alpha - np.sum(np.log(np.diagonal(factor[0]))) - 0.5 * n * np.log(2.0 * np.pi)
    inner = np.outer(alpha, alpha) - _inverse(factor)
    return float(value), np.array([0.5 * np.vdot(inner, d) for d in gradients(p, pairs)])


def _inverse(factor: tuple[Array, bool]) -> Array:
    """The inverse, from a lower Cholesky factor: a third of the work of solving for the identity."""
    lower, _ = dpotri(factor[0], lower=1)
    half = np.tril(lower, -1)
    inverse: Array = half + half.T
    inverse[np.diag_indices(len(inverse))] = np.diagonal(lower)
    return inverse


def fit(rows: Rows, y: Array) -> Parameters:
    """Parameters of the greatest marginal likelihood on the newest `FITTED_ON` rows; the default ones if none is found.

    Args:
        y: observations, standardised; shape (n,).
    """
    rows, y = rows.newest(FITTED_ON), y[-FITTED_ON:]
    pairs = between(rows, rows)
    bounds, start = Bounds(), Parameters()
    limits = [bounds.variance, bounds.scale, bounds.fading, bounds.noise]
    if rows.c.shape[1]:
        limits += [bounds.variance, bounds.fading, bounds.mix]
    logarithmic = _LOGARITHMIC[: len(limits)]
    first = [min(max(value, low), high) for value, (low, high) in zip(start, limits, strict=False)]

    def inwards(theta: Array) -> Parameters:
        return Parameters(*(float(np.exp(v)) if log else float(v) for v, log in zip(theta, logarithmic, strict=True)))

    def loss(theta: Array) -> tuple[float, Array]:
        p = inwards(theta)
        try:
            value, slope = likelihood(p, pairs, y)
        except np.linalg.LinAlgError:
            return 1e25, np.zeros(len(theta))
        chain = np.array([v if log else 1.0 for v, log in zip(p, logarithmic, strict=False)])
        return -value, -slope * chain

    def outwards(values: Any) -> list[float]:
        return [float(np.log(v)) if log else float(v) for v, log in zip(values, logarithmic, strict=True)]

    boxes = list(zip(outwards([low for low, _ in limits]), outwards([high for _, high in limits]), strict=True))
    found = minimize(loss, outwards(first), jac=True, method="L-BFGS-B", bounds=boxes, options={"maxiter": 60})
    return inwards(found.x) if np.all(np.isfinite(found.x)) and found.fun < 1e24 else start


class Process:
    """A Gaussian process given observations.

    Args:
        parameters: as `fit` gives them.
        rows, y: the observations; n of at least 1.
        noise: the covariance of the observations' noise, where it is not alike and independent; shape (n, n).
    """

    def __init__(self, parameters: Parameters, rows: Rows, y: Array, noise: Array | None = None) -> None:
        self.parameters, self.rows = parameters, rows
        n = len(y)
        k = covariance(parameters, rows, rows) + (parameters.noise * np.eye(n) if noise is None else noise)
        k[np.diag_indices(n)] += JITTER
        factor = cho_factor(k, lower=True, overwrite_a=True, check_finite=False)
        self._alpha = cho_solve(factor, y, check_finite=False)
        self._inverse = _inverse(factor)
        one = Rows(np.zeros(1), np.zeros((1, rows.x.shape[1])), np.zeros((1, rows.c.shape[1]), dtype=np.int64))
        self._prior = float(covariance(parameters, one, one)[0, 0])

    def predict(self, points: Rows) -> tuple[Array, Array]:
        """Means and variances at points, of what is observed without its noise; each of shape (len(points),)."""
        k = covariance(self.parameters, points, self.rows)
        return k @ self._alpha, np.maximum(self._prior - np.sum((k @ self._inverse) * k, axis=1), 0.0)

    def slopes(self, point: Rows) -> tuple[float, float, Array, Array]:
        """Mean and variance at one point, and their derivatives by its continuous variables, each of shape (d,)."""
        p = self.parameters
        k, k1, k2 = _parts(p, between(point, self.rows))
        outer = (1.0 - p.mix) / 2.0 + p.mix * k2 if self.rows.c.shape[1] else 1.0
        by_x = (outer * k1).T * (-2.0 / p.scale) * (point.x - self.rows.x)
        solved = self._inverse @ k[0]
        variance = max(self._prior - float(k[0] @ solved), 0.0)
        return float(k[0] @ self._alpha), variance, by_x.T @ self._alpha, -2.0 * (by_x.T @ solved)
