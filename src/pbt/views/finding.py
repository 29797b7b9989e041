"""Findings, and the journal as a look at the disk needs it: read before it and after it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal, NamedTuple

from pbt.coordinator.follower import Follower
from pbt.errors import PBTError, counted
from pbt.journals.journal import Reads
from pbt.population.entries import Entry
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.strategies.registry import build
from pbt.views.losses import Losses

_AHEAD = 300.0
"""Seconds by which an entry may lie in the future before a clock is blamed."""


PERMISSION = "ask as the user who trains, or give yourself the permission to read it"


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        what: how it is.
        do: the remedy; "" where nothing is wrong.
    """

    level: Literal["ok", "warning", "problem"]
    what: str
    do: str = ""


class History:
    """The journal, read once from its beginning, and then only for new entries."""

    def __init__(self, journal: Reads) -> None:
        self._follower = Follower(journal)
        self._follower.listen(self._hear)
        self._newest = 0.0
        self._losses = Losses()

    @property
    def population(self) -> Population | None:
        """The population as last read; None: nothing was created."""
        return self._follower.population if self._follower.exists else None

    def read(self) -> Iterator[Finding]:
        """Decode and fold every entry; look for a strategy that can not be loaded, and for impossible times."""
        population = self.read_on()
        if population is not None:
            yield from _strategy(population.settings)
        count = 0 if population is None else population.count
        yield Finding("ok", f"journal: {counted(count, 'entry', 'entries')}, all readable")
        lost = self._losses.note()
        if lost is not None:
            yield Finding("warning", *lost)
        ahead = self._newest - time.time()
        if ahead > _AHEAD:
            yield Finding(
                "warning", f"the newest entry is dated {ahead:.0f} s in the future",
                "set this machine's clock; decisions do not depend on it",
            )  # fmt: skip

    def read_on(self) -> Population | None:
        """The population as it stands now."""
        self._follower.catch_up()
        return self.population

    def now(self) -> Population:
        """The same, where one exists."""
        found = self.read_on()
        assert found is not None
        return found

    def _hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        self._newest = max(self._newest, entry.time)
        self._losses.hear(before, entry, after)


def some(things: list[int] | list[str]) -> str:
    """Names, the first dozen of them."""
    shown = ", ".join(map(str, things[:12]))
    return shown if len(things) <= 12 else f"{shown} and {len(things) - 12} more"


def _strategy(settings: Settings) -> Iterator[Finding]:
    try:
        build(settings)
    except PBTError as error:
        yield Finding("problem", str(error), "make the strategy's module importable here, as it was for the workers")
