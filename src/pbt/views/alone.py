"""Members that a worker trains from beginning to end before others begin: hardly anybody is ranked then."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING

from pbt.errors import counted
from pbt.population.entries import Entry, Reported, Steered
from pbt.population.population import Population
from pbt.population.recorded import Settings

if TYPE_CHECKING:
    from pbt.views.run import Run

_FEW = 0.5
"""Of the members, below which a ranking saw few."""
_ENOUGH = 4
"""Decisions a member that are needed to tell: in the first round not all can be ranked yet."""
_UNRANKED = ("plans", "follow")
"""Strategies that rank nobody."""


def ranks(settings: Settings) -> bool:
    """Whether anybody is to take over from another because of a rank."""
    given = settings.strategy.parameters
    truncates = given.get("selection", "truncation") == "truncation"
    return settings.strategy.name not in _UNRANKED and not (truncates and given.get("quantile", 1) == 0)


def remedy(members: int) -> str:
    """What to do about it."""
    return f"loop over pbt.turns in the script instead of pbt.join, or give as many workers as members: {members}"


class Alone:
    """A listener that says so once, while training goes on: see `pbt.coordinator.follower.Listener`."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told = False

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """Look at the members that have just come to their end."""
        if self._told or before is None or after.finished or not ranks(after.settings):
            return
        for id in _trained_on(entry):
            m = after.members[id]
            if before.members[id].done or not m.done or m.lease is None or m.lease.turn:
                continue
            late = sum(m.lease is None and not m.done for m in after.members)
            if late:
                self._told = True
                begun = "has not begun" if late == 1 else "have not begun"
                self._say(
                    f"member {id} is trained to its end, and {counted(late, 'member')} {begun}: whoever is done is "
                    f"not ranked, so there is hardly anybody to take over from; {remedy(len(after.members))}"
                )
                return


def _trained_on(entry: Entry) -> list[int]:
    """The members whose workers report, or say that they are trained enough."""
    event = entry.event
    if isinstance(event, Reported):
        stopped = {d.member for d in entry.decisions if d.stop}
        return [report.member for report in event.reports if report.member not in stopped]
    return [event.change["finish"]] if isinstance(event, Steered) and "finish" in event.change else []


def ranked_few(run: Run) -> int | None:
    """How many the usual ranking saw, where that is far fewer than there are members; else None."""
    seen = [d.why.of for d in run.decisions if d.why.of]
    if not ranks(run.settings) or len(seen) < _ENOUGH * len(run.members) or any(m.role for m in run.members):
        return None
    usual = int(median(seen))
    return usual if usual < _FEW * len(run.members) else None
