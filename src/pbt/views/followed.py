"""A population that is followed for its views: what was reported in columns, decisions, lineage, a few past moments."""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from pbt.coordinator.follower import Follower, Listener
from pbt.journals.journal import Snapshotted
from pbt.population.entries import Decision, Entry, Past, Report, Reported, score_of
from pbt.population.lineage import Lineage, Segment
from pbt.population.population import Population
from pbt.population.ranking import key_of
from pbt.population.used import close, trained_with
from pbt.space.domains import Constant, Domain, Float, Int
from pbt.space.numbers import real
from pbt.space.space import Values
from pbt.space.values import Value, index
from pbt.views.forest import Forest
from pbt.views.hands import Hands
from pbt.views.judge import Held
from pbt.views.moments import Moments
from pbt.views.recalled import Recalled
from pbt.views.rows import Decided, DecisionRow
from pbt.views.vitals import Vitals

_FORGET_EVERY = 50_000
"""Entries between two removals of checkpoints that no decision can name any longer."""


class Change(NamedTuple):
    """A decision, and the values that it changed: the parent's where weights were taken over, else the member's own."""

    row: DecisionRow
    before: Values | None


class Followed:
    """A population, read on from its journal whenever it is asked to.

    Attributes:
        steps, scores: of each report, in the order of the journal; what was said later of earlier steps, too.
        values: by hyperparameter, the number with which each report was trained: the place of a listed value.
        records: (furthest step that any member had reported, best score so far), whenever one of them changed.
        heard: when each member's last report came, in seconds since 1970.
        own: each member's segments, in order.
        taken: how many times each member took over another one's weights.
        came_from: the member from which each last did.
        who: the member of each report, in the order of `steps`.
        used: by hyperparameter, the steps of reports that read back another value than the decided one.
        vitals: incidents, waits between reports, and how often members take over weights.
        behind: the journal has more entries than were read so far.
        held: judges whether a worker that holds a member lives; None: that can not be seen from here.
        recalled: its strategy's memory, read when it is asked for.
        first, last: when the first and the last entry were written, in seconds since 1970.
    """

    def __init__(self, journal: Snapshotted) -> None:
        self.journal = journal
        self.lineage = Lineage()
        self.moments = Moments()
        self.hands = Hands()
        self.steps, self.scores, self.who = array("d"), array("d"), array("i")
        self.values: dict[str, array[float]] = {}
        self.used: dict[str, array[float]] = {}
        self.records: list[tuple[int, float]] = []
        self.heard: dict[int, float] = {}
        self.own: dict[int, list[Segment]] = defaultdict(list)
        self.taken: Counter[int] = Counter()
        self.came_from: dict[int, int] = {}
        self.first: float | None = None
        self.last: float | None = None
        self.behind = False
        self.held: Held | None = None
        self._segments = 0
        self._decided = Decided()
        self._before: list[Values | None] = []
        self._of: dict[int, list[int]] = defaultdict(list)
        self._numbers: dict[int, tuple[Values, tuple[float, ...]]] = {}
        self.vitals = Vitals()
        self._forest = Forest(self.lineage)
        self.recalled = Recalled(journal)
        self._follower = Follower(journal)
        collected = (self._decided.hear, self.hands.hear, self.moments.hear)
        for listener in (self.lineage.follow, *collected, self._hear, self.vitals.hear):
            self._follower.listen(listener)

    def listen(self, to: Listener) -> None:
        """See `Follower.listen`."""
        self._follower.listen(to)

    @property
    def finished(self) -> bool:
        """Whether the population is finished, as last seen."""
        return self._follower.finished

    def catch_up(self, most: int | None = None) -> int:
        """See `Follower.catch_up`."""
        read = self._follower.catch_up(most)
        self.behind = read == most
        return read

    @property
    def exists(self) -> bool:
        """Whether it was created, as last seen."""
        return self._follower.exists

    @property
    def population(self) -> Population:
        """As last seen; see `Follower.population`."""
        return self._follower.population

    @property
    def entry(self) -> int:
        """The number of the last entry seen; 0 before the first."""
        return self.population.count if self.exists else 0

    @property
    def forest(self) -> Forest:
        """The segments of the lineage in columns."""
        self._forest.read_on()
        return self._forest

    @property
    def domains(self) -> dict[str, Domain]:
        """The domains of hyperparameters that are no constants, by name."""
        domains = self.population.settings.space.domains
        return {name: domain for name, domain in domains.items() if not isinstance(domain, Constant)}

    @property
    def roles(self) -> list[str]:
        """The sub-populations, by name."""
        return sorted({m.role for m in self.population.members if m.role is not None})

    @property
    def last_step(self) -> int:
        """The furthest step that was ever reported; 0 before."""
        return self.records[-1][0] if self.records else 0

    @property
    def exploits(self) -> int:
        """How often a member took over another one's weights."""
        return self.taken.total()

    def changes(self, first: int = 0) -> Iterator[Change]:
        """All decisions in the order of the journal, from the one at place `first`, counted from 0, on."""
        return map(Change, self._decided.decisions[first:], self._before[first:])

    def decisions(self, member: int) -> Iterator[Change]:
        """The decisions on a member, in order."""
        return (Change(self._decided.decisions[at], self._before[at]) for at in self._of.get(member, ()))

    def decision(self, member: int, entry: int | None = None) -> Change | None:
        """The decision on a member in an entry, by default its last one; None: there is none."""
        for at in reversed(self._of.get(member, ())):
            if entry is None or self._decided.decisions[at].entry == entry:
                return Change(self._decided.decisions[at], self._before[at])
        return None

    def _hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        if before is None:
            self.first = entry.time
            self.values = {name: array("d") for name in self.domains}
            self.used = {name: array("d") for name in self.domains}
        self.last = entry.time
        if isinstance(entry.event, Reported) and before is not None:
            self._report(entry.event, entry.time, before)
        at = len(self._decided.decisions) - len(entry.decisions)
        for i, d in enumerate(entry.decisions, at):
            self._of[d.member].append(i)
            self._before.append(_changed(d, before))
            if d.source is not None and d.exploits:
                self.taken[d.member] += 1
                self.came_from[d.member] = d.source.member
        for segment in self.lineage.segments[self._segments :]:
            self.own[segment.member].append(segment)
        self._segments = len(self.lineage.segments)
        if after.count % _FORGET_EVERY == 0:
            self.lineage.forget(after)

    def _report(self, event: Reported, time: float, before: Population) -> None:
        for report in event.reports:
            m = before.members[report.member]
            values = trained_with(m, report)
            numbers = self._numbers_of(m.id, values)
            told: list[Report | Past] = [*report.history, report]
            for said in told:
                score = real(score_of(said))
                self.steps.append(said.step)
                self.scores.append(score)
                self.who.append(m.id)
                for column, number in zip(self.values.values(), numbers, strict=True):
                    column.append(number)
                self._record(said.step, score, before.settings.maximize)
            for name, value in report.used.items():
                if name in self.used and values is not None and not close(values[name], value):
                    self.used[name].append(report.step)
            self.heard[m.id] = time

    def _record(self, step: int, score: float, maximize: bool) -> None:
        furthest, best = self.records[-1] if self.records else (-1, math.nan)
        better = key_of(score, maximize) < key_of(best, maximize)
        if step > furthest or better:
            if step <= furthest:
                self.records.pop()
            self.records.append((max(step, furthest), score if better else best))

    def _numbers_of(self, member: int, values: Values | None) -> tuple[float, ...]:
        """The hyperparameters in force as numbers, in the order of `values`; nan where they are not known."""
        if values is None:
            return (math.nan,) * len(self.values)
        known = self._numbers.get(member)
        if known is None or known[0] is not values:
            domains = self.population.settings.space.domains if self.exists else {}
            known = values, tuple(number_of(domains[name], values[name]) for name in self.values)
            self._numbers[member] = known
        return known[1]


def _changed(decision: Decision, before: Population | None) -> Values | None:
    if decision.source is not None:
        return decision.source.hyperparameters
    known = before is not None and decision.start == "on" and decision.member < len(before.members)
    return before.members[decision.member].hyperparameters if before is not None and known else None


def number_of(domain: Domain, value: Value) -> float:
    """A hyperparameter's value as a number: of a listed one, its place in the list, from 0."""
    if isinstance(domain, Float | Int):
        return float(value)  # type: ignore[arg-type]
    return 0.0 if isinstance(domain, Constant) else float(index(domain.values, value))
