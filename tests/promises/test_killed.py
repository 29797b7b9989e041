"""Promises 1 to 4, broken on purpose: workers killed at every point, and many at once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pbt.errors import PBTError
from pbt.opening import folder as folders
from pbt.population.entries import Decision, Entry, Leased, Released, Reported, decode
from pbt.population.fold import refold
from pbt.population.population import Population
from tests.support.scripts import JOIN, TURNS, pbt_run, start, status, write


def journal(where: Path) -> list[Entry]:
    return [decode(body) for body in folders.reader(where).read(0)]


def check(where: Path) -> Population:
    """What must hold of the journal in a folder."""
    return check_entries(journal(where))


def check_entries(entries: list[Entry]) -> Population:
    """What must hold of any journal: no report under an old lease, keys once, parents alive, values in the space."""
    keys = set()
    newest: dict[int, int] = {}
    written: set[str] = set()
    for entry in entries:
        event = entry.event
        if isinstance(event, Leased):
            assert event.number == newest.get(event.member, 0) + 1
            newest[event.member] = event.number
        for report in event.reports if isinstance(event, Reported) else ():
            assert report.lease == newest[report.member]
            assert (report.member, report.lease, report.seq) not in keys
            keys.add((report.member, report.lease, report.seq))
            if report.checkpoint:
                written.add(report.checkpoint)
        for decision in entry.decisions:
            assert all(parent.id in written for parent in decision.parents)
    population = refold(entries)
    assert all(m.hyperparameters in population.settings.space for m in population.members)
    return population


def checkpoint_folders(where: Path) -> set[str]:
    root = where / "checkpoints"
    return {f"{p.parent.name}/{p.name}" for p in root.glob("*/*")} if root.exists() else set()


def exploits(where: Path) -> list[Decision]:
    return [d for e in journal(where) for d in e.decisions if d.start == "copy"]


def finish(where: Path, script: Path, workers: int = 2) -> Population:
    """Train what is left, and look at the end."""
    running = [start(script, where) for _ in range(workers)]
    for process in running:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    population = check(where)
    assert population.finished
    assert checkpoint_folders(where) == population.referenced()
    return population


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


def test_pbt_run_takes_over_killed_workers_and_ends_with_the_population(tmp_path: Path) -> None:
    script = write(tmp_path, TURNS)
    run = subprocess.Popen(
        [*_pbt(), "run", "--members", "8", "--workers", "3", "p", "--", "python", str(script)],
        cwd=tmp_path, env=_environment(PAUSE=0.01), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    rng = random.Random(1)
    killed = 0
    while run.poll() is None and killed < 8:
        time.sleep(0.15)
        workers = _workers_of(str(script))
        if workers:
            os.kill(rng.choice(workers), signal.SIGKILL)
            killed += 1
    output, _ = run.communicate(timeout=90)
    assert run.returncode == 0, output
    population = check(tmp_path / "p")
    assert population.finished
    assert killed >= 5
    assert checkpoint_folders(tmp_path / "p") == population.referenced()
    assert not _workers_of(str(script))


def _pbt() -> list[str]:
    from tests.support.scripts import PBT

    return PBT


def _environment(**more: Any) -> dict[str, str]:
    from tests.support.scripts import environment

    return environment(**more)


def _workers_of(script: str) -> list[int]:
    """Processes that run the script, found by their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode().split("\0")
        except OSError:
            continue
        if len(words) > 1 and words[1] == script:
            found.append(int(path.parent.name))
    return found


def _has_entries(where: Path) -> bool:
    try:
        return any(True for _ in folders.reader(where).read(0))
    except PBTError:
        return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds processes through /proc")


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_do_not_outlive_pbt_run(tmp_path: Path, number: int) -> None:
    script = write(tmp_path, TURNS)
    run = subprocess.Popen(
        [*_pbt(), "run", "--members", "8", "--workers", "2", "p", "--", "python", str(script)],
        cwd=tmp_path, env=_environment(PAUSE=0.2), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 20
    while (len(_workers_of(str(script))) < 2 or not _has_entries(tmp_path / "p")) and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    run.send_signal(number)
    run.wait(30)
    while _workers_of(str(script)) and time.monotonic() < end + 20:
        time.sleep(0.05)
    assert not _workers_of(str(script))
    check(tmp_path / "p")
    again = pbt_run(["run", "p", "--", "python", script], tmp_path)
    assert again.returncode == 0, again.stderr
    assert check(tmp_path / "p").finished


def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(tmp_path: Path) -> None:
    script = write(tmp_path, TURNS)
    command = [*_pbt(), "run", "--members", "8", "--workers", "2", "p", "--", "python", str(script)]
    run = subprocess.Popen(
        command, cwd=tmp_path, env=_environment(PAUSE=0.05), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
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
    assert pbt_run(command[len(_pbt()) :], tmp_path).returncode == 0
    assert check(tmp_path / "p").finished
    assert steps > 0


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


def test_a_script_that_joins_one_member_is_started_again_for_the_next(tmp_path: Path) -> None:
    script = write(tmp_path, JOIN)
    done = pbt_run(
        ["run", "--members", 4, "--workers", 2, tmp_path / "p", "--", "python", script, tmp_path / "p"], tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "exploits of 4 members" in done.stdout
    assert check(tmp_path / "p").finished


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


def test_ctrl_c_twice_ends_at_once(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + TURNS
    script = write(tmp_path, deaf)
    run = subprocess.Popen(
        [*_pbt(), "run", "--workers", "2", "p", "--", "python", str(script)],
        cwd=tmp_path, env=_environment(PAUSE=0.2), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
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


def test_the_first_steps_begin_when_every_worker_is_there(tmp_path: Path) -> None:
    """Who starts late would otherwise copy those who ran ahead."""
    late = "import os, time, json\nif json.loads(os.environ['PBT_RUN'])['worker'] == '3': time.sleep(1.5)\n" + TURNS
    done = pbt_run(["run", "--workers", 4, "p", "--", "python", write(tmp_path, late)], tmp_path)
    assert done.returncode == 0, done.stderr
    kinds = [type(e.event) for e in journal(tmp_path / "p")]
    assert kinds[: kinds.index(Reported)].count(Leased) == 4


def test_a_worker_that_fails_at_once_does_not_hold_up_the_start(tmp_path: Path) -> None:
    fails = "import os, json\nif json.loads(os.environ['PBT_RUN'])['worker'] == '1': raise SystemExit(3)\n" + TURNS
    began = time.monotonic()
    done = pbt_run(["run", "--workers", 2, "p", "--", "python", write(tmp_path, fails)], tmp_path)
    assert time.monotonic() - began < 20
    assert check(tmp_path / "p").finished
    assert "worker 1 ended with exit code 3" in done.stderr
