"""Lineage: which member took over whose weights, and when, as a forest of segments that listens to the fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pbt.errors import PBTError
from pbt.population.entries import (
    Checkpoint,
    Decision,
    Entry,
    Explored,
    Leased,
    Lost,
    Number,
    Report,
    Reported,
    score_of,
)
from pbt.population.fold import apply
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.used import trained_with
from pbt.space.space import Values


@dataclass
class Segment:
    """A member between two events that gave it weights: decisions, or the loss of a checkpoint.

    Attributes:
        start: the step at which it began: its parent's, or 0.
        end: the last step that it reported.
        parent: the segment whose checkpoint it took over; None at a root.
        checkpoint: the id of that checkpoint.
        entry: the journal entry in which it began.
        changes: (from step, hyperparameters), the first at `start`.
        scores: (step, score) of its reports in order.
        saved: the step of the last checkpoint that was written in it; `start` before the first.
        exploit: a decision began it, with another member's weights.
    """

    member: int
    start: int
    entry: int
    parent: Segment | None = None
    checkpoint: str | None = None
    end: int = 0
    changes: list[tuple[int, Values]] = field(default_factory=list)
    scores: list[tuple[int, Number]] = field(default_factory=list)
    saved: int = 0
    exploit: bool = False

    def path(self) -> list[Segment]:
        """The segments from the root down to this one."""
        found = [self]
        while found[-1].parent is not None:
            found.append(found[-1].parent)
        return found[::-1]


def name_of(checkpoint: Checkpoint) -> tuple[str, int, int]:
    """The identity of a checkpoint within its population."""
    return checkpoint.id, checkpoint.member, checkpoint.step


@dataclass
class Lineage:
    """All segments of a population, in the order in which they began. Feed it with `follow`, from the first entry on.

    Attributes:
        current: each member's present segment.
        wrote: the segment in which each checkpoint was written, and the checkpoint's step; by id, member and step,
            since the names of foreign checkpoints may be used again.
    """

    segments: list[Segment] = field(default_factory=list)
    current: dict[int, Segment] = field(default_factory=dict)
    wrote: dict[tuple[str, int, int], tuple[Segment, int]] = field(default_factory=dict)

    @staticmethod
    def of(entries: Iterable[Entry]) -> Lineage:
        """The lineage of all entries of a journal, which are folded for it alone: see `pbt.coordinator.follower`."""
        lineage = Lineage()
        population: Population | None = None
        for entry in entries:
            before, population = population, apply(population, entry)
            lineage.follow(before, entry, population)
        return lineage

    @property
    def exploits(self) -> int:
        """How many segments began with an exploit."""
        return sum(s.exploit for s in self.segments)

    def forget(self, population: Population) -> None:
        """Forget where checkpoints were written that no later decision can name, as of how the population stands."""
        held = [population.best, *population.pins, *(c for m in population.members for c in (*m.holds, m.offer))]
        names = {name_of(checkpoint) for checkpoint in held if checkpoint is not None}
        self.wrote = {name: at for name, at in self.wrote.items() if name in names}

    def ancestry(self, checkpoint: Checkpoint) -> list[tuple[Segment, int]]:
        """The path to a checkpoint from its root: segments with the step at which each was left.

        Raises:
            PBTError: if the journal does not know the checkpoint.
        """
        if name_of(checkpoint) not in self.wrote:
            raise PBTError(f"checkpoint {checkpoint.id} was not written in this journal")
        segment, end = self.wrote[name_of(checkpoint)]
        path = segment.path()
        ends = [child.start for child in path[1:]] + [end]
        return list(zip(path, ends, strict=True))

    def common_ancestor(self, members: Sequence[int]) -> tuple[Segment, int] | None:
        """The last segment from whose weights all of these members go on, and its step there; None: they share none."""
        present = [self.current[id] for id in members if id in self.current]
        if len(present) < 2:
            return None
        counts = Counter(map(id, present))
        ends = {id(segment): segment.end for segment in present}
        for segment in reversed(self.segments):  # a parent began before its children
            count, parent = counts[id(segment)], segment.parent
            if count == len(present):
                return segment, ends[id(segment)]
            if count and parent is not None:
                counts[id(parent)] += count
                ends[id(parent)] = min(ends.get(id(parent), segment.start), segment.start)
        return None

    def follow(self, before: Population | None, entry: Entry, after: Population) -> None:
        """Go on by one entry, which made `after` of `before`."""
        event = entry.event
        if isinstance(event, Reported):
            for report in event.reports:
                segment = self.current[report.member]
                if before is not None:
                    self._date(segment, before.members[report.member], report)
                segment.end = report.step
                segment.scores.extend((past.step, score_of(past)) for past in report.history)
                segment.scores.append((report.step, score_of(report)))
                if report.checkpoint is not None:
                    segment.saved = report.step
                    self.wrote[report.checkpoint, report.member, report.step] = (segment, report.step)
        elif isinstance(event, Explored):
            for id, values in event.values.items():
                if id in self.current and self.current[id].entry == event.entry:
                    self._change(self.current[id], self.current[id].start, values)
        elif isinstance(event, Leased) and event.member in self.current and before is not None:
            self._set_back(before.members[event.member], entry, after.count)
        elif isinstance(event, Lost) and before is not None:
            for old, new in zip(before.members, after.members, strict=True):
                if new.step < old.step and new.saved_step == new.step:
                    self._set_back(new, entry, after.count)
        for decision in entry.decisions:
            self._decide(decision, after)

    def _decide(self, decision: Decision, after: Population) -> None:
        if decision.start != "on":
            self._begin(decision.member, decision.source, decision.hyperparameters, after.count)
            self.current[decision.member].exploit = decision.exploits
        elif decision.hyperparameters is not None:
            self._change(self.current[decision.member], after.members[decision.member].step, decision.hyperparameters)

    def _begin(self, member: int, parent: Checkpoint | None, values: Values | None, entry: int) -> None:
        segment = Segment(member, parent.step if parent else 0, entry)
        if parent is not None:
            segment.parent, segment.checkpoint = self.wrote[name_of(parent)][0], parent.id
        segment.end = segment.saved = segment.start
        if values is not None:
            segment.changes.append((segment.start, values))
        self.segments.append(segment)
        self.current[member] = segment

    def _date(self, segment: Segment, m: MemberState, report: Report) -> None:
        """A change that the worker had not heard of when it trained for this report is in force from its step on."""
        values = trained_with(m, report)
        if values is None or m.hyperparameters is None or values == m.hyperparameters:
            return
        segment.changes.pop()
        self._change(segment, m.step, values)
        self._change(segment, report.step, m.hyperparameters)

    @staticmethod
    def _change(segment: Segment, step: int, values: Values) -> None:
        if segment.changes and segment.changes[-1][1] == values:
            return
        if segment.changes and segment.changes[-1][0] >= step:
            segment.changes.pop()
        segment.changes.append((step, values))

    def _set_back(self, m: MemberState, entry: Entry, number: int) -> None:
        """The member goes on from its current checkpoint: what it reported after that is no part of this lineage."""
        segment, step = self.current[m.id], m.saved_step
        if step < segment.saved:  # a later one was lost, with which others may have begun
            if not any(d.member == m.id and d.start != "on" for d in entry.decisions):
                self._begin(m.id, m.checkpoint, m.hyperparameters, number)
            return
        later = [values for at, values in segment.changes if at > step]
        segment.changes = [(at, values) for at, values in segment.changes if at <= step]
        if later:
            self._change(segment, step, later[-1])
        segment.scores = [(at, score) for at, score in segment.scores if at <= step]
        segment.end = min(segment.end, step)
