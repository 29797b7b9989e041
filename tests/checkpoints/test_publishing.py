"""What is published: it is at rest, whole, and replaces nothing that a report has named."""

from __future__ import annotations

import errno
import os
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.checkpoints import folder as folders
from pbt.checkpoints import plain
from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.store import MANIFEST
from pbt.errors import CheckpointError
from pbt.population.entries import Checkpoint
from tests.support.stored import InFolder, InObjects, Kept, Uploaded, publish, read

SETTINGS: dict[str, Any] = {
    "space": {"lr": pbt.Float(0, 1)}, "members": 2, "steps": 100, "interval": 5, "maximize": True, "seed": 1,
    "quorum": 2,
}  # fmt: skip


def of(id: str) -> Checkpoint:
    return Checkpoint(id, int(id.partition("/")[0]), 1, 0.5, {"lr": 0.1})


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    (tmp_path / "p").mkdir()
    return FolderStore(tmp_path / "p")


# --- at rest ---


def test_a_manifest_that_a_full_disk_cut_short_is_written_anew(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = store.staging(0, 1)
    (staging / "state").write_bytes(b"weights")
    inner = Path.write_bytes

    def full(path: Path, body: Any) -> int:
        inner(path, body[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="No space left"):
            store.publish(staging, of("0/1-1"), None)
    store.publish(staging, of("0/1-1"), None)
    assert read(store.fetch("0/1-1"))["state"] == b"weights"


def rewriting(monkeypatch: pytest.MonkeyPatch, file: str, times: int) -> None:
    """Somebody writes other bytes, as many as before, while files are synced."""
    inner, done = folders.sync, [0]

    def sync(path: Path) -> None:
        inner(path)
        if path.name == file and done[0] < times:
            done[0] += 1
            before = path.stat().st_mtime_ns
            while path.stat().st_mtime_ns == before:
                path.write_bytes(b"%7d" % done[0])
                time.sleep(0.001)

    monkeypatch.setattr(folders, "sync", sync)


def test_what_is_rewritten_while_it_is_synced_is_synced_again(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    staging = store.staging(0, 1)
    (staging / "state").write_bytes(b"weights")
    rewriting(monkeypatch, "state", 1)
    inner = folders.sync
    monkeypatch.setattr(folders, "sync", lambda path: (inner(path), synced.append(path.name)))
    assert read(store.publish(staging, of("0/1-1"), None))["state"] == b"      1"
    assert synced.count("state") == 2


def test_what_does_not_come_to_rest_is_refused_and_left_to_be_completed(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same size all the while: only its time tells."""
    staging = store.staging(0, 1)
    (staging / "state").write_bytes(b"weights")
    with monkeypatch.context() as patched:
        rewriting(patched, "state", 1000)
        with pytest.raises(CheckpointError, match=r"state in .* changed while it was being published"):
            store.publish(staging, of("0/1-1"), None)
    assert store.ids() == []
    (staging / "state").write_bytes(b"complete")
    store.publish(staging, of("0/1-1"), None)
    assert read(store.fetch("0/1-1"))["state"] == b"complete"


def test_what_grows_after_the_rename_is_refused_and_left_to_be_completed(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = store.staging(0, 1)
    (staging / "state").write_bytes(b"weights")

    def growing(folder: Path, on: bool = True) -> None:
        if on:
            (folder / "state").write_bytes(b"weights and more")
        plain.protect(folder, on)

    with monkeypatch.context() as patched:
        patched.setattr(folders, "protect", growing)
        with pytest.raises(CheckpointError, match="changed while it was being published"):
            store.publish(staging, of("0/1-1"), None)
    assert store.ids() == []
    assert (staging / "state").stat().st_mode & 0o200
    store.publish(staging, of("0/1-1"), None)
    assert read(store.fetch("0/1-1"))["state"] == b"weights and more"


def test_what_is_rewritten_while_it_travels_is_refused(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    if isinstance(kept, InFolder):
        return
    store: Any = kept.store()
    staging = store.staging(0, 1)
    (staging / "state").write_bytes(b"weights")
    inner = store.transport.send

    def send(id: str, name: str, path: Path) -> str:
        sent: str = inner(id, name, path)
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
        return sent

    monkeypatch.setattr(store.transport, "send", send)
    with pytest.raises(CheckpointError, match="changed while it was being published"):
        store.publish(staging, of("0/1-1"), None)
    assert f"0/1-1/{MANIFEST}" not in kept.files()
    assert staging.is_dir()


def test_a_file_that_is_still_open_is_refused(kept: Kept, tmp_path: Path) -> None:
    """Saved into our folder, or given alone; in a folder of the user's own it may be a log."""
    store = kept.store()
    staging, mine = store.staging(0, 1), tmp_path / "mine"
    mine.mkdir()
    (mine / "state").write_bytes(b"weights")
    with (staging / "shard").open("wb"), (mine / "log").open("wb"), pytest.raises(CheckpointError, match="still open"):
        store.publish(staging, of("0/1-1"), None)
    with (mine / "shard").open("wb"), pytest.raises(CheckpointError, match="still open"):
        store.adopt(mine / "shard", 0, 1)
    with (mine / "log").open("wb"):
        store.publish(store.adopt(mine, 0, 1), of("0/1-1"), None)
    assert set(read(store.fetch("0/1-1"))) == {"state", "shard", "log", MANIFEST}


def test_a_file_that_nobody_closed_is_refused_even_if_nobody_refers_to_it_any_more(store: FolderStore) -> None:
    """Its object lies in a cycle: the collector of garbage may close it before what it has buffered is written."""
    staging = store.staging(0, 1)
    cycle: list[Any] = [(staging / "shard").open("wb")]
    cycle[0].write(b"weights")
    cycle.append(cycle)
    file = weakref.ref(cycle[0])
    del cycle
    with pytest.raises(CheckpointError, match=r"shard in .* is still open"):
        store.publish(staging, of("0/1-1"), None)
    found = file()
    assert found is not None
    found.close()
    store.publish(staging, of("0/1-1"), None)
    assert read(store.fetch("0/1-1"))["shard"] == b"weights"


def copying(monkeypatch: pytest.MonkeyPatch, after: Callable[[Path], object], times: int = 1) -> None:
    """Something happens each time a file has been copied."""
    inner, done = plain.copy_file, [0]

    def copy(source: Path, target: Path, state: os.stat_result) -> None:
        inner(source, target, state)
        if done[0] < times:
            done[0] += 1
            after(source)

    monkeypatch.setattr(plain, "copy_file", copy)


def test_what_changes_in_a_folder_of_ones_own_is_copied_again(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    (mine / "deep").mkdir(parents=True)
    for name in ("a", "deep/b", "z"):
        (mine / name).write_bytes(b"old")

    def change(_: Path) -> None:
        (mine / "a").write_bytes(b"new")
        os.utime(mine / "a", ns=(0, time.time_ns() + 10**9))
        (mine / "deep" / "b").rename(mine / "deep" / "c")
        (mine / "late").write_bytes(b"late")

    copying(monkeypatch, lambda source: change(source) if source.name == "b" else None, times=2)
    store.publish(store.adopt(mine, 0, 1), of("0/1-1"), None)
    found = read(store.fetch("0/1-1"))
    del found[MANIFEST]
    assert found == {"a": b"new", "deep/c": b"old", "late": b"late", "z": b"old"}


def test_what_does_not_come_to_rest_in_a_folder_of_ones_own_is_refused(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "state").write_bytes(b"weights")
    copying(monkeypatch, lambda source: source.write_bytes(source.read_bytes() + b"x"), times=1000)
    for source in (mine, mine / "state"):
        with pytest.raises(CheckpointError, match="changes while it is being copied"):
            store.adopt(source, 0, 1)
    assert not list((tmp_path / "p" / "checkpoints" / "0").iterdir())


# --- what it is ---


def test_empty_folders_are_kept_nowhere(kept: Kept) -> None:
    store = kept.store()
    staging = store.staging(0, 1)
    (staging / "deep" / "empty").mkdir(parents=True)
    (staging / "other" / "full").mkdir(parents=True)
    (staging / "other" / "full" / "state").write_bytes(b"weights")
    store.publish(staging, of("0/1-1"), None)
    for machine in ("one", "other"):
        found = kept.store(machine).fetch("0/1-1")
        assert {p.relative_to(found).as_posix() for p in found.rglob("*") if p.is_dir()} == {"other", "other/full"}


def test_a_copy_can_be_executed_and_is_as_old_as_what_was_saved(store: FolderStore, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for name, mode in (("run.sh", 0o755), ("state", 0o600)):
        (mine / name).write_bytes(b"#!/bin/sh\n")
        (mine / name).chmod(mode)
        os.utime(mine / name, ns=(10**18, 10**18))
    found = store.publish(store.adopt(mine, 0, 1), of("0/1-1"), None)
    assert (found / "run.sh").stat().st_mode & 0o100
    assert not (found / "state").stat().st_mode & 0o111
    assert (found / "state").stat().st_mtime_ns == 10**18


@pytest.mark.parametrize("always", [False, True])
def test_an_object_that_arrived_cut_short_is_sent_again_or_refused(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, always: bool
) -> None:
    kept = InObjects(tmp_path, request.getfixturevalue("s3"), monkeypatch)
    store: Any = kept.store()
    inner, sent = store.transport.send, [0]

    def send(id: str, name: str, path: Path) -> str:
        sha256: str = inner(id, name, path)
        sent[0] += 1
        if always or sent[0] == 1:
            kept.damage(f"{id}/{name}", b"cut")
        return sha256

    monkeypatch.setattr(store.transport, "send", send)
    if always:
        with pytest.raises(CheckpointError, match="state arrived with 3 bytes"):
            publish(store, "0/1-1", {"state": b"weights"})
        assert f"0/1-1/{MANIFEST}" not in kept.files()
    else:
        publish(store, "0/1-1", {"state": b"weights"})
        assert read(kept.store("other").fetch("0/1-1"))["state"] == b"weights"
    kept.close()


def test_a_checkpoint_that_a_report_has_named_is_not_replaced(kept: Kept) -> None:
    if isinstance(kept, Uploaded):
        return  # the server knows itself what was named
    publish(kept.store(), "0/1-1", {"state": b"old"})
    store = kept.store("other")
    staging = store.staging(0, 1)
    (staging / "state").write_bytes(b"new")
    with pytest.raises(CheckpointError, match="a report has named it"):
        store.publish(staging, of("0/1-1"), None, lambda: True)
    assert read(kept.store("another").fetch("0/1-1"))["state"] == b"old"
    store.publish(staging, of("0/1-1"), None, lambda: False)
    assert read(kept.store("a fourth").fetch("0/1-1"))["state"] == b"new"


def test_a_worker_whose_numbers_were_given_again_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lives on while the journal is restored from a copy made before its lease; another joins since."""
    monkeypatch.setenv("PBT_JOURNAL", "files")
    where = tmp_path / "p"
    stale = pbt.join(where, **SETTINGS)
    (where / "journal" / f"{2:012d}").unlink()
    member = pbt.join(where, member=0)
    member.report(1.0, step=5, save=lambda folder: (folder / "state").write_text("old"))
    with pytest.raises(CheckpointError, match="0/1-1 exists already: a report has named it"):
        stale.report(1.0, step=10, save=lambda folder: (folder / "state").write_text("new"))
    assert read(where / "checkpoints" / "0" / "1-1")["state"] == b"old"
    for each in (stale, member):
        each.close()
