"""Ctrl-C and SIGTERM in a script, alone, at a prompt and under a launcher, and with helpers of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.opening import folder as folders
from pbt.population.entries import Released, Reported, decode
from tests.support.scripts import PBT, environment, write

SETTINGS: dict[str, Any] = {"space": {"lr": pbt.Float(0, 1)}, "steps": 100, "interval": 50, "maximize": True}

LOOP = """
import os, signal, sys, time
from pathlib import Path
import pbt

def save(folder):
    (folder / "x").write_text("x")

def train(member):
    member.checkpoint
    for step in member.steps():
        if step == 3:
            Path("third").touch()
            time.sleep(float(os.environ.get("PAUSE", 0)))
            {in_third}
        member.report(float(step), save=save)

settings = dict(space={{"lr": pbt.Float(0, 1)}}, members=2, steps=100, interval=50, maximize=True)
if __name__ == "__main__":
    {how}
    print("after the loop", signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
TURNS = "for member in pbt.turns('p', **settings): train(member)"
JOIN = "train(pbt.join('p', **settings))"


def script(tmp_path: Path, how: str, in_third: str = "pass") -> Path:
    return write(tmp_path, LOOP.format(how=how, in_third=in_third))


def begin(path: Path, **env: Any) -> subprocess.Popen[str]:
    """Start a script as a terminal does: in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, path.name], cwd=path.parent, env=environment(**env), text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def until(path: Path) -> None:
    end = time.monotonic() + 40
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def press(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGINT)


def events(tmp_path: Path) -> list[Any]:
    return [decode(body).event for body in folders.reader(tmp_path / "p").read(0)]


@pytest.mark.slow_but_first
@pytest.mark.parametrize("how", [TURNS, JOIN])
def test_ctrl_c_saves_gives_back_and_ends_the_loop(tmp_path: Path, how: str) -> None:
    running = begin(script(tmp_path, how), PAUSE=1.5)
    until(tmp_path / "third")
    press(running)
    output, _ = running.communicate(timeout=40)
    assert running.returncode == 0, output
    assert "after the loop True" in output
    assert output.count("asked to stop (Ctrl-C)") == 1
    assert "Traceback" not in output
    last = events(tmp_path)[-1]
    assert isinstance(last, Reported)
    assert (last.reports[0].step, last.reports[0].checkpoint, last.reports[0].release) == (3, "0/1-3", True)


@pytest.mark.parametrize("how", [TURNS, JOIN])
def test_a_second_ctrl_c_ends_at_once_and_in_order(tmp_path: Path, how: str) -> None:
    running = begin(script(tmp_path, how, "os.kill(os.getpid(), signal.SIGINT); Path('once').touch(); time.sleep(60)"))
    until(tmp_path / "once")
    began = time.monotonic()
    press(running)
    output, _ = running.communicate(timeout=40)
    assert time.monotonic() - began < 20
    assert running.returncode == -signal.SIGINT
    assert output.rstrip().endswith("KeyboardInterrupt")
    assert "pbt/preempt.py" not in output
    assert events(tmp_path)[-1] == Released(0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("how", [TURNS, JOIN])
def test_a_script_that_waits_for_a_member_ends_in_order_at_the_first_ctrl_c(tmp_path: Path, how: str) -> None:
    held = [pbt.join(tmp_path / "p", **SETTINGS, members=2) for _ in "ab"]
    waits = begin(script(tmp_path, how))
    assert waits.stdout is not None
    assert "waiting for a member" in waits.stdout.readline()
    press(waits)
    output, _ = waits.communicate(timeout=20)
    assert waits.returncode == 0, output
    assert "Traceback" not in output
    assert output.count("asked to stop (Ctrl-C)") == 1
    assert "after the loop True" in output
    for member in held:
        member.close()


BARRIER = """
import sys, pbt
member = pbt.join(sys.argv[1], space={"lr": pbt.Float(0, 1)}, members=2, steps=9, maximize=True, synchronous=True)
for step in member.steps():
    member.report(1.0, save=lambda folder: (folder / "x").write_text("x"))
print("ended", member.id, member.interrupted)
"""


@pytest.mark.slow_but_first
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["folder", "server"])
def test_a_script_that_waits_at_a_barrier_is_told_why_and_ends_in_order_when_asked(
    tmp_path: Path, number: int, kind: str
) -> None:
    from tests.support.worlds import WORLDS

    world = WORLDS[kind](tmp_path)
    where = getattr(world, "url", None) or world.folder  # type: ignore[attr-defined]
    waits = subprocess.Popen(
        [sys.executable, str(write(tmp_path, BARRIER)), str(where)], cwd=tmp_path, text=True,
        env=environment(PBT_KEY="a-key-for-tests-only"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert waits.stdout is not None
    for line in waits.stdout:
        if "waits for" in line:
            assert "barrier" in line
            break
    waits.send_signal(number)
    began = time.monotonic()
    output, _ = waits.communicate(timeout=40)
    assert time.monotonic() - began < 15, "a question that a server holds is not waited for"
    assert waits.returncode == 0, output
    assert "True" in output
    assert world.entries[-1].event == Released(0, 1)
    world.close()


LOADS = """
    import multiprocessing
    def load(pipe):
        for n in range(10 ** 6):
            pipe.send(n)
    receive, send = multiprocessing.get_context("fork").Pipe(False)
    loader = None
    def fetch():
        global loader
        if loader is None:
            loader = multiprocessing.get_context("fork").Process(target=load, args=(send,), daemon=True)
            loader.start()
        assert receive.poll(20), "the loader is gone"
        receive.recv()
        assert loader.is_alive(), "the loader is gone"
    real = train
    def train(member):
        member.checkpoint
        for step in member.steps():
            fetch()
            if step == 3:
                Path("third").touch()
                time.sleep(1.5)
                fetch()
            member.report(float(step), save=save)
    """


@pytest.mark.slow
def test_ctrl_c_leaves_the_workers_helpers_what_they_do_until_it_has_saved(tmp_path: Path) -> None:
    running = begin(script(tmp_path, LOADS + TURNS))
    until(tmp_path / "third")
    press(running)
    output, _ = running.communicate(timeout=40)
    assert running.returncode == 0, output
    assert events(tmp_path)[-1].reports[0].checkpoint == "0/1-3"


@pytest.mark.slow
def test_ctrl_c_under_pbt_run_leaves_the_workers_helpers_what_they_do_until_it_has_saved(tmp_path: Path) -> None:
    path = script(tmp_path, LOADS + TURNS)
    run = subprocess.Popen(
        [*PBT, "run", "--workers", "1", "p", "--", "python", str(path)], cwd=tmp_path, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    until(tmp_path / "third")
    run.send_signal(signal.SIGINT)
    output, _ = run.communicate(timeout=40)
    assert run.returncode == 130, output
    assert events(tmp_path)[-1].reports[0].checkpoint == "0/1-3", output


def test_a_handler_of_the_users_own_is_left_alone(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        mine = signal.getsignal(signal.SIGINT)
        with pbt.join(tmp_path / "p", **SETTINGS, members=2) as member:
            member.report(1.0, step=1, save=lambda f: None)
            assert signal.getsignal(signal.SIGINT) is mine
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_handlers_are_put_back_when_no_member_is_held(tmp_path: Path) -> None:
    """In a process of its own: other tests may hold members."""
    path = script(
        tmp_path,
        "members = [pbt.join('p', **settings) for _ in 'ab']\n"
        "    for member in members:\n"
        "        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler\n"
        "        member.close()\n"
        "    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL",
    )
    said, _ = begin(path).communicate(timeout=60)
    assert "after the loop True" in said


def test_at_a_prompt_a_cell_that_was_stopped_can_be_run_again(tmp_path: Path) -> None:
    """A notebook sets Python's handler anew in each cell, and goes on after each."""
    cell = (
        "with pbt.join('p', member=0, **settings) as member:\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    if member.checkpoint: print('from', member.step, 'in', member.checkpoint)\n"
        "    for step in member.steps():\n"
        "        if step in (3, 5): os.kill(os.getpid(), signal.SIGINT)\n"
        "        member.report(float(step), save=save)\n"
    )
    path = script(tmp_path, f"sys.ps1 = '>>> '\n    for _ in range(2): exec({cell!r})")
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "from 3" in done.stdout
    assert [e.reports[0].step for e in events(tmp_path) if isinstance(e, Reported) and e.reports[0].release] == [3, 5]
