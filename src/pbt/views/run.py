"""`pbt.load`: a run as its journal tells it, for notebooks and programs."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from pbt.coordinator.follower import Follower
from pbt.errors import PBTError, counted
from pbt.opening.folder import path_of
from pbt.opening.opening import name_of, names_server, open_journal
from pbt.population.entries import Entry
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.schedules.found import of_best, of_member
from pbt.schedules.replay import Replay
from pbt.schedules.replays import replays_of
from pbt.schedules.schedule import Schedule
from pbt.space.numbers import real
from pbt.space.space import Values
from pbt.strategies.rows import Row as Interval
from pbt.strategies.rows import Rows as Intervals
from pbt.views.judge import judge_for, states_of
from pbt.views.losses import Losses
from pbt.views.notebook import Picture, PlottedLineage, picture_of
from pbt.views.rows import DecisionRow, Recorded, ReportRow, Rows
from pbt.views.summary import checkpoint_path, how_to_load
from pbt.views.table import ENDLESS, members_table, note_exploits, number_text

_ROWS = 20
"""Members that are shown at most."""
_WIDTH = 110
"""Letters of a row."""


def load(where: str | os.PathLike[str]) -> Run:
    """Read a run, as it stands now. Nothing is changed, and it may be trained meanwhile.

    Args:
        where: a population's folder, or its URL at a server, such as ``http://host:7777/digits``.

    Returns:
        The run up to its last entry; call it again to see more.

    Raises:
        JournalError: there is no population, or its journal can not be read.
        PBTError: nothing was created there yet.
        Unreachable: no server answers.
    """
    place = os.fspath(where)
    return Run(place if names_server(place) else str(path_of(place)))


@dataclass(frozen=True)
class Best:
    """The best checkpoint of a run.

    Attributes:
        score: as reported; evaluate afresh before you publish it, since the best of many noisy scores is biased.
        hyperparameters: with which its last steps were trained.
        schedule: the hyperparameters over steps that led to it.
        checkpoint: its id.
        path: the folder in which it lies on this machine; None: elsewhere, see ``pbt fetch``.
    """

    score: float
    member: int
    step: int
    hyperparameters: Values
    schedule: Schedule
    checkpoint: str
    path: Path | None


class Run:
    """A run as it stood when it was loaded.

    Attributes:
        where: the folder, absolute, or the URL.
        population: all that its journal folds to.
        lineage: which member took over whose weights, and when; ``lineage.plot()`` draws it.
        reports: every report, in order; ``reports.to_pandas()`` is a table of them.
        losses: the checkpoints that could not be read any more.
        decisions: every decision with its reason, in order; ``decisions.to_pandas()`` is a table of them.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.lineage = PlottedLineage()
        self._exploited: dict[int, int] = {}
        recorded = Recorded()
        self.reports: Rows[ReportRow] = recorded.reports
        self.decisions: Rows[DecisionRow] = recorded.decisions
        follower = Follower(open_journal(where))
        follower.listen(self.lineage.follow)
        follower.listen(recorded.hear)
        self.losses = Losses()
        follower.listen(self.losses.hear)
        follower.listen(lambda before, entry, after: note_exploits(entry, self._exploited))
        follower.catch_up()
        self.population = follower.population
        self._states = states_of(self.population, judge_for(where))
        self.lineage.of_run(self.population, where)

    @property
    def settings(self) -> Settings:
        """The settings of the population."""
        return self.population.settings

    @property
    def members(self) -> tuple[MemberState, ...]:
        """How each member stands: its `id`, `step`, `score`, `hyperparameters`, `checkpoint`, and more."""
        return self.population.members

    @property
    def finished(self) -> bool:
        """The goal is reached, or nothing is left to train."""
        return self.population.finished

    @property
    def best(self) -> Best | None:
        """The best checkpoint so far; None while there is none with a finite score."""
        best, found = self.population.best, of_best(self.population, self.lineage, name_of(self.where))
        if best is None or found is None:
            return None
        path = None if self.settings.foreign else checkpoint_path(self.where, self.settings, best)
        return Best(
            real(best.score), best.member, best.step, best.hyperparameters, found, best.id,
            None if path is None else Path(path),
        )  # fmt: skip

    def schedule(self, member: int) -> Schedule:
        """The hyperparameters along a member's lineage, from its beginning to those with which it is trained now.

        Raises:
            UnknownMember: there is no such member.
            PBTError: it has no hyperparameters yet.
        """
        found = of_member(self.population, self.lineage, name_of(self.where), member)
        if found is None:
            raise PBTError(f"member {member} has no hyperparameters yet: they are still to be computed")
        return found

    @property
    def replays(self) -> list[Replay]:
        """The replays that lie beside it, in the order in which they were begun, as they stand now."""
        return [kept.replay for kept in replays_of(self.where)]

    def plot(self, path: str | os.PathLike[str] | None = None) -> Picture:
        """Scores over steps, and the schedule that led to the best: as ``pbt plot`` draws them.

        Args:
            path: a .png, .svg or .pdf file that is written, too.

        Returns:
            A picture that a notebook shows.

        Raises:
            PBTError: matplotlib is missing; no member has reported yet; or the file can not be written.
        """
        return picture_of(self.population, self.lineage, self.where, path)

    def configurations(self, most: int) -> list[Values]:
        """The best hyperparameters, those of the best first, as ``initial=`` of another population takes them.

        Args:
            most: how many at most; members with the same count once.
        """
        best, members = self.population.best, self.members
        ranked = [members[id] for key, id in self._by_last_score() if math.isfinite(key)]
        given = [best.hyperparameters] if best is not None else []
        given += [m.checkpoint.hyperparameters for m in ranked if m.checkpoint is not None]
        return [values for i, values in enumerate(given) if values not in given[:i]][: max(0, most)]

    def _by_last_score(self) -> list[tuple[float, int]]:
        """Who is done ranks too."""
        return sorted((m.key, m.id) for m in self.members if m.key is not None)

    def intervals(self, most: int = 1000) -> list[Interval]:
        """What intervals of training gained, the newest last, as ``earlier`` of the strategy ``pb2`` takes them.

        The journal is read again for it.

        Args:
            most: how many at most, the newest.
        """
        found, follower = Intervals(), Follower(open_journal(self.where))

        def hear(before: Population | None, entry: Entry, after: Population) -> None:
            nonlocal found
            if after.count <= self.population.count:
                found = found.after(before, entry, max(1, most))

        follower.listen(hear)
        follower.catch_up()
        return list(found.rows) if most > 0 else []

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        width = min(_WIDTH, options.max_width)
        yield Text(self._headline())
        yield members_table(self.population, self._exploited, _ROWS, width=width, states=self._states)
        yield Text("\n".join(self._about_best()))

    def __repr__(self) -> str:
        shown = Console(file=io.StringIO(), width=ENDLESS, color_system=None, legacy_windows=False)
        with shown.capture() as captured:
            shown.print(self)
        return "\n".join(line.rstrip() for line in captured.get().rstrip().splitlines())

    def _headline(self) -> str:
        settings = self.settings
        steps = "" if settings.steps is None else f" × {counted(settings.steps, 'step')}"
        state = "finished" if self.finished else "unfinished"
        return (
            f"{self.where}: {counted(len(self.members), 'member')}{steps}, {settings.strategy.name}, "
            f"{counted(len(self.reports), 'report')}, {state}"
        )

    def _about_best(self) -> list[str]:
        best, found = self.population.best, self.best
        if best is None or found is None:
            return ["no checkpoint with a finite score yet"]
        pieces = counted(len(found.schedule), "piece")
        return [
            f"best score {number_text(best.score)}: member {best.member} at step {best.step}",
            *(f"  {line}" for line in how_to_load(self.where, self.settings, best)),
            f"  its schedule of hyperparameters has {pieces}: best.schedule",
        ]
