"""Promise 1: an acknowledged report is never lost, and no decision is made twice, whatever is killed, whenever.

Further: `journals/test_files.py` kills packing, `journals/test_postgres_killed.py` servers and database.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.checkpoints.folder import FolderStore
from pbt.journals.files.journal import FilesJournal
from pbt.journals.files.packing import BLOCK
from pbt.opening import folder as folders
from pbt.population.entries import Released, Reported, decode
from pbt.population.fold import refold
from tests.support.checks import check, checkpoint_folders, entries, exploits, finish
from tests.support.disks import PoweredDisk
from tests.support.requests import serve
from tests.support.scripts import JOIN, TURNS, environment, start, write

KILL = """
import os, signal, sys
import pbt.worker.member, pbt.checkpoints.folder
at, after = sys.argv[2], int(sys.argv[3])
count = 0
def die():
    global count
    count += 1
    if count == after:
        os.kill(os.getpid(), signal.SIGKILL)
if at == "publish":
    inner = pbt.checkpoints.folder.FolderStore.publish
    def publish(self, *a):
        path = inner(self, *a); die(); return path
    pbt.checkpoints.folder.FolderStore.publish = publish
elif at == "stage":
    inner = pbt.checkpoints.folder.FolderStore.staging
    def staging(self, *a):
        path = inner(self, *a); die(); return path
    pbt.checkpoints.folder.FolderStore.staging = staging
elif at == "answer":
    inner = pbt.worker.member.Member._take
    def take(self, answer):
        if answer is not self._answer: die()
        return inner(self, answer)
    pbt.worker.member.Member._take = take
"""


@pytest.mark.slow_but_first
@pytest.mark.parametrize("text", [TURNS, JOIN], ids=["turns", "join"])
@pytest.mark.parametrize("at", ["stage", "publish", "answer"])
def test_killed_between_stage_publish_report_and_answer(tmp_path: Path, at: str, text: str) -> None:
    where = tmp_path / "p"
    killer = write(tmp_path, KILL + text, "killer.py")
    for after in (1, 2, 5):
        process = start(killer, where, at, after)
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        check(where)
        assert len(checkpoint_folders(where)) <= 3 * 8 + 1
    population = finish(where, write(tmp_path, text), workers=4)
    assert all(m.losses <= 3 for m in population.members)


@pytest.mark.slow
def test_twenty_processes_at_once_in_one_folder(tmp_path: Path) -> None:
    where, script = tmp_path / "p", write(tmp_path, TURNS.replace("members=8", "members=20"))
    running = [start(script, where) for _ in range(20)]
    for process in running:
        output, _ = process.communicate(timeout=110)
        assert process.returncode == 0, output
    population = check(where)
    assert population.finished
    assert all(m.step == 20 for m in population.members)
    assert exploits(where)
    assert checkpoint_folders(where) == population.referenced()


def test_a_lost_reply_is_asked_for_again_and_counts_once(tmp_path: Path) -> None:
    """A process that is stopped between the commit and the answer, and goes on after somebody took over."""
    where = tmp_path / "p"
    text = JOIN.replace(
        "    if member.report",
        "    if step == 3: open(sys.argv[1] + '-there', 'w'); time.sleep(1)\n    if member.report",
    )
    process = start(write(tmp_path, text, "slow.py"), where)
    while not Path(f"{where}-there").exists():
        time.sleep(0.01)
    folders.coordinator(where).tell(Released(0, 1))
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "LeaseLost" in output
    assert "another worker has taken it" in output
    check(where)


TRAINS = """
import hashlib, json, os, sys
import pbt
with pbt.join(sys.argv[1], {"lr": pbt.Float(0, 1)}, members=2, steps=100000, interval=1, maximize=True,
              strategy={"name": "pbt", "quantile": 0}) as member:
    for step in member.steps():
        body = os.urandom(3000)
        member.report(float(step), save=lambda folder: (folder / "w").write_bytes(body))
        said = {"member": member.id, "step": step, "checkpoint": member.checkpoint_id,
                "hash": hashlib.sha256(body).hexdigest()}
        print(json.dumps(said), flush=True)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[PoweredDisk]:
    made = PoweredDisk(tmp_path)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 7, 40])
def test_after_a_power_cut_everything_that_was_acknowledged_is_there(
    tmp_path: Path, disk: PoweredDisk, after: int
) -> None:
    where = disk.folder / "p"
    script = write(tmp_path, TRAINS)
    workers = [
        subprocess.Popen(
            [sys.executable, str(script), str(where)], env=environment(), cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]  # fmt: skip
    said: list[dict[str, Any]] = []
    try:
        for _ in range(after):
            for worker in workers:
                assert worker.stdout is not None
                said.append(json.loads(worker.stdout.readline()))
        acknowledged = list(said)  # the disk alone is cut here: what is said after that no dead machine would say
        disk.cut()
    finally:
        for worker in workers:
            worker.kill()
            out, _ = worker.communicate()
            said.extend(json.loads(line) for line in out.splitlines() if line.endswith("}"))
    disk.restart()

    recorded = {(r.member, r.step): r for e in entries(where) if isinstance(e.event, Reported) for r in e.event.reports}
    for one in acknowledged:
        assert recorded[one["member"], one["step"]].checkpoint == one["checkpoint"]
    population = refold(decode(body) for body in folders.reader(where).read(0))
    store = FolderStore(where)
    for m in population.members:
        assert m.checkpoint is not None
        body = (store.fetch(m.checkpoint.id) / "w").read_bytes()
        last = [one for one in said if one["checkpoint"] == m.checkpoint.id]
        assert not last or hashlib.sha256(body).hexdigest() == last[0]["hash"]
    with pbt.join(where, member=0) as member:
        assert member.checkpoint is not None
        member.report(1e6, step=member.step + 1, save=lambda folder: (folder / "w").write_text("x"))


def test_the_same_test_notices_an_fsync_that_is_left_out(tmp_path: Path, disk: PoweredDisk) -> None:
    (disk.folder / "unsynced").write_text("x")
    fd = os.open(disk.folder / "synced", os.O_CREAT | os.O_WRONLY)
    os.write(fd, b"x")
    os.fsync(fd)
    os.close(fd)
    parent = os.open(disk.folder, os.O_RDONLY)
    os.fsync(parent)
    os.close(parent)
    disk.cut()
    disk.restart()
    assert (disk.folder / "synced").read_text() == "x"
    late = disk.folder / "unsynced"
    assert not late.exists() or late.read_text() == ""


APPEND = """
import os, sys
from pathlib import Path
from pbt.journals.files.journal import FilesJournal
from pbt.journals.journal import Raced
journal, n, mine = FilesJournal(Path(sys.argv[1])), 0, 0
while True:
    with journal.fair_turn():
        n += len(journal.read(n))
        bodies = [b"%d %d" % (os.getpid(), mine + i) for i in range(1 + mine % 3)]
        try:
            journal.append(n, bodies)
        except Raced:
            continue
    n, mine = n + len(bodies), mine + len(bodies)
    print(mine, flush=True)
"""


@pytest.mark.slow
def test_processes_that_append_are_killed_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    folder = folders.prepare(tmp_path / "p", "files")
    script = write(tmp_path, APPEND)
    rng = random.Random(5)
    acknowledged: dict[int, int] = {}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, script, folder], stdout=subprocess.PIPE, env=environment())

    def kill(process: subprocess.Popen[bytes]) -> None:
        process.kill()
        said, _ = process.communicate()
        acknowledged[process.pid] = int(said.split()[-1]) if said.split() else 0

    running = [start() for _ in range(4)]
    journal = FilesJournal(folder)
    killed, n = 0, 0
    while killed < 8 or n <= 2 * BLOCK:
        time.sleep(rng.uniform(0.1, 0.4))
        found = len(list(journal.read(n)))
        n += found
        if found > 8:
            kill(running.pop(0))
            running.append(start())
            killed += 1
    for process in running:
        kill(process)
    bodies = [tuple(map(int, body.split())) for body in FilesJournal(folder).read(0)]
    assert len(set(bodies)) == len(bodies)
    for pid, count in acknowledged.items():
        recorded = [mine for who, mine in bodies if who == pid]
        assert recorded == list(range(len(recorded)))
        assert count <= len(recorded) <= count + 3


@pytest.mark.slow
def test_a_server_killed_and_started_again_loses_nothing_and_workers_go_on(tmp_path: Path) -> None:
    process, url = serve(tmp_path / "s")
    port = url.rpartition(":")[2]
    script = write(tmp_path, TURNS)
    running = [start(script, f"{url}/mine", PAUSE=0.02) for _ in range(3)]
    for _ in range(3):
        time.sleep(0.7)
        process.kill()
        process.wait()
        process, _ = serve(tmp_path / "s", "--port", port)
    try:
        for worker in running:
            output, _ = worker.communicate(timeout=90)
            assert worker.returncode == 0, output
    finally:
        process.terminate()
        process.wait(20)
    from pbt.opening import folder as folders
    from pbt.population.entries import Reported, decode

    entries = [decode(body) for body in folders.reader(tmp_path / "s" / "mine").read(0)]
    assert refold(entries).finished
    keys = [(r.member, r.lease, r.seq) for e in entries if isinstance(e.event, Reported) for r in e.event.reports]
    assert len(keys) == len(set(keys))
