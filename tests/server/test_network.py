"""A server on another host, over a link that is cut or slow: everything is said once, in order."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbt.errors import PBTError
from pbt.opening import folder as folders
from pbt.population.entries import Entry, Reported, decode
from tests.chaos.checks import check_journal
from tests.chaos.proxy import Wire
from tests.support.hosts import SERVER, Hosts
from tests.support.scripts import PBT, TURNS, environment, start, write
from tests.support.worlds import ServerWorld

KEY = "a-key-for-these-hosts-only"
IMPATIENT = """
import pbt.client.remote, pbt.worker.outbox
pbt.client.remote._TIMEOUT = 1.5
pbt.worker.outbox.ANSWER_TIMEOUT = 0.3
"""
"""A request is given up and sent again sooner than the half minute of everyday."""


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    made = Hosts()
    yield made
    made.close()


@pytest.fixture
def server(hosts: Hosts, tmp_path: Path) -> Iterator[str]:
    process = hosts.start(
        "server", [*PBT, "serve", tmp_path / "served", "--host", SERVER, "--port", "7777"],
        env=environment(PBT_KEY=KEY, PYTHONUNBUFFERED=1), stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert any("PBT_URL" in line for line in process.stdout)
    yield f"http://{SERVER}:7777/digits"
    process.kill()
    process.communicate()


def worker(hosts: Hosts, url: str, folder: Path, script: str, name: str) -> subprocess.Popen[str]:
    path = write(folder, IMPATIENT + script, f"{name}.py")
    return hosts.start(
        "worker", [sys.executable, path, url], env=environment(PBT_KEY=KEY, PAUSE=0.05),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def entries(tmp_path: Path) -> list[Entry]:
    try:
        return [decode(body) for body in folders.reader(tmp_path / "served" / "digits").read(0)]
    except PBTError:
        return []


def until_reports(tmp_path: Path, n: int) -> None:
    end = time.monotonic() + 30
    while sum(isinstance(e.event, Reported) for e in entries(tmp_path)) < n:
        assert time.monotonic() < end
        time.sleep(0.05)


def finish(workers: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    for one in workers:
        said, _ = one.communicate(timeout=60)
        assert one.returncode == 0, said
    population = check_journal(entries(tmp_path))
    assert population.finished
    assert not any(m.failed for m in population.members)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 4.0])
def test_a_link_that_is_cut_costs_time_and_nothing_else(
    hosts: Hosts, server: str, tmp_path: Path, seconds: float
) -> None:
    workers = [worker(hosts, server, tmp_path, TURNS, f"w{n}") for n in range(3)]
    until_reports(tmp_path, 20)
    for _ in range(2):
        hosts.cut()
        time.sleep(seconds)
        hosts.cut(False)
        time.sleep(0.5)
    finish(workers, tmp_path)


@pytest.mark.slow
def test_with_go_on_training_does_not_even_wait(hosts: Hosts, server: str, tmp_path: Path) -> None:
    goes_on = TURNS.replace("maximize=True)", 'maximize=True, when_away="continue")').replace(
        "members=8, steps=20, interval=2", "members=2, steps=120, interval=30"
    )
    goes_on = goes_on.replace("member.report(", 'open(f"steps-{member.id}", "a").write(f"{step}\\n"); member.report(')
    workers = [worker(hosts, server, tmp_path, f"import os; os.chdir({str(tmp_path)!r})\n{goes_on}", f"w{n}")
               for n in range(2)]  # fmt: skip
    until_reports(tmp_path, 10)
    hosts.cut()
    time.sleep(0.2)
    before = [len((tmp_path / f"steps-{n}").read_text().split()) for n in range(2)]
    time.sleep(2.5)
    during = [len((tmp_path / f"steps-{n}").read_text().split()) for n in range(2)]
    hosts.cut(False)
    assert all(b + 20 < d for b, d in zip(before, during, strict=True)), (before, during)
    finish(workers, tmp_path)
    said = [r for e in entries(tmp_path) if isinstance(e.event, Reported) for r in e.event.reports]
    assert any(r.history for r in said)


@pytest.mark.slow
def test_a_slow_network(tmp_path: Path) -> None:
    world = ServerWorld(tmp_path, key=KEY)
    wire = Wire(world.port, random.Random(0), odds=0.0, delay=0.05)
    path = write(tmp_path, TURNS.replace("members=8, steps=20", "members=3, steps=8"))
    try:
        workers = [start(path, f"http://127.0.0.1:{wire.port}/digits", PBT_KEY=KEY) for _ in range(2)]
        finish(workers, tmp_path)
    finally:
        wire.close()
        world.close()
