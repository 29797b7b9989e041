"""The live table of `pbt run`: drawn over on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.live import Live

from pbt.coordinator.follower import Follower
from pbt.population.entries import Entry
from pbt.population.population import Population
from pbt.views.pace import Pace
from pbt.views.table import headline, live, note_exploits

_EVERY = 0.25
_LINE_EVERY = 5.0


class LiveView:
    """Shows a followed population while it trains.

    Args:
        workers: says how many workers run, in words.
        plain: lines, even on a terminal.
        trouble: says why nothing comes, if nothing does; else "".
    """

    def __init__(
        self, console: Console, follower: Follower, workers: Callable[[], str], plain: bool = False,
        trouble: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        self._console = console
        self._follower = follower
        self._workers = workers
        self._trouble = trouble
        self._exploited: dict[int, int] = {}
        self._shown = 0.0
        self._pace = Pace()
        follower.listen(self._pace.hear)
        follower.listen(self._hear)
        dull = plain or not console.is_terminal or console.is_dumb_terminal
        self._live = None if dull else Live(console=console, auto_refresh=False)

    def __enter__(self) -> LiveView:
        self._pace.begin()
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown = 0.0
        self.show()
        if self._live is not None:
            self._live.stop()

    def show(self) -> None:
        """Draw how things stand, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._shown < (_EVERY if self._live is not None else _LINE_EVERY):
            return
        self._shown = now
        population = self._follower.population if self._follower.exists else None
        trouble = self._trouble()
        pace = self._pace.words(population, stands=bool(trouble))
        if self._live is not None:
            fresh = self._pace.just_took_over()
            drawn = live(population, self._exploited, self._workers(), self._console.size, pace, fresh, trouble=trouble)
            self._live.update(drawn, refresh=True)
            return
        lines = [f"{headline(population)} · {self._workers()} · {pace}"] if population is not None else []
        for line in (*lines, *([trouble] if trouble else [])):
            self._console.print(line, highlight=False, soft_wrap=True)

    def _hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        note_exploits(entry, self._exploited)
