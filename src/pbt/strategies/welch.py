"""Welch's t-test: whether one mean lies above another whose variance may differ (Jaderberg et al. 2017, sect. 3.1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance

_PRECISION, _TERMS = 1e-12, 500


def p_above(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The one-sided p-value of the claim that the mean of `theirs` lies above that of `ours`.

    With fewer than two values on a side nothing can be claimed, unless nothing varies on either: then 0 where the
    means differ in that direction, else 1.

    Args:
        ours, theirs: evaluations, finite; at least one each.
    """
    a = variance(ours) / len(ours) if len(ours) > 1 else 0.0
    b = variance(theirs) / len(theirs) if len(theirs) > 1 else 0.0
    difference = fmean(theirs) - fmean(ours)
    if a + b == 0.0:
        return 0.0 if difference > 0.0 and min(len(ours), len(theirs)) > 1 else 1.0
    if min(len(ours), len(theirs)) < 2:
        return 1.0
    freedom = (a + b) ** 2 / (a * a / (len(ours) - 1) + b * b / (len(theirs) - 1))
    t = difference / math.sqrt(a + b)
    tail = 0.5 * _incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t))
    return tail if t > 0.0 else 1.0 - tail


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function (DLMF 8.17), by the continued fraction 8.17.22."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _incomplete_beta(b, a, 1.0 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        for term in (even, odd):
            d = 1.0 / _away_from_zero(1.0 + term * d)
            c = _away_from_zero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < _PRECISION:
            break
    return math.exp(log_front) * value / a


def _away_from_zero(x: float) -> float:
    return x if abs(x) > 1e-300 else 1e-300
