"""A journal in memory: for `pbt.train`, simulation and tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager

from pbt.journals.journal import Raced


class MemoryJournal:
    """Entries in a list; gone with the process."""

    def __init__(self, entries: Iterable[bytes] = ()) -> None:
        self.entries = list(entries)
        self._lock = threading.RLock()
        self._snapshot: bytes | None = None

    def read(self, after: int) -> Iterable[bytes]:
        """The entries after number `after`."""
        return self.entries[after:]

    def append(self, expected: int, entries: Sequence[bytes]) -> None:
        """Append after number `expected`, or raise `Raced`."""
        with self._lock:
            if len(self.entries) != expected:
                raise Raced
            self.entries.extend(entries)

    def fair_turn(self, meanwhile: Callable[[], None] | None = None) -> AbstractContextManager[object]:
        """A lock between threads."""
        return self._lock

    def snapshot(self) -> bytes | None:
        """The one that was saved last."""
        return self._snapshot

    def save_snapshot(self, body: bytes) -> None:
        """Keep it."""
        self._snapshot = body

    def close(self) -> None:
        """Nothing to give back."""
