"""What every journal does: numbered entries, and an append that succeeds only after the expected one."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.disk.locks import FairLock
from pbt.journals.journal import Journal, Raced
from pbt.journals.memory import MemoryJournal
from pbt.journals.postgres import PostgresJournal
from pbt.journals.sqlite import SQLiteJournal
from pbt.opening import folder as folders
from tests.support.postgres import postgres

Open = Callable[[], Journal]


@pytest.fixture(params=["memory", "sqlite", "files", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens the same journal, each time as another process would."""
    made: list[Any] = []
    memory = MemoryJournal()
    url = postgres().schema() if request.param == "postgres" else ""

    def open_journal() -> Journal:
        if request.param == "memory":
            return memory
        if request.param == "postgres":
            made.append(PostgresJournal(url, "p"))
        else:
            made.append(folders.journal(folders.prepare(tmp_path / "p", request.param)))
        return made[-1]

    yield open_journal
    for journal in made:
        journal.close()


def test_what_was_appended_is_read_in_order(opened: Open) -> None:
    a, b = opened(), opened()
    a.append(0, [b"one"])
    b.append(1, [b"two", b"three"])
    assert list(a.read(0)) == [b"one", b"two", b"three"]
    assert list(b.read(2)) == [b"three"]
    assert list(b.read(3)) == []
    assert list(opened().read(0)) == [b"one", b"two", b"three"]


@pytest.mark.slow_but_first
def test_an_append_that_comes_second_is_raced_and_leaves_nothing(opened: Open) -> None:
    a, b = opened(), opened()
    a.append(0, [b"one"])
    for entries in ([b"x"], [b"x", b"y"]):
        with pytest.raises(Raced):
            b.append(0, entries)
    assert list(b.read(0)) == [b"one"]


def test_an_append_never_leaves_a_gap(opened: Open) -> None:
    journal = opened()
    for expected in (1, 10):
        with pytest.raises(Raced):
            journal.append(expected, [b"x"])
    journal.append(0, [b"one"])
    with pytest.raises(Raced):
        opened().append(5, [b"x", b"y"])
    assert list(journal.read(0)) == [b"one"]


def test_reading_may_begin_in_the_middle_of_an_append(opened: Open) -> None:
    opened().append(0, [b"one", b"two", b"three"])
    opened().append(3, [b"four"])
    for after in range(6):
        assert list(opened().read(after)) == [b"one", b"two", b"three", b"four"][after:]
    journal = opened()
    assert list(journal.read(2)) == [b"three", b"four"]
    with pytest.raises(Raced):
        journal.append(2, [b"x"])
    assert list(journal.read(9)) == []
    with pytest.raises(Raced):
        journal.append(9, [b"x"])
    journal.append(4, [b"five"])
    assert list(journal.read(3)) == [b"four", b"five"]


def test_turns_can_be_taken_within_turns(opened: Open) -> None:
    journal = opened()
    with journal.fair_turn(), journal.fair_turn():
        journal.append(0, [b"one"])
    with opened().fair_turn():
        pass


def test_bytes_are_kept_as_they_are(opened: Open) -> None:
    journal = opened()
    bodies = [bytes(range(256)), b"", b"\x00", b"x" * 1_000_000]
    journal.append(0, bodies)
    assert list(opened().read(0)) == bodies


def test_a_full_disk_is_a_clear_error_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def small(*given: Any, **named: Any) -> sqlite3.Connection:
        db = connect(*given, **named)
        db.execute("PRAGMA max_page_count = 4")
        return db

    monkeypatch.setattr(sqlite3, "connect", small)
    journal = SQLiteJournal(folders.prepare(tmp_path / "p"))
    journal.append(0, [b"one"])
    with pytest.raises(pbt.errors.Unavailable, match="nothing was recorded"):
        journal.append(1, [b"x" * 100_000])
    journal.append(1, [b"two"])
    assert list(journal.read(0)) == [b"one", b"two"]
    journal.close()


def test_an_interrupt_while_waiting_for_the_turn_leaves_no_lock(tmp_path: Path) -> None:
    holder, waiter, third = (FairLock(tmp_path) for _ in range(3))

    def interrupted(fd: int, operation: int) -> None:
        if operation == fcntl.LOCK_EX:
            raise KeyboardInterrupt
        fcntl.flock(fd, operation)

    with holder, pytest.raises(KeyboardInterrupt):
        waiter.__enter__(flock=interrupted)
    with holder:
        pass
    with third:
        pass
    for lock in (holder, waiter, third):
        lock.close()
