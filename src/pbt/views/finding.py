"""Findings, and the journal as a look at the disk needs it: read before it and after it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal, NamedTuple

from pbt.errors import PBTError
from pbt.journals.journal import Reads
from pbt.population.entries import Created, Entry, decode
from pbt.population.fold import apply
from pbt.population.population import Population
from pbt.strategies.registry import build

_AHEAD = 300.0
"""Seconds by which an entry may lie in the future before a clock is blamed."""


PERMISSION = "ask as the user who trains, or give yourself the permission to read it"


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        what: how it is.
        do: what to do about it; "" where nothing is wrong.
    """

    level: Literal["ok", "warning", "problem"]
    what: str
    do: str = ""


class History:
    """The journal, read once from its beginning, and read on for what others add meanwhile."""

    def __init__(self, journal: Reads) -> None:
        self._journal = journal
        self.population: Population | None = None

    def read(self) -> Iterator[Finding]:
        """Every entry decoded and folded; times that no clock can have given."""
        newest = 0.0
        number = 0
        for body in self._journal.read(0):
            number += 1
            entry = self._next(number, body)
            if number == 1 and isinstance(entry.event, Created):
                yield from _strategy(entry.event)
            newest = max(newest, entry.time)
        yield Finding("ok", f"journal: {number} entries, all readable")
        ahead = newest - time.time()
        if ahead > _AHEAD:
            yield Finding(
                "warning", f"the newest entry is dated {ahead:.0f} s in the future",
                "set this machine's clock; decisions do not depend on it",
            )  # fmt: skip

    def read_on(self) -> Population | None:
        """The population as it stands now."""
        number = 0 if self.population is None else self.population.count
        for body in self._journal.read(number):
            number += 1
            self._next(number, body)
        return self.population

    def now(self) -> Population:
        """The same, where one exists."""
        found = self.read_on()
        assert found is not None
        return found

    def _next(self, number: int, body: bytes) -> Entry:
        try:
            entry = decode(body)
            self.population = apply(self.population, entry)
        except PBTError as error:
            raise type(error)(f"journal entry {number}: {error}") from None
        except Exception as error:
            raise PBTError(f"journal entry {number} does not follow from those before it: {error!r}") from error
        return entry


def some(things: list[int] | list[str]) -> str:
    """Names, the first dozen of them."""
    shown = ", ".join(map(str, things[:12]))
    return shown if len(things) <= 12 else f"{shown} and {len(things) - 12} more"


def _strategy(event: Created) -> Iterator[Finding]:
    try:
        build(event.settings)
    except PBTError as error:
        yield Finding("problem", str(error), "make the strategy's module importable here, as it was for the workers")
