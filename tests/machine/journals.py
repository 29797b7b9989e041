"""The journals that the machine runs on: for each, how to open one more handle on the same journal."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pbt.errors import Unavailable
from pbt.journals.files.journal import FilesJournal
from pbt.journals.memory import MemoryJournal
from pbt.journals.postgres import PostgresJournal
from pbt.journals.sqlite import SQLiteJournal
from pbt.opening import folder as folders
from pbt.population.entries import Explored, Leased, Released, Reported, decode
from tests.support.postgres import postgres

Opener = Callable[[], Any]


def memory(folder: Path) -> Opener:
    """One object, for all."""
    journal = MemoryJournal()
    return lambda: journal


def sqlite(folder: Path) -> Opener:
    """One file, opened by each."""
    prepared = folders.prepare(folder)
    return lambda: SQLiteJournal(prepared)


def files(folder: Path) -> Opener:
    """One folder, opened by each."""
    prepared = folders.prepare(folder, "files")
    return lambda: FilesJournal(prepared)


def in_postgres(folder: Path) -> Opener:
    """One table, a connection each; populations are told apart by their names."""
    url, name = postgres().url, secrets.token_hex(8)
    return lambda: PostgresJournal(url, name)


JOURNALS: dict[str, Callable[[Path], Opener]] = {
    "memory": memory, "sqlite": sqlite, "files": files, "postgres": in_postgres,
}  # fmt: skip
"""By name: from an empty folder of its own to an opener. A new kind of journal is a line here."""


class Raced:
    """A journal whose user never waits for a turn, and meets somebody else just before what it came for is appended.

    Attributes:
        intruder: who comes in between, once.
        full: "now", or "once explored": what can not be appended.
    """

    def __init__(self, journal: Any) -> None:
        self._journal = journal
        self.intruder: Callable[[], None] | None = None
        self.full: str | None = None
        self.was_full = False

    def fair_turn(self, meanwhile: Any = None) -> AbstractContextManager[object]:
        """None: an append without it is safe, too."""
        return contextlib.nullcontext()

    def append(self, expected: int, entries: Sequence[bytes]) -> None:
        event = decode(entries[0]).event
        intruder, self.intruder = self.intruder, None
        if intruder is not None and isinstance(event, Reported | Leased | Released):
            intruder()
        if self.full == "now" or (self.full == "once explored" and isinstance(event, Explored)):
            self.was_full = True
            raise Unavailable("the disk is full, says a test")
        self._journal.append(expected, entries)

    def read(self, after: int) -> Iterable[bytes]:
        return list(self._journal.read(after))

    def snapshot(self) -> bytes | None:
        found: bytes | None = self._journal.snapshot()
        return found

    def save_snapshot(self, body: bytes) -> None:
        self._journal.save_snapshot(body)

    def close(self) -> None:
        self._journal.close()
