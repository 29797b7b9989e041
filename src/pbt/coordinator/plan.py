"""The plan of a change from outside, and what all plans are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from pbt.errors import Conflict, Invalid
from pbt.population.entries import Checkpoint, Decision
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.steered import find


class Plan(NamedTuple):
    """The entry of a change, what it does in words, and how that stands on which it depends."""

    change: dict[str, Any]
    effect: str
    seen: dict[str, Any]
    decisions: tuple[Decision, ...] = ()


def named(
    population: Population, ids: Iterable[int], otherwise: Callable[[MemberState], bool] | None = None
) -> list[MemberState]:
    """The members that are named, each once; where none is, those that `otherwise` says."""
    members = [population.member(id) for id in sorted(set(ids))]
    if not members and otherwise is None:
        raise Invalid("name at least one member")
    return members or [m for m in population.members if otherwise is not None and otherwise(m)]


def source_of(population: Population, name: str) -> Checkpoint:
    """A checkpoint that is kept, by id, as the best, or as a member's current one."""
    if name == "best":
        if population.best is None:
            raise Conflict("there is no best checkpoint yet")
        return population.best
    if name.isascii() and name.isdigit():
        m = population.member(int(name[:18]))
        if m.checkpoint is None or m.broken:
            raise Conflict(f"member {m.id} has no checkpoint yet")
        return m.checkpoint
    found = find(population, name)
    if found is None:
        raise Conflict(
            f"checkpoint {name[:80]!r} is not kept (any longer): each member's current one is, and the one before, the "
            "best, and those that are pinned"
        )
    return found


def decided_of(members: Iterable[MemberState]) -> dict[str, Any]:
    """How many decisions there were on each member: whoever knows of fewer has seen another member."""
    return {"decided": {m.id: m.decisions for m in members}}
