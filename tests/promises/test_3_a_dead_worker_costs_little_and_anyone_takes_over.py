"""Promise 3: a dead worker costs at most the work since its last checkpoint, and anyone may take its member over.

Further: `launchers/test_sick.py` (who dies again and again), `conformance/test_leases.py` (who is presumed dead).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pbt.launchers.logs import fresh_logs
from pbt.opening import folder as folders
from pbt.population.entries import Leased, decode
from tests.support.checks import check, checkpoint_folders, workers_of
from tests.support.mounts import lacking, two_mounts
from tests.support.scripts import PBT, TURNS, environment, pbt_run, start, status, write


@pytest.mark.slow
def test_killed_in_the_middle_of_a_step_again_and_again(tmp_path: Path) -> None:
    where, script = tmp_path / "p", write(tmp_path, TURNS)
    rng = random.Random(3)
    running = [start(script, where, PAUSE=0.005) for _ in range(4)]
    for _ in range(12):
        time.sleep(rng.uniform(0.05, 0.25))
        victim = rng.randrange(4)
        running[victim].kill()
        running[victim].communicate()
        running[victim] = start(script, where, PAUSE=0.005)
    for process in running:
        output, _ = process.communicate(timeout=90)
        assert process.returncode == 0, output
    population = check(where)
    assert population.finished
    assert checkpoint_folders(where) == population.referenced()


@pytest.mark.slow
def test_pbt_run_takes_over_killed_workers_and_ends_with_the_population(tmp_path: Path) -> None:
    script = write(tmp_path, TURNS)
    run = subprocess.Popen(
        [*PBT, "run", "--members", "8", "--workers", "3", "p", "--", "python", str(script)],
        cwd=tmp_path, env=environment(PAUSE=0.01), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    rng = random.Random(1)
    killed = 0
    while run.poll() is None and killed < 8:
        time.sleep(0.15)
        workers = workers_of(str(script))
        if workers:
            os.kill(rng.choice(workers), signal.SIGKILL)
            killed += 1
    output, _ = run.communicate(timeout=90)
    assert run.returncode == 0, output
    population = check(tmp_path / "p")
    assert population.finished
    assert killed >= 5
    assert checkpoint_folders(tmp_path / "p") == population.referenced()
    assert not workers_of(str(script))


IMPATIENT = "import pbt.liveness.files\npbt.liveness.files.TERM, pbt.liveness.files.BEAT_EVERY = 3.0, 0.3\n"
"""A death is seen after three seconds instead of two minutes."""


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[tuple[Path, Path, Path]]:
    reason = lacking()
    if reason is not None:
        pytest.skip(reason)
    with two_mounts(tmp_path) as mounts:
        yield mounts


@pytest.mark.slow
def test_workers_on_two_mounts_share_a_population_though_some_are_killed(
    tmp_path: Path, shared: tuple[Path, Path, Path]
) -> None:
    real, *mounts = shared
    script = write(tmp_path, IMPATIENT + TURNS)

    def worker(i: int) -> subprocess.Popen[str]:
        return start(script, mounts[i % 2] / "p", PAUSE=0.02)

    rng = random.Random(2)
    running = [worker(i) for i in range(4)]
    while not (real / "p" / "checkpoints").exists():
        time.sleep(0.05)
    for i in range(4):
        time.sleep(rng.uniform(0.3, 0.9))
        running[i].kill()
        running[i].communicate()
        running[i] = worker(i + rng.randrange(2))
    for process in running:
        output, _ = process.communicate(timeout=90)
        assert process.returncode == 0, output
    population = check(real / "p")
    assert population.finished
    assert all(m.step == 20 for m in population.members)
    assert folders.read_mark(real / "p").journal == "files"
    seen = [list(folders.reader(folder / "p").read(0)) for folder in shared]
    assert seen[0] == seen[1] == seen[2]
    assert {e.sign for e in (decode(body).event for body in seen[0]) if isinstance(e, Leased)} == {"counter"}
    assert checkpoint_folders(real / "p") == population.referenced()


@pytest.mark.slow
def test_pbt_run_on_both_mounts(tmp_path: Path, shared: tuple[Path, Path, Path]) -> None:
    """Two machines, each with a launcher of its own, on one population."""
    _, one, two = shared
    script = write(tmp_path, TURNS)
    first = subprocess.Popen(
        [*_run(one / "p"), "--", "python", script], env=environment(PAUSE=0.02), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, cwd=tmp_path,
    )  # fmt: skip
    second = pbt_run([*_run(two / "p")[3:], "--", "python", script], tmp_path)
    output, _ = first.communicate(timeout=60)
    assert first.returncode == 0, output
    assert second.returncode == 0, second.stderr
    assert status(one / "p", tmp_path)["state"] == status(two / "p", tmp_path)["state"] == "finished"


@pytest.mark.slow
def test_launchers_on_both_mounts_write_logs_of_their_own(shared: tuple[Path, Path, Path]) -> None:
    _, one, two = shared
    with ThreadPoolExecutor(2) as both:
        for _ in range(40):
            names = both.map(fresh_logs, (one / "p" / "logs", two / "p" / "logs"))
            assert len({path.name for path in names}) == 2


def _run(where: Path) -> list[str]:
    return [*PBT, "run", "--plain", "--workers", "2", str(where)]
