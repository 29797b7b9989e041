"""The change that takes another one back."""

from __future__ import annotations

from pbt.population.changes import Assign, Bound, Change, Pause, Pin, Resume, Revive, Unpin
from pbt.population.entries import Entry, Steered
from pbt.population.population import Population
from pbt.space.domains import Float, Int
from pbt.space.space import Values


def undone(before: Population, entry: Entry) -> Change | None:
    """The change that takes back what an entry changed from outside; None: it can not be, as with weights given away.

    Args:
        before: the population to which the entry happened.
    """
    if not isinstance(entry.event, Steered):
        return None
    change = entry.event.change
    if "pause" in change:
        return Resume(tuple(change["pause"]))
    if "resume" in change:
        return Pause(tuple(change["resume"]))
    if "pin" in change:
        return Unpin(change["pin"][0])
    if "unpin" in change:
        return Pin(change["unpin"][0])
    if "bound" in change:
        return _former_bounds(before, next(iter(change["bound"])))
    return _former_values(before, entry) if "set" in change else None


def _former_bounds(before: Population, name: str) -> Change | None:
    domain = before.settings.space.domains.get(name)
    return Bound(name, domain.min, domain.max) if isinstance(domain, Float | Int) else None


def _former_values(before: Population, entry: Entry) -> Change | None:
    assert isinstance(entry.event, Steered)
    named = entry.event.change["set"]
    decisions = [d for d in entry.decisions if d.member in named and d.decided is not None]
    members = tuple(d.member for d in decisions)
    if decisions and all(d.stop for d in decisions):
        return Revive(members)
    formers: list[Values] = []
    for d in decisions:
        old = before.members[d.member].hyperparameters
        if d.start != "on" or d.hyperparameters is None or old is None:
            return None
        named_too = d.why.operations  # others were moved into bounds that have changed, and stay there
        formers.append({n: old[n] for n, value in d.hyperparameters.items() if n in named_too and old[n] != value})
    return Assign(members, formers[0]) if formers and all(f == formers[0] for f in formers) else None
