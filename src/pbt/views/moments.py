"""How a population stood at an entry of the past: folded from the nearest of a few values that were kept."""

from __future__ import annotations

from pbt.errors import NotFound
from pbt.journals.journal import Reads
from pbt.population.entries import Entry, decode
from pbt.population.fold import apply_all
from pbt.population.population import Population

_EVERY = 256
"""Entries and reports between two that are kept at first; doubled whenever there are too many."""
_STATES, _FEWEST = 60_000, 8
"""Members' states that are kept in all, and moments at least."""


class Moments:
    """Keeps some of a population's values while it is followed."""

    def __init__(self) -> None:
        self._every = _EVERY
        self._kept: list[Population] = []

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """A listener: see `pbt.coordinator.follower.Listener`."""
        if _weight(after) - (_weight(self._kept[-1]) if self._kept else 0) < self._every:
            return
        self._kept.append(after)
        if len(self._kept) > max(_FEWEST, _STATES // max(1, len(after.members))):
            self._every *= 2
            del self._kept[::2]

    def at(self, journal: Reads, number: int) -> tuple[Population | None, Entry]:
        """An entry of the journal, and the population before it.

        Raises:
            NotFound: there is no such entry.
        """
        start = next((p for p in reversed(self._kept) if p.count < number), None)
        at = 0 if start is None else start.count
        entries: list[Entry] = []
        for body in journal.read(at):
            entries.append(decode(body))
            if at + len(entries) == number:
                before = apply_all(start, entries[:-1]) if len(entries) > 1 else start
                return before, entries[-1]
            if len(entries) > _EVERY:
                start, at, entries = apply_all(start, entries), at + len(entries), []
        raise NotFound(f"the journal has no entry {number}")


def _weight(population: Population) -> int:
    """How much there is to fold up to here: an entry may have a thousand reports."""
    return population.count + population.reports
