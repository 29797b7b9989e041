"""What machines do to files: each ends in a clear error at the right place, and everything from before is intact."""

from __future__ import annotations

import errno
import logging
import resource
import signal
import socket
import subprocess
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.checkpoints.folder import FolderStore
from pbt.coordinator.coordinator import Coordinator
from pbt.journals.memory import MemoryJournal
from pbt.liveness.liveness import SameProcess
from pbt.opening import folder as folders
from pbt.population.entries import Reported, decode
from pbt.population.fold import refold
from pbt.settings import wanted
from tests.support.disks import ram_disk, read_only
from tests.support.population import Script
from tests.support.scripts import PBT, TURNS, environment, pbt_run, write
from tests.support.worlds import MemoryWorld

SETTINGS: dict[str, Any] = {
    "space": {"lr": pbt.Float(0, 1)}, "members": 2, "steps": 100, "interval": 1, "maximize": True,
}  # fmt: skip


def reports(where: Path) -> list[Any]:
    entries = [decode(body) for body in folders.reader(where).read(0)]
    refold(entries)
    return [r for e in entries if isinstance(e.event, Reported) for r in e.event.reports]


# --- a full disk ---


def test_training_waits_for_room_for_a_checkpoint_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbt.worker.member.LAST_POLL", 0.05)
    with ram_disk(tmp_path / "disk", "8M") as disk:
        member = pbt.join(disk / "p", **SETTINGS)
        member.report(1.0, step=1, save=lambda folder: (folder / "w").write_bytes(b"x" * 1_000_000))
        ballast = disk / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(b"x" * 20_000_000)
        threading.Timer(0.5, ballast.unlink).start()
        calls = []

        def save(folder: Path) -> None:
            calls.append(folder)
            (folder / "w").write_bytes(b"y" * 1_000_000)

        member.report(2.0, step=2, save=save)
        member.close()
        assert len(calls) > 2
        assert caplog.text.count("no room for a checkpoint") == 1
        assert [r.checkpoint for r in reports(disk / "p")] == ["0/1-1", "0/1-2"]
        assert (FolderStore(disk / "p").fetch("0/1-2") / "w").read_bytes() == b"y" * 1_000_000
        assert not list((disk / "p" / "checkpoints" / "0").glob(".*"))


@pytest.mark.parametrize("what", ["staging", "publish"])
def test_room_that_is_missing_before_or_after_the_saving_is_waited_for_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A quota, or a network file system, says so only when files are synced."""
    monkeypatch.setattr("pbt.worker.member.LAST_POLL", 0.01)
    full, ready = [True, True], getattr(FolderStore, what)

    def if_there_is_room(*given: Any) -> Any:
        if full:
            full.pop()
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        return ready(*given)

    monkeypatch.setattr(FolderStore, what, if_there_is_room)
    member = pbt.join(tmp_path / "p", **SETTINGS)
    member.report(1.0, step=1, save=lambda folder: (folder / "w").write_bytes(b"x"))
    full.append(True)
    (tmp_path / "own").write_bytes(b"y")
    member.report(2.0, step=2, checkpoint=tmp_path / "own")
    member.close()
    assert not full
    assert [r.checkpoint for r in reports(tmp_path / "p")] == ["0/1-1", "0/1-2"]
    assert not list((tmp_path / "p" / "checkpoints" / "0").glob(".*"))


@pytest.mark.slow
def test_a_journal_without_room_is_waited_for_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbt.worker.outbox.LAST_PAUSE", 0.1)
    with ram_disk(tmp_path / "disk", "4M") as disk:
        member = pbt.join(disk / "p", **SETTINGS | {"interval": 10**6, "steps": None})
        ballast = disk / "ballast"
        with pytest.raises(OSError, match="No space"):
            ballast.write_bytes(b"x" * 20_000_000)
        threading.Timer(1.5, ballast.unlink).start()
        with caplog.at_level(logging.WARNING, "pbt"):
            for step in range(1, 300):
                member.report(float(step), step=step, metrics={"m" * 2000: 1.0})
        member.close()
        assert "nothing was recorded" in caplog.text
        assert [r.step for r in reports(disk / "p")] == list(range(1, 300))


@pytest.mark.slow
def test_a_server_on_a_full_disk_answers_so_and_workers_wait(tmp_path: Path) -> None:
    with ram_disk(tmp_path / "disk", "6M") as disk:
        (disk / "ballast").write_bytes(b"x" * 1_500_000)
        script = write(tmp_path, TURNS)
        server, url = serve(disk, tmp_path)
        try:
            runner = subprocess.Popen(
                [*PBT, "run", "--workers", "2", url, "--", "python", str(script)],
                cwd=tmp_path, env=environment(PAUSE=0.05), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            time.sleep(2)
            with pytest.raises(OSError, match="No space"):
                (disk / "more").write_bytes(b"x" * 20_000_000)
            time.sleep(2)
            (disk / "more").unlink()
            (disk / "ballast").unlink()
            _, said = runner.communicate(timeout=60)
            assert runner.returncode == 0, said
        finally:
            server.kill()
            server.communicate()
        assert refold(decode(body) for body in folders.reader(disk / "digits").read(0)).finished


def serve(folder: Path, cwd: Path, **limits: Any) -> tuple[subprocess.Popen[str], str]:
    server = subprocess.Popen(
        [*PBT, "serve", str(folder), "--port", "0"], cwd=cwd, env=environment(PYTHONUNBUFFERED=1),
        stdout=subprocess.PIPE, text=True, **limits,
    )  # fmt: skip
    assert server.stdout is not None
    for line in server.stdout:
        if "PBT_URL=" in line:
            return server, line.partition("PBT_URL=")[2].strip().replace("NAME", "digits")
    raise AssertionError("the server did not start")


# --- what can not be written, or read ---


def test_a_read_only_folder_is_refused_for_training_and_can_be_looked_at(tmp_path: Path) -> None:
    with ram_disk(tmp_path / "disk", "16M") as disk:
        with pbt.join(disk / "p", **SETTINGS) as member:
            member.report(1.0, step=1, save=lambda folder: (folder / "w").write_text("x"))
        del member
        read_only(disk)
        with pytest.raises(pbt.PBTError, match=r"read-only|Read-only|readonly"):
            pbt.join(disk / "p")
        with pytest.raises(pbt.PBTError, match="Read-only"):
            pbt.join(disk / "new", **SETTINGS)
        for command in (["status", disk / "p"], ["journal", disk / "p"]):
            done = pbt_run(command, tmp_path)
            assert done.returncode == 0, done.stderr
        read_only(disk, on=False)
        with pbt.join(disk / "p", member=0) as member:
            assert member.step == 1


def test_a_store_that_can_not_be_written_is_said_by_the_report_that_needed_it(tmp_path: Path) -> None:
    member = pbt.join(tmp_path / "p", **SETTINGS)
    (tmp_path / "p" / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="checkpoints"):
        member.report(1.0, step=1, save=lambda folder: (folder / "w").write_text("x"))
    (tmp_path / "p" / "checkpoints").unlink()
    member.report(1.0, step=1, save=lambda folder: (folder / "w").write_text("x"))
    member.close()
    assert len(reports(tmp_path / "p")) == 1


@pytest.mark.slow_but_first
@pytest.mark.parametrize("harm", ["head", "middle", "truncated", "empty"])
def test_a_damaged_database_is_a_clear_error_and_nothing_is_written_over_it(tmp_path: Path, harm: str) -> None:
    where = tmp_path / "p"
    with pbt.join(where, **SETTINGS) as member:
        for step in range(1, 60):
            member.report(1.0, step=step, save=lambda folder: (folder / "w").write_text("x"), metrics={"x" * 200: 1})
    del member
    db = where / "journal.db"
    whole = db.read_bytes()
    middle = len(whole) // 2
    damaged = {
        "head": b"x" * 100 + whole[100:],
        "middle": whole[:middle] + b"\xff" * 5000 + whole[middle + 5000 :],
        "truncated": whole[:middle],
        "empty": b"",
    }[harm]
    db.write_bytes(damaged)
    if harm == "empty":  # as if nothing was ever created here
        with pytest.raises(pbt.SettingsError, match="no space was given"):
            pbt.join(where)
        return
    with pytest.raises(pbt.JournalError, match=r"journal\.db|journal has"):
        pbt.join(where)
    done = pbt_run(["status", where], tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "journal" in done.stderr


# --- clocks, descriptors ---


def test_a_clock_set_back_changes_nothing() -> None:
    """Times are for people: the same reports lead to the same decisions, whatever the clock says."""
    clocks = [lambda: 1e9, iter([1e9 - 1e5 * n for n in range(10_000)]).__next__]
    seen = []
    for clock in clocks:
        world = MemoryWorld()
        world.coordinator = partial(Coordinator, world.journal, world.alive, clock=clock)  # type: ignore[method-assign]
        s = Script(world, members=4)
        for step in range(10):
            s.round(*(step * (member - 1.5) for member in range(4)))
        seen.append(s.population)
    assert seen[0] == seen[1]
    journal = MemoryJournal()
    assert Coordinator(journal, SameProcess(), clock=lambda: -1.0).create(wanted(**SETTINGS)).members == 2


@pytest.mark.slow
def test_a_server_without_descriptors_left_lives_on(tmp_path: Path) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))

    server, url = serve(tmp_path / "served", tmp_path, preexec_fn=few)
    key = (tmp_path / "served" / "key").read_text().strip()
    port = int(url.rpartition(":")[2].partition("/")[0])
    held: list[socket.socket] = []
    try:
        coordinator = pbt.client.remote.Remote(url, key, patience=20.0)
        coordinator.create(wanted(**SETTINGS))
        for _ in range(100):
            held.append(socket.create_connection(("127.0.0.1", port), timeout=5))
        time.sleep(0.5)
        for one in held:
            one.close()
        coordinator.close()
        assert coordinator.join("nonce").member == 0  # by a new connection
        assert server.poll() is None
        coordinator.close()
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)


# --- a power cut ---


def test_a_coordinator_that_is_let_go_closes_its_journal_at_once(tmp_path: Path) -> None:
    """Not when the garbage collector comes by: a disk could not be unmounted meanwhile."""
    coordinator = folders.coordinator(tmp_path / "p")
    coordinator.create(wanted(**SETTINGS))
    assert (tmp_path / "p" / "journal.db-wal").exists()
    del coordinator
    assert not (tmp_path / "p" / "journal.db-wal").exists()
