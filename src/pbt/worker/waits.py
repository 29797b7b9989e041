"""Messages about waiting: for a free member, or for a decision."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import TYPE_CHECKING

from pbt.errors import counted

if TYPE_CHECKING:
    from pbt.coordinator.interface import AnyCoordinator
    from pbt.population.population import Population

_SHOWN = 10
"""Members that are named one by one."""


def for_a_member(where: str, coordinator: object, wish: int | None, ours: Collection[int]) -> str:
    """Why no member is free.

    Args:
        wish: the one member that is asked for.
        ours: those that this very process holds.
    """
    asked = f"member {wish}" if wish is not None else "a member"
    begin = f"waiting for {asked} of {where}: "
    own = sorted(ours if wish is None else {wish}.intersection(ours))
    if own:
        return (
            f"{begin}{_members(own)} held by this very process: train on with those from join or turns, or "
            "give it back with its close()"
        )
    population = _seen(coordinator)
    if population is None:
        which = "it" if wish is not None else "each that is not done"
        return (
            f"{begin}{which} is held by a living worker, is paused, or waits for a decision; "
            f"pbt status {shlex.quote(where)} tells which"
        )
    left = [m for m in population.members if not m.done and (wish is None or m.id == wish)]
    paused = [m.id for m in left if m.paused]
    due = [m.id for m in left if m.due and m.id not in paused]
    if paused and len(paused) == len(left):
        return begin + paused_words(where, paused)
    if wish is not None:
        return begin + ("it waits for a decision" if due else "a living worker holds it")
    one = len(left) == 1
    waits = f", {len(due)} of them waiting for a decision" if due and not one else ""
    waits += f", {len(paused)} paused" if paused else ""
    more = f": more than {counted(len(left), 'worker')} at once {'is' if one else 'are'} of no use"
    held = "a living worker holds the one that is" if one else f"living workers hold the {len(left)} that are"
    return f"{begin}{held} not done{waits}{more if len(left) == len(population.members) else ''}"


def for_a_decision(where: str, coordinator: AnyCoordinator, member: int) -> str:
    """Why a member that has reported can not go on."""
    begin = f"member {member} waits for "
    population = _seen(coordinator)
    if population is None:
        return (
            f"{begin}the server's answer; at a barrier it comes once every member of the round has reported, and if "
            "somebody has paused the member, once it is resumed"
        )
    if population.members[member].paused:
        return f"{begin}somebody to resume it: it is paused (pbt steer {shlex.quote(where)} resume {member})"
    if population.members[member].owed:
        return f"{begin}new hyperparameters, which another process works out"
    lacks = [m.id for m in population.members if m.living and not m.due]
    return f"{begin}the others at the barrier: {_members(lacks)} still to report" if lacks else f"{begin}a decision"


def paused_words(where: str, ids: Collection[int]) -> str:
    """That these members are paused, and how they go on."""
    them = "it" if len(ids) == 1 else "them"
    return f"{_members(ids)} paused; pbt steer {shlex.quote(where)} resume lets {them} go on"


def _members(ids: Collection[int]) -> str:
    named = ", ".join(map(str, list(ids)[:_SHOWN]))
    rest = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return f"member {named} is" if len(ids) == 1 else f"members {named}{rest} are"


def _seen(coordinator: object) -> Population | None:
    """The population, where it is at hand: a server is not asked for the sake of a sentence."""
    return getattr(coordinator, "population", None)
