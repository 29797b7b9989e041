"""What is published is safe from those who load it, and deleted by whoever may delete it: root, users, a group."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.checkpoints import plain
from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.lending import Lending
from tests.checkpoints.test_publishing import SETTINGS, of, store
from tests.support.scripts import environment
from tests.support.stored import Kept, publish, read
from tests.support.users import NOBODY, group_folder, needs_root

__all__ = ["store"]


# --- safe from who loads it ---


def append(folder: Path) -> None:
    with (folder / "state").open("ab") as file:
        file.write(b"more")


def overwrite(folder: Path) -> None:
    with (folder / "state").open("r+b") as file:
        file.write(b"W")


def replace(folder: Path) -> None:
    (folder / "new").write_bytes(b"WEIGHTS")
    (folder / "new").replace(folder / "state")


def delete(folder: Path) -> None:
    plain.remove(folder)


HARMS = (append, overwrite, replace, delete)


@pytest.mark.slow_but_first
@needs_root
@pytest.mark.parametrize("harm", HARMS)
def test_a_child_that_no_permission_binds_harms_its_own_copy(kept: Kept, harm: Callable[[Path], None]) -> None:
    store, mine = kept.store(), Lending()
    publish(store, "0/1-1", {"state": b"weights"})
    for machine in ("one", "other"):
        harm(mine.folder(kept.store(machine), of("0/1-1"), member=1, lease=1))
        again = Lending().folder(kept.store(machine), of("0/1-1"), member=2, lease=1)
        assert read(again)["state"] == b"weights"
        mine.end()


@needs_root
@pytest.mark.parametrize("harm", HARMS)
def test_a_child_does_not_harm_its_parent(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    where = tmp_path / "p"

    def save(folder: Path) -> None:
        (folder / "state").write_text("weights")

    def stagings() -> list[str]:
        return [p.name for p in where.glob("checkpoints/*/.*")]

    parent, child = pbt.join(where, **SETTINGS), pbt.join(where)
    parent.report(105.0, step=5, save=save)
    assert child.report(5.0, step=5, save=save).exploit
    given = child.checkpoint
    assert given is not None
    assert given.is_relative_to(where / "checkpoints" / str(child.id)), "so that it is collected with what is hers"
    assert child.checkpoint == given, "one copy, however often it is asked for"
    harm(Path(given))
    parent.close()
    parent = pbt.join(where, member=parent.id)
    assert parent.step == 5
    assert read(Path(parent.checkpoint or ""))["state"] == b"weights"
    assert parent.checkpoint == where / "checkpoints" / "0" / "1-1", "one's own is not copied"
    child.report(6.0, step=10, save=save)
    assert stagings() == [], "nobody needs the copy any longer"
    for member in (parent, child):
        member.close()


@needs_root
def test_a_copy_goes_with_the_lease_and_can_be_published_as_a_path_of_ones_own(tmp_path: Path) -> None:
    where = tmp_path / "p"

    def save(folder: Path) -> None:
        (folder / "state").write_text("weights")

    parent, child = pbt.join(where, **SETTINGS), pbt.join(where)
    parent.report(105.0, step=5, save=save)
    assert child.report(5.0, step=5, save=save).exploit
    copy = Path(child.checkpoint or "")
    child.close()
    assert not copy.exists()
    child = pbt.join(where, member=child.id)
    copy = Path(child.checkpoint or "")
    child.report(6.0, step=10, checkpoint=copy)
    assert read(where / "checkpoints" / "1" / "2-1")["state"] == b"weights"
    assert not list(where.glob("checkpoints/*/.*"))
    for member in (parent, child):
        member.close()


@needs_root
def test_where_there_is_no_room_for_a_copy_the_checkpoint_itself_is_given(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    publish(store, "0/1-1", {"state": b"weights"})

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(plain, "copy_file", full)
    assert Lending().folder(store, of("0/1-1"), 1, 1) == store.path("0/1-1")
    assert "no room for a copy" in caplog.text
    assert not list(store.path("1/1-1").parent.glob(".*"))


# --- users who are not root ---

AS_USER = """
import os, sys
import pbt, pbt.liveness.files, pbt.journals.files.journal, pbt.journals.sqlite, pbt.strategies.pbt
import pbt.worker.join, pbt.worker.checkpointer, pbt.worker.turns, pbt.checkpoints.manifest
import pbt.coordinator.coordinator, pbt.opening.folder, encodings.idna
from pathlib import Path
user, where = int(sys.argv[1]), Path(sys.argv[2])
os.umask(0o022)
if user:
    os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)
SETTINGS = dict(
    space={"lr": pbt.Float(0, 1)}, members=2, steps=100, interval=5, maximize=True, seed=1, quorum=2
)
def save(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "state").write_text("weights")
    os.chmod(folder / "deep" / "state", 0o600)  # as tempfile makes them
"""

HARMLESS = """
parent, child = pbt.join(where, **SETTINGS), pbt.join(where)
parent.report(105.0, step=5, save=save)
assert child.report(5.0, step=5, save=save).exploit
assert child.checkpoint == where / "checkpoints" / "0" / "1-1", child.checkpoint
try:
    open(child.checkpoint / "deep" / "state", "a")
except PermissionError:
    pass
else:
    raise SystemExit("the parent's file could be opened for writing")
child.report(6.0, step=10, save=save)
for n in range(2, 6):
    parent.report(100.0, step=5 * n, save=save)
assert len(list(where.glob("checkpoints/0/*"))) == 3, list(where.glob("checkpoints/0/*"))  # newest, before, best
parent.close(), child.close()
link = where.parent / "weights"
link.write_text("weights")
from pbt.checkpoints.folder import FolderStore
from pbt.population.entries import Checkpoint
store = FolderStore(where)
staging = store.staging(0, 9)
(staging / "deep").mkdir()
(staging / "deep" / "state").symlink_to(link)
(staging / "deep").chmod(0o555)  # as in a copy of something read-only
store.publish(staging, Checkpoint("0/9-1", 0, 1, 0.5, {}), None)
assert (where / "checkpoints/0/9-1/deep/state").read_text() == "weights"
store.publish(store.adopt(store.fetch("0/9-1"), 0, 9), Checkpoint("0/9-2", 0, 1, 0.5, {}), None)
store.sweep(["0/9-2"])
assert store.ids() == ["0/9-2"], store.ids()
"""

TAKE_OVER = """
member = pbt.join(where, **SETTINGS, member=0)
if member.checkpoint:
    assert (member.checkpoint / "deep" / "state").read_text() == "weights"
for step in range(member.step + 5, member.step + 16, 5):
    member.report(float(step), step=step, save=save)
member.close()
kept = sorted(p.name for p in where.glob("checkpoints/0/*"))
assert len(kept) == 2, kept
"""


def as_user(user: int, script: str, where: Path, groups: tuple[int, ...] = ()) -> None:
    before = AS_USER.replace("os.setgroups([])", f"os.setgroups({list(groups)})")
    done = subprocess.run(
        [sys.executable, "-c", before + script, str(user), str(where)], capture_output=True, text=True, timeout=120,
        env=environment(HOME="/"), check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def own(home: Path) -> Path:
    """A folder of somebody's who is not root."""
    folder = home / "own"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    return folder


@needs_root
def test_a_user_reads_the_parents_folder_in_place_collects_and_deletes_as_any_other(own: Path) -> None:
    as_user(NOBODY, HARMLESS, own / "p")
    assert (own / "p" / "checkpoints" / "0" / "9-2").is_dir()
    subprocess.run(["rm", "-rf", str(own / "p")], user=NOBODY, check=True, cwd="/")
    assert not (own / "p").exists()


@pytest.mark.slow
@needs_root
def test_two_users_of_a_group_load_and_collect_each_others_checkpoints(home: Path) -> None:
    """Each has a group of his own, and is in the one that shares the folder."""
    where = group_folder(home) / "p"
    for user in (NOBODY, NOBODY - 1, 0, NOBODY, NOBODY - 1):
        as_user(user, TAKE_OVER, where, (NOBODY,))


@needs_root
def test_a_removal_that_fails_half_way_shuts_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "f"
        (folder / "deep").mkdir(parents=True)
        for path in (folder, folder / "deep"):
            path.chmod(0o2575)
        with monkeypatch.context() as patched:
            patched.setattr(shutil, "rmtree", lambda *_, **__: None)
            plain.remove(folder)
        for path in (folder, folder / "deep"):
            assert path.stat().st_mode & 0o7777 == 0o2775
