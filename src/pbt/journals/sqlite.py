"""A journal in an SQLite file, for any number of processes on one machine.

`synchronous=FULL` in WAL mode: an entry is on the disk when `append` returns. Writers open, checkpoint
and close under the fairness lock: before SQLite 3.51.3 a WAL reset that meets another writer's
checkpoint could lose commits. Readers open the file read-only.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from pbt.errors import JournalError, Unavailable
from pbt.journals.journal import Raced
from pbt.journals.locks import FairLock
from pbt.journals.snapshot import SnapshotFile

FILE = "journal.db"
_CREATE = "CREATE TABLE IF NOT EXISTS entries (number INTEGER PRIMARY KEY, body BLOB NOT NULL)"
_READ = "SELECT body FROM entries WHERE number > ? ORDER BY number LIMIT ?"
_BATCH = 4096
"""Entries read at once, so that a long history is never in memory whole."""
_INSERT = "INSERT INTO entries VALUES (?, ?)"
_LAST = "SELECT COALESCE(MAX(number), 0) FROM entries"


class SQLiteJournal:
    """Entries in ``journal.db`` in a population's folder.

    Raises:
        JournalError: the file is no journal, or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._turn = FairLock(folder)
        self._snapshot = SnapshotFile(folder)
        self._last = -1
        self._closed = False
        self._process = os.getpid()
        with self._turn:
            try:
                self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=60)
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.execute(_CREATE)
                self._inserting = self._db.cursor()
            except sqlite3.DatabaseError as error:
                self._turn.__exit__(None, None, None)
                self._turn.close()
                raise _damaged(self._path, error) from None

    def read(self, after: int) -> Iterable[bytes]:
        """The entries after number `after`."""
        rows = _rows(self._db, self._path, after)
        if rows:  # a read beyond the end says nothing about where the end is
            self._last = after + len(rows)
        return rows if len(rows) < _BATCH else self._read_on(rows)

    def _read_on(self, rows: list[bytes]) -> Iterator[bytes]:
        while rows:
            yield from rows
            rows = _rows(self._db, self._path, self._last)
            self._last += len(rows)

    def append(self, expected: int, entries: Sequence[bytes]) -> None:
        """Append after number `expected`, durable when it returns; or raise `Raced`."""
        if not self._turn.held:
            with self._turn:
                self.append(expected, entries)
            return
        try:
            if expected != self._last and self._db.execute(_LAST).fetchone()[0] != expected:
                raise Raced
            if len(entries) == 1:
                self._inserting.execute(_INSERT, (expected + 1, entries[0]))
            else:
                self._append_all([(expected + 1 + i, body) for i, body in enumerate(entries)])
            self._last = expected + len(entries)
        except sqlite3.IntegrityError:
            raise Raced from None
        except sqlite3.Error as error:
            raise Unavailable(
                f"{self._path}: nothing was recorded ({error}); make room or mend the file system, then go on"
            ) from None

    def _append_all(self, rows: list[tuple[int, bytes]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(_INSERT, rows)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def turn(self, meanwhile: Callable[[], None] | None = None) -> AbstractContextManager[object]:
        """A fair turn among the processes of this machine."""
        self._turn.meanwhile = meanwhile
        return self._turn

    def snapshot(self) -> bytes | None:
        """See `Journal.snapshot`."""
        return self._snapshot.read()

    def save_snapshot(self, body: bytes) -> None:
        """See `Journal.save_snapshot`."""
        self._snapshot.write(body)

    def close(self) -> None:
        """Close the file, under the lock, since the last one to close checkpoints; twice is once."""
        if self._closed or os.getpid() != self._process:
            return
        self._closed = True
        with self._turn:
            self._inserting.close()
            self._db.close()
        self._turn.close()

    def __del__(self) -> None:
        if hasattr(self, "_inserting"):
            self.close()


class SQLiteReader:
    """The same entries, read-only: for everything that shows something."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        wal = self._path.with_name(f"{FILE}-wal")
        # Where nothing can be written SQLite finds no place for its index of the WAL; without a WAL it needs none.
        still = not os.access(folder, os.W_OK) and not (wal.exists() and wal.stat().st_size)
        mode = "immutable=1" if still else "mode=ro"
        try:
            self._db = sqlite3.connect(f"file:{self._path}?{mode}", uri=True, check_same_thread=False, timeout=60)
        except sqlite3.OperationalError as error:
            raise _damaged(self._path, error) from None

    def read(self, after: int) -> Iterable[bytes]:
        """The entries after number `after`."""
        while rows := _rows(self._db, self._path, after):
            yield from rows
            after += len(rows)
            if len(rows) < _BATCH:
                return

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __del__(self) -> None:
        if hasattr(self, "_db"):
            self._db.close()


def _rows(db: sqlite3.Connection, path: Path, after: int) -> list[bytes]:
    try:
        return [body for (body,) in db.execute(_READ, (after, _BATCH))]
    except sqlite3.DatabaseError as error:
        if "no such table" in str(error):
            return []
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> JournalError:
    if isinstance(error, sqlite3.OperationalError):
        return JournalError(f"{path} can not be read or written now: {error}")
    return JournalError(
        f"{path}: {error}; this is no whole journal: restore the folder from a copy, or start a new one"
    )
