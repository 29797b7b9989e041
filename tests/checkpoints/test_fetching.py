"""What `member.checkpoint` gives: whole ones, one to fall back on, and a word if it is not used."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

import pbt
from pbt.checkpoints.cache import Cache
from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.upload import UploadStore
from pbt.errors import OutOfReach
from pbt.opening import folder as folders
from pbt.population.changes import Clone, Steer
from pbt.population.entries import Lost, Released
from pbt.population.fold import refold
from pbt.worker.member import Member
from tests.support.checks import entries
from tests.support.population import Script
from tests.support.worlds import ServerWorld
from tests.test_member import SETTINGS, save

USES: dict[str, Callable[[Path], object]] = {
    "nothing more": lambda p: None,
    "looked at, then used": lambda p: (bool(p), repr(p), p / "state"),
    "used, then looked at": lambda p: (p / "state", bool(p), repr(p)),
    "/": lambda p: p / "state",
    "fspath": os.fspath,
    "str": str,
    "Path()": lambda p: Path(p) / "state",
    "joinpath": lambda p: p.joinpath("state"),
    "os.path.join": lambda p: os.path.join(p, "state"),
    "iterdir": lambda p: list(p.iterdir()),
    "glob": lambda p: p.glob("*"),
    "listdir": os.listdir,
    "pickle": lambda p: pickle.loads(pickle.dumps(p)),
    "beside": lambda p: p.with_name("other") / "state",
    "format": lambda p: f"{p}/state",
    "copytree": lambda p: shutil.copytree(p, p.parent.parent.parent / "copy"),
}
LOOKS: dict[str, Callable[[Path], object]] = {
    "truth": bool,
    "repr": repr,
    "in a list": lambda p: repr([p]),
    "several looks": lambda p: (bool(p), repr(p), bool(p)),
    "a debugger's": lambda p: (dir(p), isinstance(p, Path), p == Path("/x"), repr(p)),
}


@pytest.mark.parametrize("use", [*USES, *LOOKS])
def test_a_checkpoint_counts_as_loaded_once_its_path_is_used(tmp_path: Path, use: str) -> None:
    member = pbt.join(tmp_path / "p", **SETTINGS)
    for step in (1, 2):
        member.report(1.0, step=step, save=save)
    member.close()
    again = pbt.join(tmp_path / "p", member=0)
    with pytest.raises(pbt.NotLoaded):
        again.report(1.0, step=3, save=save)
    (USES | LOOKS)[use](again.checkpoint)  # type: ignore[arg-type]
    with pytest.raises(pbt.NotLoaded) if use in LOOKS else nullcontext():
        again.report(1.0, step=3, save=save)
    again.close()


def test_the_path_of_a_former_checkpoint_loads_nothing_new(tmp_path: Path) -> None:
    parent = pbt.join(tmp_path / "p", **SETTINGS, quorum=2)
    with pbt.join(tmp_path / "p", member=1) as member:
        member.report(1.0, step=2, save=save)
    child = pbt.join(tmp_path / "p", member=1)
    former = child.checkpoint
    assert former is not None
    assert list(former.iterdir())
    parent.report(9.0, step=4, save=save)
    assert child.report(1.0, step=4, save=save).exploit
    assert former / "x"
    with pytest.raises(pbt.NotLoaded):
        child.report(1.0, step=6, save=save)
    for each in (parent, child):
        each.close()


def test_a_member_falls_back_on_the_checkpoint_before_its_newest(tmp_path: Path) -> None:
    member = pbt.join(tmp_path / "p", **SETTINGS | {"members": 1})
    for step in range(1, 7):
        member.report(float(step), step=step, save=save)
    member.close()
    home = tmp_path / "p" / "checkpoints" / "0"
    damage(home / "1-6")
    again = pbt.join(tmp_path / "p")
    assert (again.step, again.checkpoint) == (4, home / "1-4")
    damage(home / "1-4")
    again.close()
    third = pbt.join(tmp_path / "p")
    assert (third.step, third.checkpoint) == (0, None), "one whole one is kept, not all"
    third.close()


def test_a_child_falls_back_on_its_parents_checkpoint(tmp_path: Path) -> None:
    where = tmp_path / "p"
    first = pbt.join(where, **SETTINGS, strategy=pbt.PBT(quantile=0.5))
    second = pbt.join(where)
    first.report(5.0, step=2, save=save)
    assert second.report(1.0, step=2, save=save).exploit
    assert second.checkpoint and second.checkpoint / "x"
    second.report(1.0, step=4, save=save)
    second.close()
    damage(where / "checkpoints" / "1" / "1-2")
    again = pbt.join(where, member=1)
    assert (again.step, again.checkpoint_id) == (2, "0/1-1")
    for member in (first, again):
        member.close()


def test_a_damaged_parent_goes_on_from_memory_and_is_taken_over_from_the_one_before(tmp_path: Path) -> None:
    """Its child finds the damage, and gets the one before, too."""
    where, home = tmp_path / "p", tmp_path / "p" / "checkpoints" / "0"
    first = pbt.join(where, **SETTINGS, strategy=pbt.PBT(quantile=0.5))
    second = pbt.join(where)
    for step in (2, 4):
        first.report(5.0, step=step, save=save)
    damage(home / "1-2")
    assert second.report(1.0, step=2, save=save).exploit
    assert (second.step, second.checkpoint_id) == (2, "0/1-1")
    assert first.report(5.0, step=5).exploit is False
    first.close()
    again = pbt.join(where, member=0)
    assert (again.step, again.checkpoint) == (2, home / "1-1")
    for member in (again, second):
        member.close()


def damage(folder: Path) -> None:
    for path in (folder, *folder.iterdir()):
        path.chmod(0o700)
    next(p for p in folder.iterdir() if p.name != "pbt.json").write_bytes(b"")


def test_checkpoints_that_the_server_does_not_see_are_not_lost(tmp_path: Path) -> None:
    world = ServerWorld(tmp_path)
    s = Script(world)
    s.report(0, 1.0)
    world.die(s.coordinator, 0)
    coordinator = world.coordinator()
    answer = coordinator.join("n", member=0)
    with pytest.raises(OutOfReach, match="out of reach: mount it"):
        Member(coordinator, UploadStore(coordinator, Cache("p")), answer)
    assert not any(isinstance(e.event, Lost) for e in s.entries)
    assert isinstance(s.entries[-1].event, Released)
    world.close()


def test_an_error_of_the_disk_is_not_a_lost_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    member = pbt.join(tmp_path / "p", **SETTINGS)
    member.report(1.0, step=2, save=save)
    member.close()

    def broken(self: Path) -> bytes:
        raise OSError(5, "Input/output error")

    coordinator = folders.coordinator(tmp_path / "p")
    answer = coordinator.join("n", member=0)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", broken)
        with pytest.raises(OutOfReach, match="Input/output"):
            Member(coordinator, FolderStore(tmp_path / "p"), answer)
    assert not any(isinstance(e.event, Lost) for e in entries(tmp_path / "p"))
    assert pbt.join(tmp_path / "p", member=0).step == 2


def test_a_lost_checkpoint_at_a_barrier_stops_nobody(tmp_path: Path) -> None:
    """Its member waits for a round that only this worker can complete."""
    where = tmp_path / "p"
    settings = {**SETTINGS, "members": 3, "synchronous": True, "steps": 8}
    broken = False
    for turns, member in enumerate(pbt.turns(where, **settings)):
        assert turns < 60
        assert member.checkpoint is None or member.step > 0
        for _ in member.steps():
            member.report(float(member.id), save=save)
        if not broken and (where / "checkpoints" / "2").exists():
            for path in (where / "checkpoints").glob("*/*/state"):
                path.unlink()
            broken = True
    assert broken
    assert any(isinstance(e.event, Lost) for e in entries(where))
    assert refold(entries(where)).finished


@pytest.mark.parametrize("kept", [1, 2])
def test_two_that_begin_with_one_lost_checkpoint_both_go_on(tmp_path: Path, kept: int) -> None:
    """Both have their leases before either has loaded it; with two kept there is an older one to fall back on."""
    where = tmp_path / "p"
    first = pbt.join(where, **SETTINGS, strategy=pbt.PBT(quantile=0), member=0)
    for n in range(kept):
        first.report(1.0, step=2 * n + 2, save=lambda folder, n=n: (folder / "state").write_text(f"{2 * n + 2}"))
    coordinator = folders.coordinator(where)
    coordinator.steer(Steer(Clone(0, 1), nonce="n"))
    first.close()
    answers = [coordinator.join(f"n{member}", member=member) for member in (0, 1)]
    (where / "checkpoints" / "0" / f"1-{kept}" / "state").unlink()
    for answer in answers[::-1]:  # the one that took it over is first to find it broken
        with Member(coordinator, FolderStore(where), answer) as member:
            state = member.checkpoint and (member.checkpoint / "state").read_text()
            assert member.step == int(state or 0)
    assert len([e for e in entries(where) if isinstance(e.event, Lost)]) >= 1


def test_foreign_names_are_nobodys_folders(tmp_path: Path) -> None:
    settings = {**SETTINGS, "checkpoints": "foreign", "goal": 5.0}
    a, b = pbt.join(tmp_path / "p", **settings), pbt.join(tmp_path / "p")
    with pytest.raises(pbt.Invalid, match="your name for it"):
        a.report(1.0, step=2, save=save)
    a.report(9.0, step=2, checkpoint="s3://bucket/a")
    assert a.finished
    b.report(1.0, step=2, checkpoint="s3://bucket/b")
    assert b.finished
    assert refold(entries(tmp_path / "p")).best.id == "s3://bucket/a"  # type: ignore[union-attr]
