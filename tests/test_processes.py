"""Processes beside a worker: forked and spawned children, several ranks, and what is waited for."""

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
from pbt.disk import waiting
from pbt.opening import folder as folders
from pbt.population.entries import Leased, decode
from pbt.worker.processes import ranks
from tests.support.scripts import environment, write

SETTINGS: dict[str, Any] = {"space": {"lr": pbt.Float(0, 1)}, "steps": 20, "interval": 5, "maximize": True}


def save(folder: Path) -> None:
    (folder / "x").write_text("x")


def run(path: Path, **env: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, path.name], cwd=path.parent, env=environment(**env), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def leases(folder: Path) -> list[Leased]:
    return [e for body in folders.reader(folder).read(0) if isinstance(e := decode(body).event, Leased)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_forked_child_has_pythons_own_handlers(tmp_path: Path, number: int) -> None:
    member = pbt.join(tmp_path / "p", **SETTINGS, members=1)
    pid = os.fork()
    if pid == 0:
        try:
            for _ in range(2 if number == signal.SIGINT else 1):  # a terminal sends the first one to helpers, too
                os.kill(os.getpid(), number)
                time.sleep(0.1)
        except KeyboardInterrupt:
            os._exit(5)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert os.waitstatus_to_exitcode(status) == (5 if number == signal.SIGINT else -signal.SIGTERM)
    assert not member.interrupted
    member.close()


POOL = """
import multiprocessing, time, pbt

def square(x):
    return x * x

if __name__ == "__main__":
    fork = multiprocessing.get_context("fork")
    for member in pbt.turns("p", space={"lr": pbt.Float(0, 1)}, members=1, steps=4, interval=2, maximize=True):
        began = time.monotonic()
        for _ in range(5):
            with fork.Pool(3) as pool:
                assert pool.map(square, range(4)) == [0, 1, 4, 9]
        child = fork.Process(target=time.sleep, args=(50,))
        child.start()
        child.terminate()
        child.join()
        assert time.monotonic() - began < 40
        for step in member.steps():
            member.report(1.0, save=lambda folder: (folder / "x").write_text("x"))
"""


def test_a_pool_and_a_process_that_is_terminated_end_inside_a_member(tmp_path: Path) -> None:
    done = run(write(tmp_path, POOL))
    assert done.returncode == 0, done.stderr
    assert "asked to stop" not in done.stderr


def test_turns_go_on_in_the_process_that_began_them_alone(tmp_path: Path) -> None:
    turns = pbt.turns(tmp_path / "p", **SETTINGS, members=2)
    member = next(turns)
    pid = os.fork()
    if pid == 0:
        try:
            next(turns)
        except pbt.PBTError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert len(leases(tmp_path / "p")) == 1
    member.report(1.0, step=5, save=save)
    turns.close()


UNGUARDED = """
import multiprocessing, pbt

def helper():
    pass

for member in pbt.turns("p", space={{"lr": pbt.Float(0, 1)}}, members=2, steps=2, interval=1, maximize=True):
    child = multiprocessing.get_context({how!r}).Process(target=helper)
    child.start()
    child.join(30)
    for step in member.steps():
        member.checkpoint
        member.report(1.0, save=lambda folder: (folder / "x").write_text("x"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["spawn", "forkserver"])
def test_a_child_that_imports_the_script_is_told_so_and_takes_no_member(tmp_path: Path, how: str) -> None:
    done = run(write(tmp_path, UNGUARDED.format(how=how)))
    assert done.returncode == 0, done.stderr
    assert 'if __name__ == "__main__":' in done.stderr
    assert "this is no worker" in done.stderr
    taken = leases(tmp_path / "p")
    assert {lease.member for lease in taken} == {0, 1}
    assert all(b'"failed":true' not in body for body in folders.reader(tmp_path / "p").read(0))


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"RANK": "0", "WORLD_SIZE": "2"}, "WORLD_SIZE"),
        ({"LOCAL_RANK": "1", "WORLD_SIZE": "8"}, "WORLD_SIZE"),
        ({"RANK": "0", "WORLD_SIZE": "1"}, None),
        ({"WORLD_SIZE": "4"}, None),
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "3"}, None),
        ({"SLURM_NTASKS": "8", "SLURM_PROCID": "3", "RANK": "3"}, "SLURM_NTASKS"),
        ({"SLURM_NTASKS": "1", "RANK": "0"}, None),
        ({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "0"}, "OMPI_COMM_WORLD_SIZE"),
        ({"OMPI_COMM_WORLD_SIZE": "1"}, None),
        ({"PMI_SIZE": "4", "PMI_RANK": "1"}, "PMI_SIZE"),
        ({"PMI_SIZE": "4", "PMI_RANK": "1", "SLURM_PROCID": "1", "SLURM_NTASKS": "4"}, None),
        ({"HOROVOD_SIZE": "2"}, "HOROVOD_SIZE"),
        ({"RANK": "x", "WORLD_SIZE": "many"}, None),
        ({}, None),
    ],
)
def test_ranks_of_one_training_are_told_from_workers(environment: dict[str, str], found: str | None) -> None:
    told = ranks(environment)
    assert (told[0] if told else None) == found


@pytest.mark.parametrize("join", [pbt.join, pbt.turns])
def test_one_of_several_ranks_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, join: Any
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(pbt.SettingsError, match=r"one of 4 ranks.*env -u WORLD_SIZE"):
        join(tmp_path / "p", **SETTINGS, members=4)
    assert not (tmp_path / "p").exists()
    monkeypatch.delenv("WORLD_SIZE")
    assert join(tmp_path / "p", **SETTINGS, members=4) is not None


# --- what is waited for ---


def told(tmp_path: Path, script: str, word: str = "waiting for") -> str:
    """The first line of a script's output that says what is waited for."""
    with subprocess.Popen(
        [sys.executable, str(write(tmp_path, script))], cwd=tmp_path, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as waits:  # fmt: skip
        assert waits.stdout is not None
        try:
            return next(line for line in waits.stdout if word in line)
        finally:
            waits.kill()


@pytest.mark.slow
def test_a_worker_without_a_member_says_who_holds_them(tmp_path: Path) -> None:
    held = [pbt.join(tmp_path / "p", **SETTINGS, members=2) for _ in "ab"]
    said = told(tmp_path, "import pbt\npbt.join('p')\n")
    assert f"a member of {tmp_path / 'p'}: living workers hold the 2 that are not done" in said
    assert "living worker holds it" in told(tmp_path, "import pbt\npbt.join('p', member=1)\n")
    for member in held:
        member.close()
    alone = pbt.join(tmp_path / "q", **SETTINGS, members=1)
    said = told(tmp_path, "import pbt\npbt.join('q')\n")
    assert "a living worker holds the one that is not done: more than 1 worker at once is of no use" in said
    alone.close()


@pytest.mark.slow
def test_a_member_held_by_this_very_process_is_named_so(tmp_path: Path) -> None:
    twice = (
        "import pbt\nfor _ in range(2):\n    m = pbt.join('p', space={'a': 1.0}, members=1, steps=9, maximize=True)\n"
    )
    assert "member 0 is held by this very process" in told(tmp_path, twice)


@pytest.mark.slow
def test_a_lock_that_a_stopped_process_holds_is_named(tmp_path: Path) -> None:
    pbt.join(tmp_path / "p", **SETTINGS, members=2).close()
    from pbt.disk.locks import close_lock, open_lock, try_lock

    fd = open_lock(tmp_path / "p" / "journal.lock")
    assert try_lock(fd)
    assert "journal.lock" in told(tmp_path, "import pbt\npbt.join('p')\n")
    close_lock(fd)


def test_what_is_waited_for_is_said_again_every_minute_and_once_under_a_launcher(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for launched, expected in (False, 4), (True, 1):
        monkeypatch.setenv(waiting.LAUNCHED, "{}") if launched else monkeypatch.delenv(waiting.LAUNCHED, raising=False)
        caplog.clear()
        wait = waiting.Waiting("for a test")
        for _ in range(190):
            wait.tell()
            now[0] += 1
        assert caplog.text.count("for a test") == expected


# --- turns that lead nowhere ---


def test_turns_left_twice_where_they_stood_are_an_error_that_names_finish(tmp_path: Path) -> None:
    turns = pbt.turns(tmp_path / "p", **SETTINGS, members=1)
    for _ in range(2):
        member = next(turns)
        assert (member.id, member.step) == (0, 0)
        for step in member.steps():
            member.report(1.0, save=save)
            if step == 3:
                break
    with pytest.raises(pbt.PBTError, match=r"member\.finish\(\)"):
        next(turns)


def test_a_member_finished_early_and_one_left_at_a_checkpoint_go_on(tmp_path: Path) -> None:
    for member in pbt.turns(tmp_path / "p", **SETTINGS, members=2):
        assert str(member.checkpoint) if member.step else member.checkpoint is None
        for step in member.steps():
            member.report(1.0, save=save)
            if member.id == 0 and step == 13:
                member.finish()
            if step % 5 == 0:
                break
    assert list(pbt.turns(tmp_path / "p")) == []


# --- said at the beginning ---


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("pbt.turns(members=4, steps=3, **s)", "4 members, 3 steps each, all trained by this process in turns"),
        ("pbt.turns(steps=3, **s)", "1 member, 3 steps;"),
        ("[pbt.join(members=4, steps=3, **s)]", "4 members, 3 steps each, of which this process trains one"),
        ("pbt.turns('here/p', members=2, steps=3, **s)", "new population in /"),
        ("pbt.turns('p', members=1, **s)", "neither steps= nor goal= is given"),
    ],
)
def test_the_first_lines_say_what_is_trained_where_and_until_when(tmp_path: Path, call: str, says: str) -> None:
    body = (
        "import pbt\ns = dict(space={'lr': pbt.Float(0, 1)}, maximize=True)\n"
        f"for m in {call}:\n    for step in m.steps():\n        m.checkpoint\n"
        "        m.report(1.0, save=lambda f: (f / 'x').write_text('x'))\n"
        "        if step == 3 and not m.stop: m.finish()\n"
    )
    done = run(write(tmp_path, body))
    assert done.returncode == 0, done.stderr
    assert says in done.stderr
    assert str(tmp_path) in done.stderr.splitlines()[0]


ENDS = """
import pbt
for m in pbt.turns("a p", space={"lr": pbt.Float(0, 1)}, members=2, steps=2, maximize=True, seed=1):
    for step in m.steps():
        m.checkpoint
        m.report(0.125 * (m.id + step), save=lambda f: (f / "x").write_text("x"))
"""


def test_the_process_that_ends_the_population_says_what_came_out(tmp_path: Path) -> None:
    path = write(tmp_path, ENDS)
    said = f"pbt: finished, best saved score 0.375: pbt status '{tmp_path / 'a p'}'"
    assert run(path).stderr.splitlines()[-1] == said
    assert "pbt: finished" not in run(path).stderr, "it has trained nothing"


@pytest.mark.slow
def test_a_process_that_waits_while_another_one_ends_the_population_says_nothing_of_it(tmp_path: Path) -> None:
    held = pbt.join(tmp_path / "a p", space={"lr": pbt.Float(0, 1)}, members=2, steps=2, maximize=True, seed=1)
    other = subprocess.Popen(
        [sys.executable, write(tmp_path, ENDS)], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True
    )
    assert other.stderr is not None
    assert any("a living worker holds the one that is not done" in line for line in other.stderr)
    for step in (1, 2):
        held.report(1.0, step=step, save=save)
    assert "finished" not in other.communicate(timeout=40)[1]
    assert other.returncode == 0


def test_a_report_that_can_bring_no_checkpoint_is_said_at_once(tmp_path: Path) -> None:
    body = "import pbt\nm = pbt.join('p', space={{'a': 1.0}}, members=1, steps=9, interval=5, maximize=True)\n{}\n"
    without = run(write(tmp_path, body.format("m.report(1.0, step=1); m.report(1.0, step=2)")))
    assert without.stderr.count("was given no save=: from step 5 on") == 1
    asked = run(write(tmp_path, body.format("m.due(1); m.report(1.0, step=1)")))
    assert "was given no save=" not in asked.stderr


def test_setting_a_hyperparameter_says_what_to_do(tmp_path: Path) -> None:
    with pbt.join(tmp_path / "p", **SETTINGS, members=1) as member, pytest.raises(TypeError, match="population"):
        member["lr"] = 3
