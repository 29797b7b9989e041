"""A journal's reports and decisions as rows, for programs and for pandas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from pbt.errors import SettingsError
from pbt.population.entries import Entry, Explored, Past, Report, Reported, Why, evaluations, score_of
from pbt.population.population import Population
from pbt.population.used import trained_with
from pbt.space.numbers import real
from pbt.space.space import Values

if TYPE_CHECKING:
    import pandas

R = TypeVar("R")


@dataclass(frozen=True)
class ReportRow:
    """One report.

    Attributes:
        entry: the journal's entry, from 1.
        time: seconds since 1970.
        step: of the member, on its lineage's clock.
        score: the mean of `evaluations`; nan and infinities are possible.
        hyperparameters: those that were decided when it was trained.
        checkpoint: the id of the checkpoint that it saved, if it did.
        used: hyperparameters read back from the training code, where the report said them.
    """

    entry: int
    time: float
    member: int
    step: int
    score: float
    hyperparameters: Values
    checkpoint: str | None
    evaluations: tuple[float, ...]
    metrics: dict[str, float]
    used: Values


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One decision, with its reason.

    Attributes:
        entry: the journal's entry, from 1.
        time: seconds since 1970.
        step: of the member, when it was decided on.
        start: "on": the member keeps its weights; "copy", "fresh" or a strategy's own word: it was given others.
        parent: the member whose checkpoint it takes over, if any.
        checkpoint: the id of that checkpoint.
        hyperparameters: those that it was given; None: it keeps its own, or they are not explored yet.
        stop: it is not trained any further.
        failed: with `stop`: because it can not be trained.
    """

    entry: int
    time: float
    member: int
    step: int
    start: str
    parent: int | None
    checkpoint: str | None
    hyperparameters: Values | None
    stop: bool
    failed: bool
    role: str | None
    why: Why

    @property
    def exploits(self) -> bool:
        """It gives the member another one's weights."""
        return self.parent is not None and self.parent != self.member


class Rows(list[R], Generic[R]):
    """A list of rows of one type, which pandas can have as a table."""

    def __init__(self, kind: type[R], rows: Iterable[R] = ()) -> None:
        super().__init__(rows)
        self._kind = kind

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame with a column for each field; parts of a field have their own, as ``why.rank``.

        Raises:
            SettingsError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise SettingsError("to_pandas() needs pandas: pip install pandas") from None
        if not self:
            return pandas.DataFrame(columns=[f.name for f in fields(self._kind)])  # type: ignore[arg-type]
        return pandas.DataFrame([dict(_flat(row)) for row in self])


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """A row's values by column."""
    if isinstance(value, ReportRow | DecisionRow):
        inside: Mapping[str, Any] = {f.name: getattr(value, f.name) for f in fields(value)}
    elif isinstance(value, Why):
        inside = msgspec.structs.asdict(value)
    elif isinstance(value, Mapping):
        inside = value
    else:
        yield name, value
        return
    for key, one in inside.items():
        yield from _flat(one, f"{name}.{key}" if name else key)


class Decided:
    """Collects a journal's decisions, entry by entry."""

    def __init__(self) -> None:
        self.decisions = Rows(DecisionRow)
        self._owed: dict[int, int] = {}

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """A listener: see `pbt.coordinator.follower.Listener`."""
        members = () if before is None else before.members
        reported: dict[int, int] = {}
        if isinstance(entry.event, Reported):
            reported = {report.member: report.step for report in entry.event.reports}
        elif isinstance(entry.event, Explored) and before is not None:
            self._explore(entry.event, before)
        for d in entry.decisions:
            source = d.source
            step = members[d.member].step if d.member < len(members) else 0
            if d.owed:
                self._owed[d.member] = len(self.decisions)
            elif d.gives:
                self._owed.pop(d.member, None)
            self.decisions.append(
                DecisionRow(
                    after.count, entry.time, d.member, reported.get(d.member, step), d.start,
                    None if source is None else source.member, None if source is None else source.id,
                    d.hyperparameters, d.stop, d.failed, d.role, d.why,
                )
            )  # fmt: skip

    def take(self, last: bool = False) -> list[DecisionRow]:
        """Take out the decisions up to the first whose hyperparameters are still to come.

        Args:
            last: nothing comes any longer: take out all.
        """
        n = len(self.decisions) if last else min(self._owed.values(), default=len(self.decisions))
        rows = self.decisions[:n]
        del self.decisions[:n]
        self._owed = {member: at - n for member, at in self._owed.items() if at >= n}
        return rows

    def _explore(self, event: Explored, before: Population) -> None:
        for member, values in event.values.items():
            if before.members[member].owed == event.entry:
                at = self._owed.pop(member, None)
                if at is None:
                    continue
                row = self.decisions[at]
                self.decisions[at] = replace(row, hyperparameters=values, why=event.why.get(member, row.why))


class Recorded(Decided):
    """Collects the reports of a journal, too."""

    def __init__(self) -> None:
        super().__init__()
        self.reports = Rows(ReportRow)

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """A listener: see `pbt.coordinator.follower.Listener`."""
        super().hear(before, entry, after)
        if isinstance(entry.event, Reported) and before is not None:
            self._report(after.count, entry.time, entry.event, before)

    def _report(self, number: int, time: float, event: Reported, before: Population) -> None:
        for report in event.reports:
            values = trained_with(before.members[report.member], report) or {}
            told: list[Report | Past] = [*report.history, report]
            for said in told:
                self.reports.append(
                    ReportRow(
                        number, time, report.member, said.step, real(score_of(said)), values,
                        report.checkpoint if said is report else None, tuple(real(e) for e in evaluations(said)),
                        {name: real(value) for name, value in said.metrics.items()},
                        report.used if said is report else {},
                    )
                )  # fmt: skip
