"""A population that others train, as it is watched: the table with curves, and exploits as they happen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from pbt.errors import counted
from pbt.population.entries import Entry
from pbt.population.population import Population
from pbt.space.domains import Float, Int, Ordinal
from pbt.views.fitting import at_gap
from pbt.views.followed import Change, Followed
from pbt.views.judge import in_training
from pbt.views.pace import Pace
from pbt.views.reasons import in_short, sentence
from pbt.views.sparks import Sparks
from pbt.views.table import headline, live

_LINE_EVERY = 5.0
"""Seconds between two lines on how it stands where there is no table."""
_NEWS = 8
"""Exploits that are shown below the table."""
_CHOSEN = 2
"""Hyperparameters that have a curve unless some are named."""
_CURVES = ((140, 16), (100, 10), (70, 6))
"""From so many letters of a terminal on, a curve has so many."""


def chosen_of(population: Population, names: Sequence[str]) -> list[str]:
    """The hyperparameters with a curve: those named, else the first that are explored numbers."""
    domains = population.settings.space.domains
    explored = [n for n, d in domains.items() if isinstance(d, Float | Int | Ordinal) and d.explore]
    return [name for name in names if name in domains] if names else explored[:_CHOSEN]


class News:
    """Decisions that were not told yet, oldest first; with their hyperparameters, or not yet."""

    def __init__(self, followed: Followed) -> None:
        self._followed = followed
        self._told = 0

    def take(self, last: bool = False) -> Iterator[Change]:
        """Those that are new.

        Args:
            last: also those whose hyperparameters are still to be computed.
        """
        for change in self._followed.changes(self._told):
            row = change.row
            if row.hyperparameters is None and row.start != "on" and not row.stop and not last:
                return
            self._told += 1
            yield change


class Watching:
    """Shows a followed population: a table drawn over on a terminal, lines elsewhere.

    Args:
        show: hyperparameters that have a curve.
        plain: lines, even on a terminal.
    """

    def __init__(self, console: Console, followed: Followed, show: Sequence[str] = (), plain: bool = False) -> None:
        self._console = console
        self._followed = followed
        self._names = show
        self._pace = Pace()
        self._news = News(followed)
        self._exploits: list[Change] = []
        self._said = 0.0
        followed.listen(self._hear)
        dull = plain or not console.is_terminal or console.is_dumb_terminal
        self._live = None if dull else Live(console=console, auto_refresh=False)

    def _hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        self._pace.hear(before, entry, after)

    def __enter__(self) -> Watching:
        self._pace.begin()
        if self._live is not None:
            for change in self._news.take():
                self._keep(change)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.show(last=True)
        if self._live is not None:
            self._live.stop()

    def show(self, last: bool = False) -> None:
        """Draw how things stand, or say what is new.

        Args:
            last: it is over: nothing is held back.
        """
        fresh = [change for change in self._news.take(last) if self._keep(change)]
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
            return
        for change in fresh:
            self._console.print(sentence(*change), highlight=False, markup=False, soft_wrap=True)
        if not self._followed.exists or (not last and time.monotonic() - self._said < _LINE_EVERY):
            return
        self._said = time.monotonic()
        population = self._followed.population
        line = f"{headline(population)} · {self._pace.words(population)}"
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _keep(self, change: Change) -> bool:
        """Whether it is an exploit, which is kept for the lines below the table."""
        if change.row.exploits:
            self._exploits = [*self._exploits[1 - _NEWS :], change]
        return change.row.exploits

    def _table(self) -> RenderableType:
        seen, size = self._followed, self._console.size
        if not seen.exists:
            return Text(f"nothing was created yet: waiting for the first worker … {self._pace.words(None)}")
        population = seen.population
        held = sum(1 for _ in in_training(population))
        width = next((letters for least, letters in _CURVES if size.width >= least), 0)
        curves = Sparks(seen, width, chosen_of(population, self._names))
        news = [Text(at_gap(in_short(*change), size.width), no_wrap=True) for change in reversed(self._exploits)]
        workers = counted(held, "worker")
        pace, fresh = self._pace.words(population), self._pace.just_took_over()
        return live(population, seen.came_from, workers, size, pace, fresh, curves, news)
