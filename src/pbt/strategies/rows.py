"""The gains of intervals of training with their hyperparameters: the data of strategies that learn a model.

An interval of a member begins where it was last decided on, with the score of then, and ends at the next decision. A
member that takes over weights begins with its parent's step and score, so that a copy is never taken for a gain.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from pbt.population.entries import Created, Entry, Report, Reported, score_of
from pbt.population.population import Population
from pbt.population.used import is_unaware
from pbt.space.numbers import real
from pbt.space.space import Values


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One interval of training.

    Attributes:
        began: the step at its beginning.
        before: the score then.
        ended: the step at its end.
        after: the score then.
        values: the hyperparameters in force.
    """

    member: int
    began: int
    before: float
    ended: int
    after: float
    values: Values


class Begun(msgspec.Struct, frozen=True, array_like=True):
    """The interval that a member is in: its first step and the score then."""

    step: int
    score: float


class Rows(msgspec.Struct, frozen=True):
    """The newest rows of a population, and where each member's present interval began."""

    rows: tuple[Row, ...] = ()
    begun: dict[int, Begun] = {}

    @staticmethod
    def beginning(earlier: Sequence[Row], first: Entry) -> Rows:
        """The rows of an earlier population, as far as the space of a new one has their hyperparameters."""
        assert isinstance(first.event, Created)
        space = first.event.settings.space
        return Rows(tuple([row for row in earlier if row.values in space]))

    def after(self, before: Population | None, entry: Entry, most: int) -> Rows:
        """The rows after an entry that happened to `before`; no more than `most`."""
        if before is None:
            return self
        reported = {r.member: r for r in entry.event.reports} if isinstance(entry.event, Reported) else {}
        unaware = [r for r in reported.values() if is_unaware(before.members[r.member], r)]
        if not (entry.decisions or unaware):
            return self
        rows, begun = list(self.rows), dict(self.begun)
        for report in unaware:  # of an interval with two kinds of values nothing is learned
            if begun.pop(report.member, None) is not None and _finite(_end(report)):
                begun[report.member] = _end(report)
        for d in entry.decisions:
            m = before.members[d.member] if d.member < len(before.members) else None
            first = begun.pop(d.member, None)
            if m is None:
                continue
            now = _end(reported[m.id]) if m.id in reported else Begun(m.step, real(m.score))
            heard = m.id in reported or not m.unheard
            if first and heard and m.hyperparameters is not None and first.step < now.step and _finite(now):
                rows.append(Row(m.id, first.step, first.score, now.step, now.score, m.hyperparameters))
            if d.source is not None:
                now = Begun(d.source.step, real(d.source.score))
            if _finite(now) and not d.stop and (d.start == "on" or d.source is not None):
                begun[d.member] = now
        return replace(self, rows=tuple(rows[-most:]), begun=begun)


def _end(report: Report) -> Begun:
    return Begun(report.step, real(score_of(report)))


def _finite(begun: Begun) -> bool:
    return math.isfinite(begun.score)
