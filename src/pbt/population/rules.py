"""Which members are low, and which may be parents: functions of a population that every strategy shares."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice

from pbt.population.entries import Checkpoint
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.ranking import Ranked, key_of


@lru_cache(1024)
def cut(n: int, quantile: float) -> int:
    """How many of `n` ranked members are low, and how many are parents.

    max(1, round half up of quantile * n), capped at n // 2; 0 for a quantile of 0. (Published codes
    truncate, which leaves small populations without any exploit, or round up; see docs/algorithms/pbt.md.)
    """
    return 0 if quantile == 0.0 else min(max(1, math.floor(quantile * n + 0.5)), n // 2)


def ranked_in(population: Population, role: str | None) -> Ranked:
    """The ranking of one sub-population: the ranked members of that role, best first."""
    return tuple([pair for pair in population.ranked if population.members[pair[1]].role == role])


def ranked_by(population: Population, fitness: Mapping[int, float]) -> Ranked:
    """A ranking by another fitness than the last score.

    Args:
        fitness: a number for each member that is to be ranked, in the direction of the score; one that is not
            finite ranks last.
    """
    maximize = population.settings.maximize
    living = ((id, value) for id, value in fitness.items() if population.members[id].living)
    return tuple(sorted((key_of(value, maximize), id) for id, value in living))


def rank(population: Population, m: MemberState, ranked: Ranked | None = None) -> int:
    """The member's place, from 1; 0 if it is not ranked.

    Args:
        ranked: among these; by default among all.
    """
    if ranked is not None:
        return next((place for place, (_, id) in enumerate(ranked, 1) if id == m.id), 0)
    if m.key is None or m.done or m.absent:
        return 0
    return bisect_left(population.ranked, (m.key, m.id)) + 1


def bad(m: MemberState) -> bool:
    """It is replaced whatever its rank: its last ranked score is not finite, or its workers keep dying."""
    return m.cure or m.key == math.inf


def quorum(population: Population, undone: int | None = None) -> int:
    """How many must be ranked before a member exploits for its low rank.

    Otherwise half of all members would be exploited in the first round, against the first two.

    Args:
        undone: how many of the group are not done; by default of the population.
    """
    fixed = population.settings.quorum
    if fixed is not None:
        return fixed
    return max(2, math.ceil((population.undone if undone is None else undone) / 2))


def standing(population: Population, ranked: Ranked | None = None) -> Iterator[MemberState]:
    """Members that may be parents, best first: finite scores, and reports since their last exploit or birth.

    Args:
        ranked: among these; by default among all.
    """
    for key, id in population.ranked if ranked is None else ranked:
        if key == math.inf:
            return
        m = population.members[id]
        if m.standing and not m.cure:
            yield m


def parents(
    population: Population, child: MemberState, quantile: float, ranked: Ranked | None = None
) -> list[Checkpoint]:
    """The checkpoints that `child` may take over: those of the first k of the standing, never its own.

    For a child that is replaced for its low rank alone, a parent must be strictly better (equals stand in an
    arbitrary order), and past the step at which the child's present segment began: a parent that is not trained
    would be copied for ever.

    Args:
        quantile: the fraction of the ranked from which parents come.
        ranked: parents come from these; by default from all. The child need not be among them.
    """
    among = population.ranked if ranked is None else ranked
    keys = {id: key for key, id in among}
    own = keys.get(child.id, child.key)
    k, after = cut(len(among), quantile), -1 if bad(child) else child.since
    first = [m for m in islice(standing(population, among), k) if m.id != child.id]
    if not bad(child):
        first = [m for m in first if own is None or keys[m.id] < own]
    return [m.checkpoint for m in first if m.checkpoint and m.checkpoint.step > after]
