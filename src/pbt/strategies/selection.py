"""Selection: truncation, tournament, t-test (Jaderberg et al. 2017, section 3.1), and gates before an exploit.

Each gives the reason of a member's decision and the parents among which one is drawn; no parent: it goes on. A member
whose score is not finite, or whose workers keep dying, exploits whatever the rule, for any parent that may be one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import pstdev
from typing import NamedTuple

from pbt.population.entries import Checkpoint, Why
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.ranking import Ranked, key_of
from pbt.population.rules import bad, cut, parents, quorum, rank, standing
from pbt.space.numbers import real
from pbt.strategies.welch import p_above


class Gates(NamedTuple):
    """How far a parent must be ahead (DexPBT, Petrenko et al. 2023; Isaac Lab), in the score's own unit.

    Attributes:
        deviations: times the standard deviation of the ranked members' scores.
        absolute: a distance.
        relative: times the size of the parent's score.
    """

    deviations: float = 0.0
    absolute: float = 0.0
    relative: float = 0.0

    def least(self, ranked: Ranked, parent: Checkpoint) -> float:
        """The least distance, for this parent."""
        keys = [key for key, _ in ranked if math.isfinite(key)]
        spread = pstdev(keys) if self.deviations and len(keys) > 1 else 0.0
        return max(self.deviations * spread, self.absolute, self.relative * abs(real(parent.score)))

    def passed(self, population: Population, child: MemberState, found: list[Checkpoint]) -> list[Checkpoint]:
        """The parents that are far enough ahead of the child."""
        if not any(self) or bad(child) or child.key is None:
            return found
        maximize = population.settings.maximize
        return [p for p in found if child.key - key_of(p.score, maximize) > self.least(population.ranked, p)]


def truncation(population: Population, m: MemberState, quantile: float) -> tuple[Why, list[Checkpoint]]:
    """One of the last k takes over one of the first k, k = cut(N, quantile)."""
    n = len(population.ranked)
    k, place = cut(n, quantile), rank(population, m)
    why = Why(place, n, k, place > n - k and n >= quorum(population))
    return why, parents(population, m, quantile) if why.low or bad(m) else []


def tournament(population: Population, m: MemberState) -> tuple[Why, list[Checkpoint]]:
    """One other is drawn; it is taken over if it is strictly better."""
    return _duel(population, m, lambda other: None if key(other) < key(m) else "not better")


def t_test(population: Population, m: MemberState, significance: float) -> tuple[Why, list[Checkpoint]]:
    """One other is drawn; it is taken over if its last evaluations are better with significance (one-sided)."""

    def beaten(other: MemberState) -> str | None:
        sign = 1.0 if population.settings.maximize else -1.0
        ours, theirs = ([sign * real(x) for x in member.evaluations] for member in (m, other))
        if not all(map(math.isfinite, (*ours, *theirs))) or not ours or not theirs:
            return "an evaluation is not finite"
        p = p_above(ours, theirs)
        return None if p < significance else f"p = {p:.3g}"

    return _duel(population, m, beaten)


def key(m: MemberState) -> float:
    """Its place in the ranking; infinity while it has none."""
    return math.inf if m.key is None else m.key


def _duel(
    population: Population, m: MemberState, kept: Callable[[MemberState], str | None]
) -> tuple[Why, list[Checkpoint]]:
    """Against one other that may be a parent; `kept` says why the member keeps its own weights, or None."""
    n, worst = len(population.ranked), bad(m)
    why = Why(rank(population, m), n, 0, worst)
    if not worst and n < quorum(population):
        return why, []
    others = [o for o in standing(population) if o.id != m.id and o.checkpoint is not None]
    if not worst:
        others = [o for o in others if o.checkpoint and o.checkpoint.step > m.since]
    if not others:
        return why, []
    other = others[population.chance(m.id).index("opponent", len(others))]
    assert other.checkpoint is not None
    if worst:
        return why, [other.checkpoint]
    reason = kept(other)
    if reason is not None:
        return Why(why.rank, n, 0, note=f"kept against member {other.id}: {reason}"), []
    return Why(why.rank, n, 0, True), [other.checkpoint]
