"""Where no report comes, `pbt run` shows what the workers say of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pbt.launchers.quiet import Quiet
from pbt.launchers.watchdog import Watchdog
from pbt.launchers.workers import Worker
from pbt.population.changes import Pause, Steer
from pbt.worker.orders import Orders
from tests.support.population import Script
from tests.support.scripts import PBT, TURNS, environment, write


class Prints(Worker):
    """A worker that runs and has printed this."""

    ago = 20.0

    def __init__(self, slot: int, text: str) -> None:
        super().__init__(slot, Path(f"logs/run-1-worker-{slot}.log"))
        self.text = text

    @property
    def running(self) -> bool:
        return True

    def printed(self) -> float:
        return self.ago

    def tail(self) -> str:
        return self.text


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


FULL = "epoch 3\nmember 0 waits: checkpoints/0: no room for a checkpoint (No space left on device); make room"


def quiet(clock: Clock, *texts: str) -> Quiet:
    found = Quiet("runs/a b", [Prints(slot, text) for slot, text in enumerate(texts)], clock)
    for _ in range(3):
        clock.now += 1
        found.heard()
    return found


def test_a_full_disk_is_told_with_the_log_of_who_says_it() -> None:
    clock = Clock()
    found = quiet(clock, "epoch 4", FULL)
    assert found.words(None) == ""
    clock.now += 31
    told = found.words(None)
    assert told.startswith("no report for 31 s; worker 1 says: member 0 waits: checkpoints/0: no room for a checkpoint")
    assert told.endswith("(its output: logs/run-1-worker-1.log)")
    found.heard()
    assert found.words(None) == ""


def test_a_trouble_of_before_the_last_report_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prints, "ago", 40.0)
    clock = Clock()
    found = quiet(clock, FULL)
    clock.now += 60
    found.heard()
    clock.now += 31
    assert found.words(None) == ""


def test_a_gap_as_usual_is_no_trouble_and_a_longer_one_shows_the_last_line() -> None:
    clock = Clock()
    found = quiet(clock, "epoch 4", "")
    for _ in range(2):
        clock.now += 600
        found.heard()
    clock.now += 800
    assert found.words(None) == ""
    clock.now += 200
    assert "no report for 1000 s; worker 0 printed last: epoch 4" in found.words(None)


def test_setting_up_is_given_its_time() -> None:
    clock = Clock()
    found = Quiet("p", [Prints(0, "importing")], clock)
    clock.now = 40
    assert found.words(None) == ""
    clock.now = 61
    assert "worker 0 printed last: importing" in found.words(None)


def test_a_member_that_is_paused_is_told_of_at_once_with_the_command() -> None:
    s = Script(members=2)
    s.round(0.1, 0.2)
    s.coordinator.steer(Steer(Pause((1,)), nonce="1"))
    clock = Clock()
    assert quiet(clock, "").words(s.population) == "", "member 0 trains"
    s.coordinator.steer(Steer(Pause(), nonce="2"))
    assert quiet(clock, "").words(s.population) == "", "both train to their next report"
    s.round(0.1, 0.2)
    told = quiet(clock, "").words(s.population)
    assert told == "members 0, 1 are paused; pbt steer 'runs/a b' resume lets them go on"


@pytest.mark.slow
def test_pbt_run_shows_that_the_last_member_is_paused(tmp_path: Path) -> None:
    script = write(tmp_path, TURNS.replace("members=8", "members=1"))
    run = subprocess.Popen(
        [*PBT, "run", "--plain", "p", "--", "python", str(script)], cwd=tmp_path, env=environment(PAUSE=0.3),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + 30
        while not list((tmp_path / "p").glob("checkpoints/0/*/pbt.json")):
            assert time.monotonic() < end
            time.sleep(0.05)
        pause = [*PBT, "steer", "p", "pause", "0", "--yes"]
        subprocess.run(pause, cwd=tmp_path, env=environment(), check=True, capture_output=True)
        assert run.stdout is not None
        told = next(line for line in run.stdout if "paused" in line)
        assert told.startswith("member 0 is paused; pbt steer ")
        assert told.rstrip().endswith("resume lets it go on")
        resume = [*PBT, "steer", "p", "resume", "--yes"]
        subprocess.run(resume, cwd=tmp_path, env=environment(), check=True, capture_output=True)
        run.communicate(timeout=60)
        assert run.returncode == 0
    finally:
        run.kill()
        run.wait()


def test_a_process_that_has_printed_nothing_has_its_log_named(tmp_path: Path) -> None:
    worker, watchdog, clock = Worker(0, tmp_path / "w.log"), Watchdog(), Clock()
    found = Quiet("p", [worker], clock)
    orders = Orders("p", None, "0", str(tmp_path), "t")  # type: ignore[arg-type]
    worker.start([sys.executable, "-c", "import time; time.sleep(60)"], dict(os.environ), orders, watchdog)
    try:
        clock.now = 100
        assert found.words(None).endswith(f"{tmp_path / 'w.log'})")
        assert "printed nothing" in found.words(None)
    finally:
        worker.signal(9)
        watchdog.close()
