"""One folder, two users of one group: what one makes the other may write, whatever the umask; else joining refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pbt.disk.sharing import make_folder, open_shared
from pbt.liveness.files import FilesLiveness
from tests.support.scripts import environment
from tests.support.users import NOBODY, group_folder, needs_root

WORK = """
import os, sys
import pbt, pbt.liveness.files, pbt.journals.files.journal, pbt.journals.sqlite, pbt.strategies.pbt
import pbt.worker.join, pbt.worker.checkpointer, pbt.worker.turns, pbt.checkpoints.manifest
import pbt.coordinator.coordinator, pbt.opening.folder, encodings.idna
who, umask, steps, where = int(sys.argv[1]), int(sys.argv[2], 8), int(sys.argv[3]), sys.argv[4]
os.umask(umask)
if who:
    os.setgroups([]); os.setresgid(who, who, who); os.setresuid(who, who, who)
done = 0
try:
    space = {"lr": pbt.Float(0, 1)}
    for member in pbt.turns(where, space=space, members=2, steps=40, interval=1, maximize=True, turn_steps=1):
        str(member.checkpoint)
        for step in member.steps():
            member.report(float(step), save=lambda folder: (folder / "state").write_text("x"))
            done += 1
            if done == steps:
                member.close()
                raise SystemExit(f"trained {done}")
except pbt.PBTError as error:
    raise SystemExit(f"{type(error).__name__}: {error}")
"""


def work(where: Path, user: int, umask: str, kind: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(user), umask, "5", str(where)], capture_output=True, text=True, timeout=60,
        env=environment(HOME="/", PBT_JOURNAL=kind), check=False,
    )  # fmt: skip
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.slow_but_first
@needs_root
@pytest.mark.parametrize("kind", ["sqlite", "files"])
@pytest.mark.parametrize("umask", ["002", "022"])
def test_two_users_train_in_turn_in_a_folder_of_their_group(home: Path, kind: str, umask: str) -> None:
    where = group_folder(home) / "p"
    for user in (0, NOBODY, 0, NOBODY):
        assert work(where, user, umask, kind) == "trained 5"
    ours = [
        p for p in where.rglob("*") if "checkpoints" not in p.relative_to(where).parts and p.name != "population.json"
    ]
    assert [p for p in ours if p.stat().st_mode & 0o060 != 0o060] == []


@pytest.mark.slow_but_first
@needs_root
@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_who_may_not_write_is_told_so_before_he_trains(home: Path, kind: str) -> None:
    where = home / "p"
    assert work(where, 0, "022", kind) == "trained 5"
    said = work(where, NOBODY, "022", kind)
    assert "can not be written by this user" in said
    assert "chmod -R g+rwX" in said


@pytest.mark.slow_but_first
@needs_root
@pytest.mark.parametrize(("kind", "sign"), [("files", "count"), ("sqlite", "lock")])
def test_who_could_give_no_sign_of_life_is_refused_and_not_taken_for_dead_later(
    home: Path, kind: str, sign: str
) -> None:
    """As such a folder was left by an earlier version."""
    where = group_folder(home) / "p"
    assert work(where, 0, "002", kind) == "trained 5"
    files = list((where / "leases").glob(f"*.{sign}"))
    assert files
    for file in files:
        file.chmod(0o644)
    said = work(where, NOBODY, "002", kind)
    assert f".{sign} can not be written by this user" in said


def test_a_sign_of_life_that_fails_later_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pbt.liveness import files as counter

    holder = FilesLiveness(tmp_path)
    assert holder.hold(0, 1)
    (tmp_path / "leases" / "0.count").unlink()
    (tmp_path / "leases" / "0.count").mkdir()
    counter.beat_now()
    counter.beat_now()
    assert len([r for r in caplog.records if "no sign of life can be given" in r.message]) == 1
    holder.let_go(0)


def test_nothing_is_opened_to_a_group_that_was_not(tmp_path: Path) -> None:
    for mode, want in ((0o755, 0o000), (0o775, 0o020)):
        folder = tmp_path / oct(mode)
        folder.mkdir()
        folder.chmod(mode)
        before = os.umask(0o077)
        try:
            os.close(open_shared(folder / "file", os.O_RDWR | os.O_CREAT))
            make_folder(folder / "deep" / "er")
        finally:
            os.umask(before)
        for made in (folder / "file", folder / "deep", folder / "deep" / "er"):
            assert made.stat().st_mode & 0o020 == want


def test_what_another_made_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)
    (tmp_path / "file").touch(mode=0o600)
    os.close(open_shared(tmp_path / "other", os.O_RDWR | os.O_CREAT))
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
