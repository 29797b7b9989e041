"""Who is low, and who may be a parent: functions of a population that every strategy shares."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Protocol

from pbt.population.entries import Checkpoint
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.space.space import Values


@lru_cache(1024)
def cut(n: int, quantile: float) -> int:
    """How many of `n` ranked members are low, and how many are parents.

    max(1, round half up of quantile * n), capped at n // 2; 0 for a quantile of 0. (Published codes
    truncate, which leaves small populations without any exploit, or round up; see docs/algorithms/pbt.md.)
    """
    return 0 if quantile == 0.0 else min(max(1, math.floor(quantile * n + 0.5)), n // 2)


def rank(population: Population, m: MemberState) -> int:
    """The member's place among the ranked, from 1; 0 if it is not ranked."""
    if m.key is None or m.done or m.absent:
        return 0
    return bisect_left(population.ranked, (m.key, m.id)) + 1


def bad(m: MemberState) -> bool:
    """It is replaced whatever its rank: its last ranked score is not finite, or its workers keep dying."""
    return m.cure or m.key == math.inf


def quorum(population: Population) -> int:
    """How many must be ranked before anybody is exploited for a low rank.

    Otherwise half of all members would be exploited in the first round, against the first two.
    """
    fixed = population.settings.quorum
    return max(2, math.ceil(population.undone / 2)) if fixed is None else fixed


def standing(population: Population) -> Iterator[MemberState]:
    """Members that may be parents, best first: finite scores, and reports since their last exploit or birth."""
    for key, id in population.ranked:
        if key == math.inf:
            return
        m = population.members[id]
        if m.standing and not m.cure:
            yield m


def parents(population: Population, child: MemberState, quantile: float) -> list[Checkpoint]:
    """The checkpoints that `child` may take over: those of the first k of the standing, never its own.

    For a child that is replaced for its low rank alone, a parent must be strictly better (equals stand in an
    arbitrary order), and past the step at which the child's present segment began: a parent that nobody trains
    would be copied for ever.
    """
    k, after = cut(len(population.ranked), quantile), -1 if bad(child) else child.since
    first = [m for m in islice(standing(population), k) if m.id != child.id and (bad(child) or better(m, child))]
    return [m.checkpoint for m in first if m.checkpoint and m.checkpoint.step > after]


def better(a: MemberState, b: MemberState) -> bool:
    """Whether `a` ranks strictly before `b` by its score; one that is not finite is worse than any that is."""
    return a.key is not None and (b.key is None or a.key < b.key)


class Stands(Protocol):
    """How a member stands, in the fold or in an answer."""

    @property
    def hyperparameters(self) -> Values | None:
        """The decided ones."""
        ...

    @property
    def former(self) -> Values | None:
        """Its own before the last change."""
        ...

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The current one, with the hyperparameters of whoever wrote it."""
        ...


def undone(stands: Stands, name: str, used: object) -> bool:
    """Whether an old value came back in place of the decided one.

    A value read back that differs from the decided one is a bug only when it equals the parent's or the
    member's own former value: the load of a checkpoint brought it back. Anything else is a scheduler.
    """
    decided = (stands.hyperparameters or {}).get(name)
    if decided is None or close(decided, used):
        return False
    formers = (stands.former, stands.checkpoint.hyperparameters if stands.checkpoint is not None else None)
    return any(former is not None and name in former and close(former[name], used) for former in formers)


def close(a: object, b: object) -> bool:
    """Equal, or numbers that differ by no more than single precision rounds."""
    if type(a) in (int, float) and type(b) in (int, float):
        return math.isclose(a, b, rel_tol=1e-6)  # type: ignore[arg-type]
    return a == b
