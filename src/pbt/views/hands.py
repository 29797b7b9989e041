"""What people and programs changed: who, why, what, and what would take it back."""

from __future__ import annotations

from msgspec.structs import replace

from pbt.population.entries import Decision, Entry, Steered
from pbt.population.population import Population
from pbt.population.undo import Undo, undone
from pbt.views.reasons import sentence
from pbt.views.rows import DecisionRow
from pbt.views.shapes import ChangeLine
from pbt.views.table import number_text

OWN = ("worker", "client")
"""By whom members and scripts are said to change what is their own."""
_KEPT = 500


class Hands:
    """Collects changes from outside, entry by entry: the newest of them."""

    def __init__(self) -> None:
        self._told: list[tuple[ChangeLine, Undo | None]] = []

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """A listener: see `pbt.coordinator.follower.Listener`."""
        event = entry.event
        if isinstance(event, Steered) and before is not None and event.by not in OWN:
            told = [d.member for d in entry.decisions if d.decided is not None]
            said = ChangeLine(
                after.count, entry.time, event.by, event.why, what_changed(before, entry, event),
                told[0] if len(told) == 1 else None, None,
            )  # fmt: skip
            self._told = [*self._told[1 - _KEPT :], (said, undone(before, entry))]

    def lines(self, now: Population) -> list[ChangeLine]:
        """Each change, with what takes back that of it which is still in force."""
        return [replace(line, undo=None if undo is None else undo(now)) for line, undo in self._told]


def what_changed(before: Population, entry: Entry, event: Steered) -> str:
    """A change from outside, in words."""
    change = event.change
    for word, done in (("pause", "paused"), ("resume", "resumed"), ("again", "begun anew")):
        if word in change:
            return f"{_members(change[word])} {done}"
    if "steps" in change:
        return f"Each member is to do {change['steps']:,} steps"
    if "bound" in change:
        ((name, (low, high)),) = change["bound"].items()
        return f"Bounds of {name} moved to {number_text(low)} and {number_text(high)}"
    for word, done in (("unpin", "unpinned"), ("pin", "pinned")):
        if word in change:
            return f"Checkpoint {', '.join(change[word])} {done}"
    told = [d for d in entry.decisions if d.decided is not None]
    if len(told) > 1:
        done = "stopped" if told[0].stop else "changed"
        return f"{_members([d.member for d in told])} {'trained again' if _revived(before, told) else done}"
    if told and _revived(before, told):
        return f"{_members([told[0].member])} trained again, from step {before.members[told[0].member].saved_step:,}"
    return _decided(before, entry) if told else "Something changed"


def _revived(before: Population, told: list[Decision]) -> bool:
    """Whether members that were stopped go on as they stood; a fork of just that checkpoint is no other thing."""
    members = [before.members[d.member] for d in told]
    return all(
        m.stopped and m.checkpoint is not None and d.source is not None and d.source.id == m.checkpoint.id
        and d.hyperparameters == m.hyperparameters
        for m, d in zip(members, told, strict=True)
    )  # fmt: skip


def _decided(before: Population, entry: Entry) -> str:
    d = next(d for d in entry.decisions if d.decided is not None)
    m, source = before.members[d.member], d.source
    row = DecisionRow(
        0, entry.time, m.id, m.step, d.start, None if source is None else source.member,
        None if source is None else source.id, d.hyperparameters, d.stop, d.failed, d.role, type(d.why)(),
    )  # fmt: skip
    return sentence(row, m.hyperparameters if source is None else source.hyperparameters).removesuffix(".")


def _members(ids: list[int]) -> str:
    named = ", ".join(map(str, ids[:10])) + (f" and {len(ids) - 10} more" if len(ids) > 10 else "")
    return f"Member {named}" if len(ids) == 1 else f"Members {named}"
