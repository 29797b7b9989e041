"""A journal of files: appending processes killed, packing killed, links that lie, files that are not whole."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbt
from pbt.journals.files import journal as files
from pbt.journals.files import packing
from pbt.journals.files.frames import framed, unframed
from pbt.journals.files.journal import FilesJournal
from pbt.journals.files.packing import BLOCK, blocks, pack
from pbt.journals.journal import Raced
from pbt.opening import folder as folders
from tests.support.population import Script
from tests.support.worlds import ServerWorld


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folders.prepare(tmp_path / "p", "files")


@pytest.fixture
def journal(folder: Path) -> FilesJournal:
    return FilesJournal(folder)


def fill(folder: Path, count: int) -> list[bytes]:
    """As many appends of one entry; packing is left to the test."""
    bodies = [b"entry %d" % n for n in range(1, count + 1)]
    for n, body in enumerate(bodies, 1):
        (folder / "journal" / f"{n:012d}").write_bytes(framed(n, os.urandom(16), [body]))
    return bodies


def opened(monkeypatch: pytest.MonkeyPatch, read: Callable[[], Any]) -> int:
    """How many files are opened while something is read."""
    count = 0
    inner = files.read_file

    def counted(path: Path) -> bytes | None:
        nonlocal count
        count += 1
        return inner(path)

    with monkeypatch.context() as patched:
        patched.setattr(files, "read_file", counted)
        read()
    return count


# --- killed ---


@pytest.mark.slow_but_first
@pytest.mark.parametrize("at", ["write", "link", "rename", "unlink"])
@pytest.mark.parametrize("after", [0, 1, 7, 40])
def test_packing_may_be_killed_anywhere(folder: Path, monkeypatch: pytest.MonkeyPatch, at: str, after: int) -> None:
    bodies = fill(folder, 3 * BLOCK)
    child = os.fork()
    if child == 0:
        left = after
        inner = getattr(os, at)

        def dying(*arguments: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return inner(*arguments)

        setattr(os, at, dying)
        pack(folder / "journal", 0)
        os._exit(0)
    os.waitpid(child, 0)
    assert list(FilesJournal(folder).read(0)) == bodies
    for after in (1, 17, BLOCK - 1, BLOCK, BLOCK + 1):
        assert list(FilesJournal(folder).read(after)) == bodies[after:]
    with pytest.raises(Raced):
        FilesJournal(folder).append(17, [b"x"])
    pack(folder / "journal", 0)
    assert opened(monkeypatch, lambda: FilesJournal(folder).read(0)) <= 2 * BLOCK + 3


# --- packing ---


def test_many_entries_are_packed_and_few_files_are_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = FilesJournal(folder)
    for n in range(BLOCK * 4 + 1):
        journal.append(n, [b"%d" % n])
    journal.close()
    assert [int(body) for body in FilesJournal(folder).read(0)] == list(range(BLOCK * 4 + 1))
    assert opened(monkeypatch, lambda: FilesJournal(folder).read(0)) < 2 * BLOCK
    names = sorted(p.name for p in (folder / "journal").iterdir())
    assert names == [f"{n:012d}" for n in range(1, BLOCK * 4 + 2)]
    assert len({(folder / "journal" / name).stat().st_ino for name in names}) < 2 * BLOCK


def test_two_pack_at_once_while_others_read(folder: Path) -> None:
    bodies = fill(folder, 3 * BLOCK)
    packers = [threading.Thread(target=pack, args=(folder / "journal", block)) for block in (0, 0, 1, 1)]
    for packer in packers:
        packer.start()
    while any(packer.is_alive() for packer in packers):
        assert list(FilesJournal(folder).read(0)) == bodies
    assert not list((folder / "journal").glob("*.tmp"))


def test_a_stale_writer_can_not_append_into_a_packed_range(folder: Path) -> None:
    fill(folder, 9)
    stale = FilesJournal(folder)
    assert len(list(stale.read(0))) == 9
    bodies = fill(folder, 2 * BLOCK)
    pack(folder / "journal", 0)
    with pytest.raises(Raced):
        stale.append(9, [b"x"])
    assert list(FilesJournal(folder).read(0)) == bodies


def test_a_reader_may_stand_anywhere_when_its_files_are_packed(folder: Path) -> None:
    readers = []
    for after in range(0, BLOCK, 5):
        fill(folder, after)
        reader = FilesJournal(folder)
        assert len(list(reader.read(0))) == after
        readers.append((after, reader))
    bodies = fill(folder, 2 * BLOCK)
    pack(folder / "journal", 0)
    for after, reader in readers:
        assert list(reader.read(after)) == bodies[after:]


@settings(max_examples=40)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=12), st.data())
def test_appends_of_any_size_are_packed_and_read_from_anywhere(sizes: list[int], data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        folder = folders.prepare(Path(temporary) / "p", "files")
        at = 0
        bodies: list[bytes] = []
        for size in sizes:
            more = [b"%d" % (at + i) for i in range(size)]
            (folder / "journal" / f"{at + 1:012d}").write_bytes(framed(at + 1, os.urandom(16), more))
            bodies += more
            at += size
        for block in data.draw(st.permutations(range(at // BLOCK + 1))):
            pack(folder / "journal", block)
        after = data.draw(st.integers(0, at))
        journal = FilesJournal(folder)
        assert list(journal.read(after)) == bodies[after:]
        journal.append(at, [b"more"])
        journal.close()
        assert list(FilesJournal(folder).read(0)) == [*bodies, b"more"]


@given(st.lists(st.integers(1, 200), min_size=1, max_size=30))
def test_every_block_is_packed_once(sizes: list[int]) -> None:
    packed, at = [], 0
    for size in sizes:
        packed += blocks(at + 1, at + size)
        at += size
    assert packed == list(range(max(0, at // BLOCK - 1)))


def test_what_killed_writers_left_is_deleted_once_it_is_old(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, 2 * BLOCK)
    old, young = (folder / "journal" / name for name in (".1-old.tmp", ".1-young.tmp"))
    for path in (old, young):
        path.write_bytes(b"half of an ent")
    os.utime(old, (0, time.time() - packing.OLD - 60))
    monkeypatch.setattr(packing, "SWEEP", 1)
    pack(folder / "journal", 0)
    assert not old.exists()
    assert young.exists()


# --- a file system that lies ---


def test_a_link_that_reports_a_failure_but_happened_has_succeeded(
    journal: FilesJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = os.link
    for error in (FileExistsError(errno.EEXIST, "File exists"), OSError(errno.EIO, "Input/output error")):

        def twice(source: Any, target: Any, error: OSError = error) -> None:
            inner(source, target)
            raise error

        n = len(list(journal.read(0)))
        monkeypatch.setattr(os, "link", twice)
        journal.append(n, [b"mine"])
        monkeypatch.setattr(os, "link", inner)
        assert list(journal.read(n)) == [b"mine"]


def test_a_link_that_fails_for_another_reason_than_a_rival_is_still_a_lost_race(
    folder: Path, journal: FilesJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sshfs says "Operation not permitted" where the name is there."""
    FilesJournal(folder).append(0, [b"theirs"])

    def refuse(source: Any, target: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(Raced):
        journal.append(0, [b"mine"])
    monkeypatch.undo()
    assert list(journal.read(0)) == [b"theirs"]


def test_a_link_that_fails_records_nothing_and_says_so(
    folder: Path, journal: FilesJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Any, target: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(pbt.errors.Unavailable, match="nothing was recorded"):
        journal.append(0, [b"mine"])
    monkeypatch.undo()
    assert not list((folder / "journal").iterdir())
    journal.append(0, [b"mine"])
    assert list(journal.read(0)) == [b"mine"]


def test_a_file_that_is_not_there_yet_in_whole_is_read_again(
    folder: Path, journal: FilesJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client may know an old size of a file, or lose one that is replaced while it reads."""
    FilesJournal(folder).append(0, [b"one"])
    inner, trouble = files.read_file, iter([b"", b"pbt1 1", OSError(errno.ESTALE, "Stale file handle")])

    def old(path: Path) -> bytes | None:
        found = next(trouble, None)
        if isinstance(found, OSError):
            raise found
        return inner(path) if found is None else found

    monkeypatch.setattr(files, "read_file", old)
    assert list(journal.read(0)) == [b"one"]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_file_is_a_clear_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, damage: str, packed: bool
) -> None:
    monkeypatch.setattr(files, "WHOLE", 0.1)
    fill(folder, 2 * BLOCK)
    if packed:
        pack(folder / "journal", 0)
    path = folder / "journal" / f"{BLOCK:012d}"
    data = path.read_bytes()
    path.write_bytes({"truncated": data[:-1], "flipped": data[:-3] + b"!" + data[-2:], "emptied": b""}[damage])
    with pytest.raises(pbt.JournalError, match=r"damaged.*restore"):
        FilesJournal(folder).read(0)


def test_a_folder_without_its_entries_is_no_new_population(folder: Path) -> None:
    (folder / "journal").rmdir()
    with pytest.raises(pbt.JournalError, match="is missing"):
        folders.coordinator(folder)


def test_a_newer_format_is_a_clear_error(folder: Path) -> None:
    frame = framed(1, b"k" * 16, [b"one"])
    (folder / "journal" / f"{1:012d}").write_bytes(frame.replace(b"pbt1", b"pbt2"))
    with pytest.raises(pbt.JournalError, match="newer pbt"):
        FilesJournal(folder).read(0)


@given(st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=4), min_size=1, max_size=5), st.data())
def test_any_part_of_a_segment_is_true(appends: list[list[bytes]], data: st.DataObject) -> None:
    raw, numbered = b"", {}
    n = 1
    for entries in appends:
        raw += framed(n, b"k" * 16, entries)
        numbered.update(enumerate(entries, n))
        n += len(entries)
    cut = data.draw(st.integers(0, len(raw)))
    read = {f.first + i: entry for f in unframed(raw[:cut]) for i, entry in enumerate(f.entries)}
    assert read.items() <= numbered.items()
    if cut == len(raw):
        assert read == numbered


def test_a_snapshot_is_a_cache(folder: Path, journal: FilesJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert journal.snapshot() is None
    journal.save_snapshot(b"one")
    journal.save_snapshot(b"two")
    assert FilesJournal(folder).snapshot() == b"two"
    folder.joinpath("snapshot").unlink()
    folder.joinpath("snapshot").mkdir()
    journal.save_snapshot(b"three")
    assert journal.snapshot() is None
    assert not list(folder.glob(".snapshot*"))


# --- turns ---


@pytest.mark.slow
def test_nobody_starves(folder: Path) -> None:
    """Four that append as fast as they can: each gets its share."""
    counts = [0] * 4
    end = time.monotonic() + 2

    def work(i: int) -> None:
        journal, n = FilesJournal(folder), 0
        while time.monotonic() < end:
            with journal.fair_turn():
                n += len(list(journal.read(n)))
                try:
                    journal.append(n, [b"x"])
                except Raced:
                    continue
            n += 1
            counts[i] += 1
        journal.close()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(counts) > 0.2 * sum(counts) / 4


def test_a_server_is_not_held_up_by_who_asks_for_entries_far_past_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal of files would look for each of those names, one after the other, and the served would wait."""
    monkeypatch.setenv("PBT_JOURNAL", "files")
    world = ServerWorld(tmp_path)
    try:
        Script(world).join(0)
        remote = world.coordinator()
        assert len(list(remote.read(0))) == 2
        assert opened(monkeypatch, lambda: list(remote.read(10**4))) < 5
        assert list(remote.read(10**4)) == []
    finally:
        world.close()
