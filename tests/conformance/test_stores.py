"""What holds of every store of checkpoints: in a folder, in an object store, and through the server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.store import MANIFEST, Manifest
from pbt.errors import CheckpointError
from pbt.population.entries import Checkpoint
from tests.support.services import BUCKET
from tests.support.stored import InFolder, InObjects, Kept, Uploaded, ids, publish, read

MANY = {
    "state": b"weights",
    "empty": b"",
    "deep/er/and deeper": b"x" * 1000,
    "with space and ünïcode ☃.bin": b"snow",
    "50%.txt": b"per cent",
    "a#b?c&d=e+f": b"odd",
    "new\nline": b"odder",
    ".hidden": b"h",
    "deep/pbt.json": b"not the manifest",
    "-": b"dash",
}


@pytest.mark.slow_but_first
def test_what_is_staged_is_invisible_and_what_is_published_is_whole(kept: Kept) -> None:
    store = kept.store()
    staging = store.staging(0, 1)
    (staging / "state").write_bytes(b"half")
    assert store.is_staging(staging)
    assert not store.is_staging(staging / "state")
    assert kept.files() == set()
    publish(store, "1/1-1")
    with pytest.raises(CheckpointError):
        store.fetch("0/1-1")
    publish(store, "0/1-1", MANY)
    for machine in ("one", "other"):
        found = read(kept.store(machine).fetch("0/1-1"))
        manifest = msgspec.json.decode(found.pop(MANIFEST), type=Manifest)
        assert found == MANY
        assert manifest.files == {name: len(body) for name, body in MANY.items()}
        assert manifest.checkpoint.id == "0/1-1"


def test_a_checkpoint_is_there_once_its_last_file_is(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it travels nobody can fetch it: the files are there before the manifest is."""
    store = kept.store()
    publish(store, "1/1-1")
    seen: list[bool] = []
    for owner, name in ((FolderStore, "seal"), (getattr(store, "transport", None), "seal")):
        if owner is None or (owner is FolderStore and isinstance(kept, Uploaded)):
            continue
        inner = getattr(owner, name)

        def sealing(*arguments: Any, inner: Any = inner) -> Any:
            with pytest.raises(CheckpointError):
                kept.store("other").fetch("0/1-1")
            seen.append(True)
            return inner(*arguments)

        monkeypatch.setattr(owner, name, sealing)
    publish(store, "0/1-1")
    assert seen
    assert read(kept.store("other").fetch("0/1-1"))["state"] == b"0/1-1"


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("file", "body"),
    [
        ("deep/er/and deeper", None),
        ("deep/er/and deeper", b"short"),
        ("deep/er/and deeper", b"X" * 1001),
        ("empty", None),
        ("empty", b"x"),
        (MANIFEST, None),
        (MANIFEST, b'{"checkpoint":'),
    ],
)
def test_what_is_not_whole_is_noticed_at_fetch(kept: Kept, file: str, body: bytes | None) -> None:
    store = kept.store()
    publish(store, "0/1-1", {k: v for k, v in MANY.items() if k in ("deep/er/and deeper", "empty")})
    kept.damage(f"0/1-1/{file}", body)
    with pytest.raises(CheckpointError, match="not whole"):
        kept.store("other").fetch("0/1-1")


def test_a_flipped_byte_is_noticed_where_bytes_travel(kept: Kept) -> None:
    store = kept.store()
    publish(store, "0/1-1", {"state": b"weights"})
    kept.damage("0/1-1/state", b"weighty")
    if isinstance(kept, InFolder):
        return
    with pytest.raises(CheckpointError, match="not what was saved"):
        kept.store("other").fetch("0/1-1")


def test_the_manifest_of_another_checkpoint_is_none(kept: Kept) -> None:
    store = kept.store()
    publish(store, "0/1-1")
    other = publish(store, "1/1-1")
    kept.damage(f"0/1-1/{MANIFEST}", (other / MANIFEST).read_bytes())
    with pytest.raises(CheckpointError, match="holds checkpoint 1/1-1"):
        kept.store("other").fetch("0/1-1")


def test_a_checkpoint_of_a_future_that_the_journal_has_lost_is_replaced(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a journal was restored from a copy: the id is given again, and nothing of the old one is mixed in."""
    publish(kept.store(), "0/1-1", {"state": b"old", "shard/2": b"old"})
    publish(kept.store("other"), "0/1-1", {"state": b"new"})
    assert kept.files() == {"0/1-1/state", f"0/1-1/{MANIFEST}"}
    assert read(kept.store("another").fetch("0/1-1"))["state"] == b"new"


def test_the_server_replaces_nothing_that_a_report_has_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Uploaded(tmp_path, None, monkeypatch)
    publish(kept.store(), "0/1-1")
    kept.script.report(0, 1.0, step=1, seq=1, save=True)
    with pytest.raises(CheckpointError, match="a report has named it"):
        publish(kept.store("other"), "0/1-1", {"state": b"other"})
    assert read(kept.store("another").fetch("0/1-1"))["state"] == b"0/1-1"
    kept.close()


def link_inside(folder: Path) -> None:
    (folder / "last").symlink_to(folder / "state")


def link_beside(folder: Path) -> None:
    (folder / "last").symlink_to("state")


def link_out(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.write_bytes(b"weights")
    (folder / "last").symlink_to(outside)


def hard_link_out(folder: Path) -> None:
    outside = folder.parent / "outside"
    outside.write_bytes(b"weights")
    (folder / "last").hardlink_to(outside)


def link_to_a_folder_inside(folder: Path) -> None:
    (folder / "epoch").mkdir()
    (folder / "epoch" / "more").symlink_to("../state")
    (folder / "newest").symlink_to("epoch")


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("leave", "names"),
    [
        (link_inside, {"last"}),
        (link_beside, {"last"}),
        (link_out, {"last"}),
        (hard_link_out, {"last"}),
        (link_to_a_folder_inside, {"epoch/more", "newest/more"}),
    ],
)
def test_links_are_published_as_copies(kept: Kept, leave: Callable[[Path], None], names: set[str]) -> None:
    store = kept.store()
    staging = store.staging(0, 1)
    (staging / "state").write_bytes(b"weights")
    leave(staging)
    store.publish(staging, Checkpoint("0/1-1", 0, 1, 0.5, {}), None)
    for outside in staging.parent.glob("outside"):
        assert os.access(outside, os.W_OK)
        outside.write_bytes(b"changed")
    for machine in ("one", "other"):
        folder = kept.store(machine).fetch("0/1-1")
        assert not [p for p in folder.rglob("*") if p.is_symlink()]
        found = read(folder)
        assert set(found) == {"state", MANIFEST} | names
        assert {found[name] for name in names} == {b"weights"}


def nowhere(folder: Path) -> None:
    (folder / "last").symlink_to("/nowhere/at/all")


def round_and_round(folder: Path) -> None:
    (folder / "last").symlink_to("last")


def up(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "up").symlink_to("..")


def a_folder_outside(folder: Path) -> None:
    (folder / "everything").symlink_to("/")


def fifo(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def link_to_a_device(folder: Path) -> None:
    (folder / "zero").symlink_to("/dev/zero")


def a_socket(folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind("s")
    os.chdir(here)


def no_utf8(folder: Path) -> None:
    (folder / os.fsdecode(b"\xff\xfe")).write_bytes(b"")


def a_manifest_of_the_users(folder: Path) -> None:
    (folder / MANIFEST).write_text("{}")


def a_folder_in_the_manifests_place(folder: Path) -> None:
    (folder / MANIFEST).mkdir()


BAD = (
    nowhere, round_and_round, up, a_folder_outside, fifo, link_to_a_device, a_socket, no_utf8,
    a_manifest_of_the_users, a_folder_in_the_manifests_place,
)  # fmt: skip


@pytest.mark.slow_but_first
@pytest.mark.parametrize("leave", BAD)
@pytest.mark.parametrize("own", [False, True], ids=["saved", "own path"])
def test_what_can_not_be_published_is_refused_with_a_sentence(
    kept: Kept, tmp_path: Path, leave: Callable[[Path], None], own: bool
) -> None:
    store = kept.store()
    folder = tmp_path / "mine" if own else store.staging(0, 1)
    folder.mkdir(exist_ok=True)
    (folder / "state").write_bytes(b"weights")
    leave(folder)

    def publish_it() -> None:
        staging = store.adopt(folder, 0, 1) if own else folder
        store.publish(staging, Checkpoint("0/1-1", 0, 1, 0.5, {}), None)

    with pytest.raises(CheckpointError):
        publish_it()
    assert kept.files() == set()


def test_a_copy_of_a_published_checkpoint_can_be_published(kept: Kept) -> None:
    """With its manifest and its permissions, as a script does that saves little of its own."""
    store = kept.store()
    publish(store, "0/1-1", {"state": b"weights", "deep/er": b"more"})
    staging = store.staging(0, 1)
    shutil.copytree(store.fetch("0/1-1"), staging, dirs_exist_ok=True)
    store.publish(staging, Checkpoint("0/1-2", 0, 2, 0.5, {}), None)
    staging = store.adopt(store.fetch("0/1-2"), 0, 1)
    store.publish(staging, Checkpoint("0/1-3", 0, 3, 0.5, {}), None)
    assert set(read(kept.store("other").fetch("0/1-3"))) == {"state", "deep/er", MANIFEST}


def test_what_is_handed_out_is_read_only(kept: Kept) -> None:
    publish(kept.store(), "0/1-1", {"state": b"weights", "deep/er": b"more"})
    for machine in ("one", "other"):
        folder = kept.store(machine).fetch("0/1-1")
        assert not [p for p in folder.rglob("*") if p.is_file() and p.stat().st_mode & 0o222]


def test_deleted_twice_is_deleted_once(kept: Kept) -> None:
    store = kept.store()
    publish(store, "0/1-1", MANY)
    publish(store, "0/1-2")
    store.delete("0/1-1")
    store.delete("0/1-1")
    assert ids(kept) == {"0/1-2"}
    assert {name.split("/")[1] for name in kept.files()} == {"1-2"}
    with pytest.raises(CheckpointError):
        store.fetch("0/1-1")


def test_collect_keeps_what_it_is_told_and_what_is_newer_and_others(kept: Kept) -> None:
    store = kept.store()
    for id in ("0/1-1", "0/1-2", "0/1-3", "1/1-1", "0/1-10"):
        publish(store, id)
    store.collect(0, 1, 3, ["0/1-2"])
    store.collect(0, 1, 3, ["0/1-2"])
    assert ids(kept) == {"0/1-2", "0/1-10", "1/1-1"}
    lease = kept.relet(0)
    publish(store, f"0/{lease}-1")
    store.collect(0, lease, 1, [f"0/{lease}-1"])
    assert ids(kept) == {f"0/{lease}-1", "1/1-1"}


def test_collect_and_sweep_take_half_checkpoints_along(kept: Kept) -> None:
    store = kept.store()
    for id in ("0/1-1", "1/1-1", "2/1-1"):
        publish(store, id)
    for id in ("0/1-1", "1/1-1"):
        kept.damage(f"{id}/{MANIFEST}", None)
    store.collect(0, 1, 1, [])
    assert {name.rpartition("/")[0] for name in kept.files()} == {"1/1-1", "2/1-1"}
    if isinstance(kept, Uploaded):
        return  # the server sweeps by what it knows itself
    store.sweep(["2/1-1"])
    assert kept.files() == {"2/1-1/state", f"2/1-1/{MANIFEST}"}


def test_what_no_checkpoint_is_named_like_is_left_alone(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    publish(store, "0/1-1")
    others = ["0/epoch-10/model.pt", "resnet/1-1/model.pt", "0/.old/model.pt", "0/.git-x/model.pt", "0/1-1-b/model.pt"]
    for name in others:
        path = tmp_path / "checkpoints" / name
        path.parent.mkdir(parents=True)
        path.write_text("somebody's")
    store.collect(0, 9, 9, [])
    store.sweep([], stagings=True)
    left = [path for path in (tmp_path / "checkpoints").rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(tmp_path / "checkpoints")) for path in left) == sorted(others)


def test_sweep_leaves_the_referenced_alone(kept: Kept) -> None:
    store = kept.store()
    for id in ("0/1-1", "0/1-2", "1/1-1", "1/1-2", "2/1-1"):
        publish(store, id)
    kept.finish("0/1-2", "1/1-2", "2/1-1")
    store.sweep(["0/1-2", "1/1-2", "2/1-1"])
    store.sweep(["0/1-2", "1/1-2", "2/1-1"])
    store.sweep(["0/1-2", "1/1-2", "2/1-1"], stagings=True)
    assert ids(kept) == {"0/1-2", "1/1-2", "2/1-1"}


def test_a_sweep_asks_what_is_needed_after_it_has_listed(kept: Kept) -> None:
    """Who is slow between knowing and deleting takes nothing away that came in between."""
    if isinstance(kept, Uploaded):
        return  # the server asks itself
    store = kept.store()
    publish(store, "0/1-1")
    publish(store, "0/1-2")

    class Needed(list[str]):
        def __iter__(self) -> Iterator[str]:
            publish(store, "0/2-1")
            return iter(["0/1-2"])

    store.sweep(Needed())
    assert ids(kept) == {"0/1-2", "0/2-1"}


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    "id", ["", "0", "0/1", "x/1-1", "../1-1", "0/1-1/..", "0/../1-1", "٣/1-1", "00/1-1", "0/1-1\n"]
)
def test_ids_that_are_none(kept: Kept, id: str) -> None:
    store = kept.store()
    publish(store, "0/1-1")
    with pytest.raises(CheckpointError, match="no checkpoint of this population"):
        store.fetch(id)
    with pytest.raises(CheckpointError, match="no checkpoint of this population"):
        store.delete(id)
    assert ids(kept) == {"0/1-1"}


def test_an_empty_save_is_no_checkpoint(kept: Kept) -> None:
    store = kept.store()
    with pytest.raises(CheckpointError, match="nothing was saved"):
        store.publish(store.staging(0, 1), Checkpoint("0/1-1", 0, 1, 0.5, {}), None)
    with pytest.raises(CheckpointError, match="save into this folder"):
        store.publish(store.staging(0, 1) / "gone", Checkpoint("0/1-1", 0, 1, 0.5, {}), None)


def test_a_path_of_the_users_own_is_copied(kept: Kept, tmp_path: Path) -> None:
    store = kept.store()
    mine = tmp_path / "mine"
    (mine / "deep").mkdir(parents=True)
    (mine / "deep" / "model").write_bytes(b"weights")
    for n, source in enumerate((mine, mine / "deep" / "model"), start=1):
        staging = store.adopt(source, 0, 1)
        store.publish(staging, Checkpoint(f"0/1-{n}", 0, n, 0.5, {}), None)
    (mine / "deep" / "model").write_bytes(b"changed")
    other = kept.store("other")
    assert (other.fetch("0/1-1") / "deep" / "model").read_bytes() == b"weights"
    assert (other.fetch("0/1-2") / "model").read_bytes() == b"weights"
    with pytest.raises(CheckpointError, match="neither a file nor a folder"):
        store.adopt(tmp_path / "nothing", 0, 1)


def test_a_manifest_of_the_first_version_is_read(kept: Kept) -> None:
    """Without hashes, as workers write them that see the folder."""
    store = kept.store()
    publish(store, "0/1-1", {"state": b"weights", "deep/empty": b""})
    old = (
        b'{"checkpoint":{"id":"0/1-1","member":0,"step":1,"score":0.5,"hyperparameters":{"lr":0.1}},"parent":null,'
        b'"files":{"state":7,"deep/empty":0},"format":1}'
    )
    kept.damage(f"0/1-1/{MANIFEST}", old)
    found = kept.store("other").fetch("0/1-1")
    assert read(found) == {"state": b"weights", "deep/empty": b"", MANIFEST: old}


MEMORY = """
import os, resource, sys
from pbt.checkpoints.cache import Cache
from pbt.population.entries import Checkpoint
kind, where, files, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
if kind == "objects":
    from pbt.checkpoints.objects import ObjectStore
    make = lambda cache: ObjectStore(where, cache)
else:
    from pbt.checkpoints.upload import UploadStore
    from pbt.client.remote import Remote
    make = lambda cache: UploadStore(Remote(where), cache)
store = make(Cache("p"))
staging = store.staging(0, 1)
block = os.urandom(1 << 20)
for n in range(files):
    with open(staging / f"shard-{n}", "wb") as file:
        for _ in range(size):
            file.write(block)
del block
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store.publish(staging, Checkpoint("0/1-1", 0, 1, 0.5, {}), None)
up = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
os.environ["PBT_CACHE"] += "-other"
found = make(Cache("p")).fetch("0/1-1")
down = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(f.stat().st_size for f in found.glob("shard-*")) == files * size << 20
print((up - before) // 1024, (down - before) // 1024)
"""


@pytest.mark.slow
def test_a_large_checkpoint_takes_no_more_memory_than_a_small_one(kept: Kept, tmp_path: Path) -> None:
    from tests.support.scripts import environment
    from tests.support.worlds import KEY

    env: dict[str, Any] = {"PBT_CACHE": tmp_path / "memory"}
    if isinstance(kept, InObjects):
        arguments, env = ["objects", f"s3://{BUCKET}/{kept.prefix}"], env | kept.s3.environment()
    elif isinstance(kept, Uploaded):
        arguments, env = ["upload", kept.world.url], env | {"PBT_KEY": KEY}
    else:
        return  # nothing travels
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, *arguments, "5", "40"], env=environment(**env), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    up, down = map(int, done.stdout.split())
    assert max(up, down) < 150, f"{up} MiB up, {down} MiB down, for a checkpoint of 200 MiB"
