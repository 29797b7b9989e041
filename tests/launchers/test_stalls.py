"""A worker that hangs is ended and started again; one that waits is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbt.cli.options import duration
from pbt.launchers.stalls import Stalls
from pbt.opening import folder as folders
from pbt.population.changes import Pause, Steer
from pbt.population.entries import Leased, Released, decode
from pbt.population.fold import refold
from tests.support.population import Script
from tests.support.scripts import TURNS, pbt_run, write

HANGS_ONCE = TURNS.replace(
    "for step in member.steps():",
    """for step in member.steps():
        if step == 7 and not os.path.exists("hung"):
            open("hung", "w").close()
            import signal
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
            time.sleep(1000)""",
)


@pytest.mark.slow
def test_a_hanging_worker_is_ended_and_its_member_trained_to_the_end(tmp_path: Path) -> None:
    script = write(tmp_path, HANGS_ONCE)
    done = pbt_run(["run", "--workers", "2", "--stall", "2s", "p", "--", "python", script], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "has said nothing for 2 s: it is ended" in done.stderr
    entries = [decode(body) for body in folders.reader(tmp_path / "p").read(0)]
    population = refold(entries)
    assert population.finished
    assert not any(m.failed for m in population.members)


@pytest.mark.slow
def test_one_that_hangs_before_it_has_joined_is_ended_too(tmp_path: Path) -> None:
    once = 'import os, time\nif not os.path.exists("hung"):\n    open("hung", "w").close()\n    time.sleep(1000)\n'
    script = write(tmp_path, once + TURNS)
    done = pbt_run(["run", "--workers", "1", "--stall", "2s", "p", "--", "python", script], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "has said nothing for 2 s: it is ended" in done.stderr


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_who_waits_for_a_decision_does_not_hang() -> None:
    s = Script(members=2, synchronous=True)
    for member, nonce in enumerate(("run.0.1.x", "run.1.1.x")):
        s.answers[member] = s.coordinator.join(nonce, member=member)
    assert sum(isinstance(e.event, Leased) for e in s.entries) == 2
    clock = Clock()
    stalls = Stalls(10.0, clock)
    for token in ("run.0.1.", "run.1.1."):
        stalls.heard(token)
    s.report(0, 1.0)
    clock.now = 11
    assert not stalls.hangs("run.0.1.", s.population)
    assert stalls.hangs("run.1.1.", s.population)
    stalls.heard("run.1.1.")
    s.report(1, 2.0)
    clock.now = 20
    assert not stalls.hangs("run.0.1.", s.population)
    clock.now = 22
    assert stalls.hangs("run.0.1.", s.population)


def test_who_waits_for_a_member_does_not_hang_unless_one_is_free() -> None:
    s = Script(members=2)
    clock = Clock()
    stalls = Stalls(10.0, clock)
    s.join(0)
    s.join(1)
    stalls.heard("idle.")
    clock.now = 11
    assert not stalls.hangs("idle.", s.population)
    s.report(0, 1.0, release=True)
    clock.now = 22
    assert stalls.hangs("idle.", s.population)
    s.coordinator.steer(Steer(Pause((0,)), nonce="n"))
    clock.now = 33
    assert not stalls.hangs("idle.", s.population), "a paused member is free for nobody"
    assert not Stalls(None, clock).hangs("idle.", s.population)


def test_who_has_trained_a_member_to_its_end_and_waits_for_another_does_not_hang() -> None:
    s = Script(members=3, steps=10, synchronous=True)
    for member, nonce in enumerate(("run.0.1.x", "run.1.1.x", "run.2.1.x")):
        s.answers[member] = s.coordinator.join(nonce, member=member)
    clock = Clock()
    stalls = Stalls(10.0, clock)
    stalls.heard("run.0.1.")
    s.report(0, 1.0, step=10)
    assert s.population.members[0].done
    clock.now = 11
    assert not stalls.hangs("run.0.1.", s.population)
    s.coordinator.tell(Released(1, 1))
    clock.now = 22
    assert stalls.hangs("run.0.1.", s.population)


@pytest.mark.parametrize(("text", "seconds"), [("30m", 1800), ("90s", 90), ("2h", 7200), ("1.5", 1.5), ("1d", 86400)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.slow_but_first
@pytest.mark.parametrize("text", ["", "0", "-3s", "m", "3 weeks", "nan"])
def test_what_is_no_duration_is_said(text: str, tmp_path: Path) -> None:
    done = pbt_run(["run", "--stall", text, "p", "--", "python", "x.py"], tmp_path)
    assert done.returncode == 2
    assert "30m" in done.stderr
