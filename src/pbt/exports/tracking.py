"""Populations in trackers: one run a member, told by following the journal; never in the way of a report.

A tracker's own data says up to which entry it was told, so that a second call goes on there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Protocol

from pbt.coordinator.follower import Follower
from pbt.journals.journal import Reads
from pbt.population.entries import Entry, Past, Report, Reported, real, score_of
from pbt.population.lineage import Lineage
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.population.used import trained_with
from pbt.space.domains import Constant
from pbt.space.values import Value
from pbt.views.followed import number_of

_EVERY = 2.0
"""Seconds between two looks at a population that is followed."""


class Listens(Protocol):
    """A tracker that is told of entries."""

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """A listener: see `pbt.coordinator.follower.Listener`."""

    def flush(self) -> None:
        """Make what was heard visible, and remember how far that is."""

    def close(self) -> None:
        """Flush, and close what is open."""


class Point:
    """Numbers of a member at a step, at a time in seconds since 1970."""

    __slots__ = ("numbers", "step", "time")

    def __init__(self, step: int, time: float, numbers: dict[str, float]) -> None:
        self.step = step
        self.time = time
        self.numbers = numbers


class Tracker(Protocol):
    """What a tracker's package offers, as far as it is needed."""

    def begin(self, settings: Settings) -> int:
        """Open the population's runs; the number of the last entry that they were told.

        Raises:
            PBTError: another population is kept under this name.
        """

    def point(self, member: int, point: Point) -> None:
        """Add numbers to a member's run."""

    def tag(self, member: int, tags: dict[str, str]) -> None:
        """Set tags of a member's run."""

    def end(self, member: int, failed: bool) -> None:
        """A member is trained no further."""

    def commit(self, entry: int) -> None:
        """Write what was told, and that it goes up to this entry."""

    def close(self) -> None:
        """Close what is open."""


class Tracking:
    """Tells a tracker of a population: scores, metrics and hyperparameters over steps, lineage as tags."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._lineage = Lineage()
        self._written = self._count = 0
        self._changed: set[int] = set()

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """A listener: see `pbt.coordinator.follower.Listener`."""
        if before is None:
            self._written = self._tracker.begin(after.settings)
        self._count = after.count
        self._lineage.follow(before, entry, after)
        if self._count <= self._written:
            return
        if isinstance(entry.event, Reported) and before is not None:
            for report in entry.event.reports:
                self._report(report, entry.time, before.members[report.member], before.settings)
        self._changed.update(d.member for d in entry.decisions if d.start != "on")
        for m in ended(before, entry, after):
            self._tell(m.id)
            self._tracker.end(m.id, m.failed)

    def _report(self, report: Report, at: float, m: MemberState, settings: Settings) -> None:
        told: list[Report | Past] = [*report.history, report]
        for said in told:
            metrics = {f"metrics/{name}": real(value) for name, value in said.metrics.items()}
            self._tracker.point(m.id, Point(said.step, at, {"score": real(score_of(said)), **metrics}))
        values = {
            f"hyperparameters/{name}": height(settings, name, value)
            for name, value in (trained_with(m, report) or {}).items()
            if not isinstance(settings.space.domains.get(name), Constant)
        }
        self._tracker.point(m.id, Point(report.step, at, values))

    def _tell(self, member: int) -> None:
        """Tag a run with its lineage."""
        self._changed.discard(member)
        if member not in self._lineage.current:
            return
        path = self._lineage.current[member].path()
        parent = next((s.member for s in reversed(path[:-1]) if s.member != member), None)
        self._tracker.tag(member, {
            "pbt.lineage": " > ".join(f"{s.member}@{s.start}" for s in path),
            "pbt.exploits": str(sum(s.exploit for s in path)),
            **({} if parent is None else {"pbt.parent": str(parent)}),
        })  # fmt: skip

    def flush(self) -> None:
        """See `Listens`."""
        for member in sorted(self._changed):
            self._tell(member)
        if self._count > self._written:
            self._tracker.commit(self._count)
            self._written = self._count

    def close(self) -> None:
        """See `Listens`."""
        try:
            self.flush()
        finally:
            self._tracker.close()


def ended(before: Population | None, entry: Entry, after: Population) -> Iterator[MemberState]:
    """The members that are trained no further since an entry."""
    touched = {d.member for d in entry.decisions}
    if isinstance(entry.event, Reported):
        touched |= {report.member for report in entry.event.reports}
    known = () if before is None else before.members
    for id in sorted(touched):
        if after.members[id].done and not (id < len(known) and known[id].done):
            yield after.members[id]


def height(settings: Settings, name: str, value: Value) -> float:
    """A hyperparameter as a number; of a choice without numbers, its place among the values."""
    domain = settings.space.domains[name]
    values = getattr(domain, "values", None)
    if values is not None and all(type(v) in (int, float) for v in values):
        return float(value)  # type: ignore[arg-type]
    return number_of(domain, value)


def constants(settings: Settings) -> dict[str, Any]:
    """The hyperparameters that never change, and the settings that say how it was trained."""
    fixed = {name: d.value for name, d in settings.space.domains.items() if isinstance(d, Constant)}
    asked = {"members": settings.members, "steps": settings.steps, "interval": settings.interval,
             "maximize": settings.maximize, "seed": settings.seed, "strategy": settings.strategy.name}  # fmt: skip
    return {**fixed, **{f"pbt.{name}": value for name, value in asked.items()}}


def track(journal: Reads, tracker: Listens, follow: bool) -> Population:
    """Tell a tracker of a population, up to now or until it is finished.

    Raises:
        Uncreated: nothing was created yet.
    """
    follower = Follower(journal)
    follower.listen(tracker.hear)
    try:
        while True:
            follower.catch_up()
            tracker.flush()
            if not follow or follower.finished:
                return follower.population
            time.sleep(_EVERY)
    finally:
        tracker.close()
