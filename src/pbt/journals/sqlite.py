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

from pbt.disk.locks import FairLock
from pbt.disk.sharing import open_shared
from pbt.errors import JournalError, PBTError, Unavailable
from pbt.journals.journal import Raced, mend
from pbt.journals.snapshot_file import SnapshotFile

FILE = "journal.db"
_CREATE = "CREATE TABLE IF NOT EXISTS entries (number INTEGER PRIMARY KEY, body BLOB NOT NULL)"
_READ = "SELECT body FROM entries WHERE number > ? ORDER BY number LIMIT ?"
NOT_YET = ()
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
                if not self._path.exists():  # closing one that is open elsewhere in this process would end its locks
                    os.close(open_shared(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
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

    def fair_turn(self, meanwhile: Callable[[], None] | None = None) -> AbstractContextManager[object]:
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
    """The same entries, read-only: for everything that shows something. It never makes or changes a file of ours.

    SQLite reads a file that has a WAL with the help of an index beside it, which a reader may have to make. Without
    a WAL none is needed: the file is read as it lies there, and once more where a writer came meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder.absolute() / FILE
        self._wal = self._path.with_name(f"{FILE}-wal")
        self._still: tuple[int, ...] | None = None
        self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        self._still = self._state()
        mode = "mode=ro" if self._still is None else "immutable=1"
        try:
            if self._still == NOT_YET:
                return sqlite3.connect(":memory:", check_same_thread=False)
            return sqlite3.connect(f"{self._path.as_uri()}?{mode}", uri=True, check_same_thread=False, timeout=60)
        except sqlite3.OperationalError as error:
            raise self._unreadable(error) from None

    def _state(self) -> tuple[int, ...] | None:
        """By which a file is known to have been left alone; None while it has a WAL, or can not be seen."""
        try:
            if os.path.exists(self._wal) and os.stat(self._wal).st_size:
                return None
            if not os.path.exists(self._path) and not os.path.exists(self._path.with_name("checkpoints")):
                return NOT_YET  # a population's mark is made before its journal
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def read(self, after: int) -> Iterable[bytes]:
        """The entries after number `after`."""
        while rows := self._rows(after):
            yield from rows
            after += len(rows)
            if len(rows) < _BATCH:
                return

    def _rows(self, after: int) -> list[bytes]:
        while True:
            if self._still is not None and self._still != self._state():
                self._open_anew()
            try:
                rows = _rows(self._db, self._path, after)
            except JournalError as error:
                if self._still == self._state():
                    raise self._unreadable(error.__cause__ or error) from None
                self._open_anew()
            else:
                if self._still is None or self._still == self._state():
                    return rows

    def _open_anew(self) -> None:
        self._db.close()
        self._db = self._open()

    def _unreadable(self, error: BaseException) -> PBTError:
        """Where only a permission is missing, that is no damage."""
        folder = self._path.parent
        if isinstance(error, sqlite3.OperationalError) and not os.access(folder, os.W_OK):
            return Unavailable(
                f"{self._path} can not be read by this user now ({error}): a program was ended while it wrote, and "
                f"SQLite can not sort that out without the permission to write to {folder}: "
                "look as the user who trains, or at a copy of the whole folder"
            )
        return error if isinstance(error, JournalError) else _damaged(self._path, error)

    def snapshot(self) -> bytes | None:
        """See `Journal.snapshot`."""
        return SnapshotFile(self._path.parent).read()

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
        raise _damaged(path, error) from error


def _damaged(path: Path, error: BaseException) -> JournalError:
    if isinstance(error, sqlite3.OperationalError):
        return JournalError(f"{path} can not be read or written now: {error}")
    return JournalError(f"{path}: {error}; this is no whole journal: {mend(path.parent)}")
