"""Choosing among categories whose worth drifts, several at once: TV.EXP3.M.

Parker-Holder, Nguyen, Desai and Roberts 2021 (arXiv 2106.15883), algorithm 2 and appendix; capping and dependent
rounding after EXP3.M (Uchiya, Nakamura and Kudo 2010). The published code multiplies the exploration that
keeps weights alive into the exponential; here it is added, as in EXP3.S, which is what lets a new best arm catch up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

Round = Sequence[tuple[int, float]]
"""The plays of one round: (category, reward in [0, 1]) for each."""


class Rates(NamedTuple):
    """How fast weights move.

    Attributes:
        gamma: the share of plays that are uniform, in (0, 1].
        omega: the share of all weight that every category is given anew in each round.
    """

    gamma: float
    omega: float

    @staticmethod
    def of(categories: int, plays: int, rounds: int) -> Rates:
        """As published, from C categories, B plays a round, and K rounds; gamma capped at 1."""
        omega = 1.0 / (10.0 * max(1, rounds))
        if plays >= categories:
            return Rates(0.2, omega)
        square = categories * math.log(categories / plays) / ((math.e - 1.0) * plays * max(1, rounds) / 10.0)
        return Rates(min(1.0, math.sqrt(square)), omega)


def probabilities(categories: int, plays: int, rates: Rates, history: Sequence[Round]) -> list[float]:
    """How likely each category is to be played next; no less than gamma / C each.

    Args:
        categories: C, how many there are.
        plays: B, how many are played in a round.
        history: rounds, the first first.
    """
    weights = [1.0] * categories
    for played in history:
        weights = _after(weights, plays, rates, played)
    return _mixed(_capped(weights, plays, rates.gamma), rates.gamma)


def _after(weights: list[float], plays: int, rates: Rates, played: Round) -> list[float]:
    """The weights after one round, summing to C."""
    n = len(weights)
    capped = _capped(weights, plays, rates.gamma)
    chances = _mixed(capped, rates.gamma)
    rewards = [0.0] * n
    for category, reward in played:
        rewards[category] += reward / (plays * chances[category])
    added = math.e * rates.omega / n * sum(capped)
    grown = [
        (w if w < whole else w * math.exp(min(50.0, plays * rates.gamma * reward / n))) + added
        for w, whole, reward in zip(capped, weights, rewards, strict=True)
    ]
    total = sum(grown)
    return [w * n / total for w in grown]


def _capped(weights: list[float], plays: int, gamma: float) -> list[float]:
    """Weights cut off where a category would be played more than once in a round; the rest as they are."""
    n = len(weights)
    if plays >= n or gamma >= 1.0:
        return weights
    share = (1.0 / plays - gamma / n) / (1.0 - gamma)
    if share <= 0.0 or max(weights) < share * sum(weights):
        return weights
    rest, over = sum(weights), 0
    for w in sorted(weights, reverse=True):  # alpha = share * (sum of what lies below + over * alpha)
        rest, over = rest - w, over + 1
        if over * share >= 1.0:
            return weights
        alpha = share * rest / (1.0 - over * share)
        if all(other <= alpha for other in sorted(weights, reverse=True)[over:]):
            return [min(w, alpha) for w in weights]
    return weights


def _mixed(weights: list[float], gamma: float) -> list[float]:
    total, n = sum(weights), len(weights)
    return [(1.0 - gamma) * w / total + gamma / n for w in weights]


def drawn(chances: Sequence[float], k: int, draw: Callable[[], float]) -> list[int]:
    """As many categories as asked for, with the marginals k p: different ones where that can be, else independent.

    Args:
        chances: p, summing to 1.
        k: how many.
        draw: uniform in [0, 1).
    """
    if k < len(chances) and all(k * p <= 1.0 for p in chances):
        return rounded([k * p for p in chances], draw)
    return [_one(chances, draw()) for _ in range(k)]


def _one(chances: Sequence[float], u: float) -> int:
    for i, p in enumerate(chances):
        u -= p
        if u < 0.0:
            return i
    return len(chances) - 1


def rounded(marginals: Sequence[float], draw: Callable[[], float]) -> list[int]:
    """As many different indices as the marginals sum to, each with its own (dependent rounding)."""
    p = list(marginals)
    while True:
        between = [i for i, x in enumerate(p) if 1e-9 < x < 1.0 - 1e-9]
        if len(between) < 2:
            break
        i, j = between[:2]
        up, down = min(1.0 - p[i], p[j]), min(p[i], 1.0 - p[j])
        if draw() < down / (up + down):
            p[i], p[j] = p[i] + up, p[j] - up
        else:
            p[i], p[j] = p[i] - down, p[j] + down
    k = round(sum(marginals))
    return sorted(sorted(range(len(p)), key=lambda i: -p[i])[:k])
