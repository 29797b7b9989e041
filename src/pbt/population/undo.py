"""The change that takes another one back, as far as that one is still in force."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pbt.population.changes import Assign, Bound, Change, Pause, Pin, Resume, Revive, Unpin
from pbt.population.entries import Entry, Steered
from pbt.population.population import Population
from pbt.space.domains import Float, Int
from pbt.space.space import Values

Undo = Callable[[Population], Change | None]
"""From how the population stands now to the change; None: nothing is left to take back."""


class _Set(NamedTuple):
    """Hyperparameters that were set on one member: by its decision of this number, and before."""

    member: int
    decision: int
    values: Values
    former: Values

    def left(self, now: Population) -> Values:
        """The former values of those that are still in force: neither given with other weights nor set since."""
        m = now.members[self.member]
        if m.done or m.given > self.decision:
            return {}
        present = m.hyperparameters or {}
        return {name: self.former[name] for name, value in self.values.items() if present.get(name) == value}


def undone(before: Population, entry: Entry) -> Undo | None:
    """What takes back what an entry changed from outside; None: it can not be, as with weights given away.

    Args:
        before: the population to which the entry happened.
    """
    if not isinstance(entry.event, Steered):
        return None
    change = entry.event.change
    if "pause" in change:
        return _of_pause(tuple(change["pause"]))
    if "resume" in change:
        return _of_resume(tuple(change["resume"]))
    if "pin" in change:
        return _of_pin(change["pin"][0])
    if "unpin" in change:
        return lambda now: Pin(change["unpin"][0])
    if "bound" in change:
        return _of_bounds(before, *next(iter(change["bound"].items())))
    return _of_decisions(before, entry) if "set" in change else None


def _of_pause(members: tuple[int, ...]) -> Undo:
    def undo(now: Population) -> Change | None:
        left = tuple(id for id in members if now.members[id].paused)
        return Resume(left) if left else None

    return undo


def _of_resume(members: tuple[int, ...]) -> Undo:
    def undo(now: Population) -> Change | None:
        left = tuple(id for id in members if not (now.members[id].paused or now.members[id].done))
        return Pause(left) if left else None

    return undo


def _of_pin(checkpoint: str) -> Undo:
    return lambda now: Unpin(checkpoint) if any(pin.id == checkpoint for pin in now.pins) else None


def _of_bounds(before: Population, name: str, moved: tuple[float, float]) -> Undo | None:
    """The bounds that the entry moved, each where nobody has moved it since."""
    old = before.settings.space.domains.get(name)
    if not isinstance(old, Float | Int):
        return None
    formers = (old.min, old.max)

    def undo(now: Population) -> Change | None:
        domain = now.settings.space.domains[name]
        assert isinstance(domain, Float | Int)
        present = zip(formers, moved, (domain.min, domain.max), strict=True)
        low, high = (former if former != to == is_now else None for former, to, is_now in present)
        return None if low is None and high is None else Bound(name, low, high)

    return undo


def _of_decisions(before: Population, entry: Entry) -> Undo | None:
    assert isinstance(entry.event, Steered)
    named = entry.event.change["set"]
    decisions = [d for d in entry.decisions if d.member in named and d.decided is not None]
    if decisions and all(d.stop for d in decisions):
        stops = {d.member: before.members[d.member].decisions + 1 for d in decisions}
        return lambda now: _revived(now, stops)
    changed: list[_Set] = []
    for d in decisions:
        m = before.members[d.member]
        if d.start != "on" or d.hyperparameters is None or m.hyperparameters is None:
            return None
        named_too = d.why.operations  # others were moved into bounds that have changed, and stay there
        values = {n: v for n, v in d.hyperparameters.items() if n in named_too and m.hyperparameters[n] != v}
        changed.append(_Set(d.member, m.decisions + 1, values, m.hyperparameters))
    return lambda now: _set_back(now, changed)


def _revived(now: Population, stops: dict[int, int]) -> Change | None:
    left = tuple(id for id, decision in stops.items() if now.members[id].given == decision)
    return Revive(left) if left else None


def _set_back(now: Population, changed: list[_Set]) -> Change | None:
    """The former values, where all members that are left have the same: a change sets one value for all."""
    left = {s.member: values for s in changed if (values := s.left(now))}
    first = next(iter(left.values()), None)
    return Assign(tuple(left), first) if first and all(values == first for values in left.values()) else None
