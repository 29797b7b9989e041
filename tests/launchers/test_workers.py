"""`pbt run` and its workers: none outlives it, all are restarted where that helps, and interrupts end in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pbt.errors import PBTError
from pbt.opening import folder as folders
from pbt.population.entries import Leased, Reported
from tests.support.checks import check, entries, workers_of
from tests.support.scripts import JOIN, PBT, TURNS, environment, pbt_run, status, write


def _has_entries(where: Path) -> bool:
    try:
        return any(True for _ in folders.reader(where).read(0))
    except PBTError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds processes through /proc")


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_do_not_outlive_pbt_run(tmp_path: Path, number: int) -> None:
    script = write(tmp_path, TURNS)
    run = subprocess.Popen(
        [*PBT, "run", "--members", "8", "--workers", "2", "p", "--", "python", str(script)],
        cwd=tmp_path, env=environment(PAUSE=0.2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 20
    while (len(workers_of(str(script))) < 2 or not _has_entries(tmp_path / "p")) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    run.send_signal(number)
    run.wait(30)
    while workers_of(str(script)) and time.monotonic() < end + 20:
        time.sleep(0.05)
    assert not workers_of(str(script))
    check(tmp_path / "p")
    again = pbt_run(["run", "p", "--", "python", script], tmp_path)
    assert again.returncode == 0, again.stderr
    assert check(tmp_path / "p").finished


@pytest.mark.slow
def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(tmp_path: Path) -> None:
    script = write(tmp_path, TURNS)
    command = [*PBT, "run", "--members", "8", "--workers", "2", "p", "--", "python", str(script)]
    run = subprocess.Popen(
        command, cwd=tmp_path, env=environment(PAUSE=0.05), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while not (tmp_path / "p" / "checkpoints" / "0").exists():
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    output, _ = run.communicate(timeout=30)
    assert run.returncode == 130, output
    assert "go on from here with: pbt run" in output
    population = check(tmp_path / "p")
    assert not population.finished
    assert all(m.lease is None or m.lease.ended for m in population.members)
    steps = sum(m.step for m in population.members)
    assert pbt_run(command[len(PBT) :], tmp_path).returncode == 0
    assert check(tmp_path / "p").finished
    assert steps > 0


@pytest.mark.slow
def test_a_script_with_an_import_error_fails_with_its_output_shown(tmp_path: Path) -> None:
    script = write(tmp_path, "import nothing_of_this_name\n" + TURNS)
    space = write(tmp_path, "[lr]\nmin = 0.001\nmax = 1.0\nlog = true\n", "space.toml")
    arguments = [
        "run",
        "--members",
        8,
        "--steps",
        20,
        "--interval",
        2,
        "--workers",
        2,
        "--maximize",
        "--space",
        space,
        "p",
    ]
    failed = pbt_run([*arguments, "--", "python", script], tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.count("Traceback") == 1
    assert failed.stderr.count("which repeating does not heal") == 2  # each of two workers, started once
    assert status("p", tmp_path)["reports"] == 0
    script.write_text(TURNS)
    assert pbt_run(["run", "p", "--", "python", script], tmp_path).returncode == 0
    assert check(tmp_path / "p").finished


def test_a_worker_that_exits_without_a_report_is_a_failure_whatever_its_exit_code(tmp_path: Path) -> None:
    script = write(tmp_path, "pass\n")
    failed = pbt_run(["run", "--members", 2, "--workers", 1, "p", "--", "python", script], tmp_path)
    assert failed.returncode == 1
    assert "exit code 0 without a report" in failed.stderr
    assert "does the script call pbt.turns or pbt.join" in failed.stderr


@pytest.mark.slow
def test_a_script_that_joins_one_member_is_started_again_for_the_next(tmp_path: Path) -> None:
    script = write(tmp_path, JOIN)
    done = pbt_run(
        ["run", "--members", 4, "--workers", 2, tmp_path / "p", "--", "python", script, tmp_path / "p"], tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "exploits of 4 members" in done.stdout
    assert check(tmp_path / "p").finished


@pytest.mark.slow
def test_a_member_that_always_crashes_is_cured_and_then_fails_for_good(tmp_path: Path) -> None:
    crash = TURNS.replace("    for step in", "    if member.id == 3: os._exit(5)\n    for step in")
    script = write(tmp_path, crash)
    failed = pbt_run(["run", "--members", 8, "--workers", 2, "p", "--", "python", script], tmp_path, PAUSE=0.02)
    found = status("p", tmp_path)
    assert failed.returncode == 1, failed.stderr
    states = {m["member"]: m["state"] for m in found["members"]}
    assert states.pop(3) == "failed"
    assert set(states.values()) == {"done"}
    assert "FAILED: member 3" in failed.stderr
    check(tmp_path / "p")


@pytest.mark.slow
def test_larger_steps_train_on_and_other_differences_are_refused(tmp_path: Path) -> None:
    script = write(tmp_path, TURNS)
    assert pbt_run(["run", "--workers", 2, "p", "--", "python", script], tmp_path).returncode == 0
    refused = pbt_run(["run", "--members", 4, "p", "--", "python", script], tmp_path)
    assert refused.returncode == 1
    assert "members=8, but members=4 was asked for" in refused.stderr
    more = pbt_run(["run", "--steps", 26, "--workers", 2, "p", "--", "python", script], tmp_path)
    assert more.returncode == 0, more.stderr
    assert all(m.step == 26 for m in check(tmp_path / "p").members)
    finished = pbt_run(["run", "p", "--", "python", "nothing.py"], tmp_path)
    assert finished.returncode == 0
    assert "best score" in finished.stdout


def test_each_worker_has_its_environment(tmp_path: Path) -> None:
    body = (
        "import json, os, pbt, pathlib\n"
        "for m in pbt.turns(space={'lr': pbt.Float(0, 1)}, members=2, steps=1, maximize=True):\n"
        "    for _ in m.steps():\n"
        "        env = {k: os.environ.get(k) for k in ('CUDA_VISIBLE_DEVICES', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS')}\n"
        "        (pathlib.Path(__file__).parent / f'env-{os.getpid()}').write_text(json.dumps(env))\n"
        "        m.report(1, save=lambda f: (f / 'x').write_text('x'))\n"
    )
    script = write(tmp_path, body)
    run = ["run", "--members", 2, "--workers", 2, "--gpus", "3,5", "p", "--", "python", script]
    assert pbt_run(run, tmp_path, OMP_NUM_THREADS=7).returncode == 0
    found = [json.loads(p.read_text()) for p in tmp_path.glob("env-*")]
    assert {f["CUDA_VISIBLE_DEVICES"] for f in found} == {"3", "5"}
    assert {f["OMP_NUM_THREADS"] for f in found} == {"7"}
    assert {f["MKL_NUM_THREADS"] for f in found} == {str(max(1, (os.cpu_count() or 1) // 2))}
    assert (tmp_path / "p" / "logs" / "run-1-worker-1.log").exists()


@pytest.mark.slow
def test_ctrl_c_twice_ends_at_once(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + TURNS
    script = write(tmp_path, deaf)
    run = subprocess.Popen(
        [*PBT, "run", "--workers", "2", "p", "--", "python", str(script)],
        cwd=tmp_path, env=environment(PAUSE=0.2), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    while not (tmp_path / "p" / "leases" / "1.lock").exists():
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert run.poll() is None
    began = time.monotonic()
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert run.returncode == 130


@pytest.mark.slow
def test_the_first_steps_begin_when_every_worker_is_there(tmp_path: Path) -> None:
    """Who starts late would otherwise copy those who ran ahead."""
    late = "import os, time, json\nif json.loads(os.environ['PBT_RUN'])['worker'] == '3': time.sleep(1.5)\n" + TURNS
    done = pbt_run(["run", "--workers", 4, "p", "--", "python", write(tmp_path, late)], tmp_path)
    assert done.returncode == 0, done.stderr
    kinds = [type(e.event) for e in entries(tmp_path / "p")]
    assert kinds[: kinds.index(Reported)].count(Leased) == 4


@pytest.mark.slow
def test_a_worker_that_fails_at_once_does_not_hold_up_the_start(tmp_path: Path) -> None:
    fails = "import os, json\nif json.loads(os.environ['PBT_RUN'])['worker'] == '1': raise SystemExit(3)\n" + TURNS
    began = time.monotonic()
    done = pbt_run(["run", "--workers", 2, "p", "--", "python", write(tmp_path, fails)], tmp_path)
    assert time.monotonic() - began < 20
    assert check(tmp_path / "p").finished
    assert "worker 1 ended with exit code 3" in done.stderr
