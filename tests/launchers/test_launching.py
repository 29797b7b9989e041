"""`pbt run` in other people's hands: beside others, with scripts that say otherwise, with no output to write to."""

from __future__ import annotations

import errno
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.launchers.hopeless import hopeless
from pbt.launchers.logs import fresh_logs
from pbt.population.entries import Leased, Released
from pbt.population.fold import refold
from tests.support.checks import entries
from tests.support.scripts import PBT, TURNS, environment, pbt_run, status, write

FEW = TURNS.replace("members=8, steps=20", "members=3, steps=6")
"""A script whose settings a command line decides otherwise."""


def shell(command: str, cwd: Path, **env: object) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which ``pbt`` is the command line."""
    line = f'pbt() {{ {shlex.join(PBT)} "$@"; }}; {command}'
    return subprocess.run(
        ["bash", "-c", line], cwd=cwd, env=environment(**env), capture_output=True, text=True, timeout=90, check=False
    )


def launch(arguments: list[object], cwd: Path, **env: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PBT, "run", *map(str, arguments)], cwd=cwd, env=environment(**env), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def reports(folder: Path) -> int:
    try:
        return refold(entries(folder)).reports
    except pbt.PBTError:
        return 0  # nothing is there yet


def wait_for_reports(folder: Path, n: int) -> None:
    end = time.monotonic() + 60
    while reports(folder) < n:
        assert time.monotonic() < end
        time.sleep(0.05)


def wait_for_launchers(folder: Path, n: int) -> None:
    """Until workers of so many launchers have had a member."""
    end = time.monotonic() + 60
    while len({e.event.nonce.partition(".")[0] for e in entries(folder) if isinstance(e.event, Leased)}) < n:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_a_command_lines_settings_hold_for_the_second_node_for_a_resume_and_for_a_bare_script(tmp_path: Path) -> None:
    script = write(tmp_path, FEW)
    command = ["--", "python", script]
    first = launch(["--members", 4, "--steps", 30, "--workers", 1, "p", *command], tmp_path, PAUSE=0.05)
    wait_for_reports(tmp_path / "p", 2)
    second = launch(["--workers", 1, "p", *command], tmp_path, PAUSE=0.05)
    wait_for_launchers(tmp_path / "p", 2)
    for run in (first, second):
        run.send_signal(signal.SIGINT)
    told = [run.communicate(timeout=60)[0] for run in (first, second)]
    assert [run.returncode for run in (first, second)] == [130, 130], told
    bare = subprocess.run(
        [sys.executable, script, "p"], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert bare.returncode == 0, bare.stderr
    said = "goes by what a command line decided: members=4, not this script's 3; steps=30, not this script's 6\n"
    assert bare.stderr.startswith(f"pbt: {tmp_path / 'p'} {said}pbt: finished")
    again = pbt_run(["run", "p", *command], tmp_path)
    assert again.returncode == 0, again.stderr
    population = refold(entries(tmp_path / "p"))
    assert [m.step for m in population.members] == [30] * 4
    assert "Traceback" not in "".join(told)


@pytest.mark.slow
def test_steps_that_a_second_launcher_raised_hold_for_the_first_ones_workers(tmp_path: Path) -> None:
    script = write(tmp_path, FEW)
    noting = write(tmp_path, "import os; open('pids', 'a').write(f'{os.getpid()}\\n')\n" + FEW, "noting.py")
    first = launch(["--workers", 1, "--steps", 12, "p", "--", "python", noting], tmp_path, PAUSE=0.05)
    wait_for_reports(tmp_path / "p", 2)
    second = launch(["--workers", 1, "--steps", 18, "p", "--", "python", script], tmp_path, PAUSE=0.05)
    while refold(entries(tmp_path / "p")).settings.steps != 18:
        time.sleep(0.05)
    os.kill(int((tmp_path / "pids").read_text().split()[0]), signal.SIGKILL)
    told = [run.communicate(timeout=60)[0] for run in (first, second)]
    assert [run.returncode for run in (first, second)] == [0, 0], told
    assert len((tmp_path / "pids").read_text().split()) > 1
    assert {m["step"] for m in status("p", tmp_path)["members"]} == {18}


@pytest.mark.slow
def test_launchers_that_contradict_one_another_on_a_new_folder_are_told_once(tmp_path: Path) -> None:
    """The first of their workers creates the population; the other launcher learns then that its own is another."""
    slow = write(tmp_path, "import time, os; time.sleep(float(os.environ['WAIT']))\n" + FEW)
    early = launch(["--workers", 1, "--members", 2, "p", "--", "python", slow], tmp_path, WAIT=3, PAUSE=0.3)
    late = launch(["--workers", 1, "--members", 5, "p", "--", "python", slow], tmp_path, WAIT=60)
    told = late.communicate(timeout=60)[0]
    assert late.returncode == 1
    assert told.count("has members=2, but members=5 was asked for") == 1
    assert "Traceback" not in told
    early.send_signal(signal.SIGINT)
    early.communicate(timeout=60)


@pytest.mark.slow
def test_more_steps_are_raised_also_where_another_launcher_created_the_population(tmp_path: Path) -> None:
    slow = write(tmp_path, "import time, os; time.sleep(float(os.environ['WAIT']))\n" + FEW)
    less = launch(["--workers", 1, "--steps", 3, "p", "--", "python", slow], tmp_path, WAIT=2, PAUSE=0.1)
    more = launch(["--workers", 1, "--steps", 9, "p", "--", "python", slow], tmp_path, WAIT=4)
    told = [run.communicate(timeout=80)[0] for run in (less, more)]
    assert more.returncode == 0, told
    assert {m["step"] for m in status("p", tmp_path)["members"]} == {9}


@pytest.mark.slow
def test_each_launcher_has_its_own_logs_and_names_them_as_a_shell_takes_them(tmp_path: Path) -> None:
    script = write(tmp_path, "print('I am', flush=True)\nraise SystemExit(3)\n")
    for n in (1, 2):
        done = pbt_run(["run", "--workers", 1, "a folder", "--", "python", script], tmp_path)
        assert done.returncode == 1
        named = re.search(r"its whole output is in (.*)", done.stderr)
        assert named is not None
        (path,) = shlex.split(named[1])
        assert Path(path) == tmp_path / "a folder" / "logs" / f"run-{n}-worker-0.log"
        assert Path(path).read_text() == "I am\n" * 4


@pytest.mark.slow
def test_a_run_in_which_nothing_went_wrong_has_no_failed_lease_in_its_journal(tmp_path: Path) -> None:
    done = pbt_run(["run", "--workers", 1, "p", "--", "python", write(tmp_path, FEW)], tmp_path)
    assert done.returncode == 0, done.stderr
    released = [e.event for e in entries(tmp_path / "p") if isinstance(e.event, Released)]
    assert released
    assert not [event for event in released if event.failed]


@pytest.mark.slow
def test_what_a_failed_worker_printed_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    text = "x" * 10**6 + "\n\x1b[2Jcleared\x1b]0;title\x07\a, \x1b[31mred\x1b[0m [bold]"
    script = write(tmp_path, f"print({text!r}, flush=True)\nraise SystemExit(3)\n")
    done = pbt_run(["run", "--workers", 1, "p", "--", "python", script], tmp_path)
    assert done.returncode == 1
    assert "  | cleared, red [bold]\n" in done.stderr
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", done.stderr)
    assert len(done.stderr) < 10_000


def test_a_folder_for_several_users_has_logs_for_several_users(tmp_path: Path) -> None:
    for mode in (0o755, 0o775):
        folder = tmp_path / oct(mode)
        folder.mkdir()
        folder.chmod(mode)
        assert fresh_logs(folder / "logs").name == "run-1"
        assert (folder / "logs").stat().st_mode & 0o777 == mode
        assert fresh_logs(folder / "logs").name == "run-2"


def test_launchers_of_two_machines_never_share_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over SFTP, whoever is second to make a file is told "not permitted"."""
    touch = Path.touch

    def second(path: Path, *args: Any, **kwargs: Any) -> None:
        touch(path, *args, **kwargs)
        raise PermissionError(errno.EPERM, "Operation not permitted")

    (tmp_path / "logs").mkdir()
    with monkeypatch.context() as patch:
        calls = iter([second, touch])
        patch.setattr(Path, "touch", lambda path, *args, **kwargs: next(calls)(path, *args, **kwargs))
        assert fresh_logs(tmp_path / "logs").name == "run-2"

    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "touch", refused)
        with pytest.raises(PermissionError):
            fresh_logs(tmp_path / "logs")


@pytest.mark.slow
@pytest.mark.parametrize(
    "output",
    [
        "2>&-", ">&-", "<&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1", "2>&1 >/dev/null | true",
        "| true", "--plain 2>&-",
    ],
)  # fmt: skip
def test_the_exit_code_tells_how_training_went_wherever_the_output_goes(tmp_path: Path, output: str) -> None:
    script = write(tmp_path, FEW)
    where, pipe, reader = output.partition("|")
    line = f"pbt run --workers 1 p -- {shlex.quote(sys.executable)} {shlex.quote(str(script))}"
    done = shell(f"{{ {line} {where}; echo $? >code; }} {pipe} {reader}", tmp_path)
    assert "Traceback" not in done.stderr + done.stdout
    assert status("p", tmp_path)["state"] == "finished"
    assert (tmp_path / "code").read_text() == "0\n"


@pytest.mark.slow_but_first
@pytest.mark.parametrize("output", [">&- 2>&-", ">/dev/full 2>/dev/full", ">&-", "2>&-"])
def test_a_server_serves_whatever_becomes_of_its_output(tmp_path: Path, output: str) -> None:
    port = free_port()
    server = subprocess.Popen(
        ["bash", "-c", f"exec {shlex.join(PBT)} serve served --port {port} --verbose {output}"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        script = write(tmp_path, FEW)
        url = f"http://127.0.0.1:{port}/p"
        end = time.monotonic() + 60
        while not (tmp_path / "served" / "key").exists():
            assert server.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        done = pbt_run(["run", "--workers", 1, "--members", 4, url, "--", "python", script], tmp_path)
        assert done.returncode == 0, done.stderr
        again = subprocess.run(
            [sys.executable, script, url], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )
        assert f"pbt: {url} goes by what a command line decided: members=4, not this script's 3" in again.stderr
    finally:
        server.terminate()
        server.communicate(timeout=60)
    assert server.returncode in (0, -signal.SIGTERM)
    assert status("served/p", tmp_path)["state"] == "finished"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.slow
def test_what_a_terminal_has_no_letters_for_ends_nothing(tmp_path: Path) -> None:
    script = write(tmp_path, FEW)
    done = pbt_run(["run", "--workers", 1, "grün", "--", "python", script], tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert re.search(r"step 6 \| \d+ reports", done.stderr)
    assert "gr?n" in done.stdout
    looked = pbt_run(["status", "grün"], tmp_path, PYTHONIOENCODING="ascii")
    assert looked.returncode == 0, looked.stderr


@pytest.mark.slow
def test_a_reader_whose_output_is_full_says_so(tmp_path: Path) -> None:
    script = write(tmp_path, FEW)
    assert pbt_run(["run", "--workers", 1, "p", "--", "python", script], tmp_path).returncode == 0
    for command in ("status p", "journal p"):
        done = shell(f"pbt {command} >/dev/full", tmp_path)
        assert done.returncode == 1
        assert "output can not be written: No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
    assert shell("pbt journal p | head -1 >/dev/null", tmp_path).stderr == ""
    assert shell("pbt doctor p >/dev/full", tmp_path).returncode == 0


@pytest.mark.slow_but_first
@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "2>/dev/full", "2>&1 | true"])
def test_a_bare_script_trains_whatever_becomes_of_its_output(tmp_path: Path, closed: str) -> None:
    script = write(tmp_path, FEW.replace("pbt.turns(where", "pbt.turns(None"))
    shell(f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} {closed}", tmp_path)
    (folder,) = (tmp_path / "pbt-runs").iterdir()
    assert status(folder, tmp_path)["state"] == "finished"


def test_what_is_printed_goes_into_no_file_of_the_population(tmp_path: Path) -> None:
    """With standard error closed, the next file that is opened would be number 2, to which libraries print."""
    script = write(
        tmp_path, FEW.replace("    for step", "    os.write(1, b'noise'); os.write(2, b'noise')\n    for step")
    )
    line = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))} p >&- 2>&-"
    done = shell(line, tmp_path, PBT_JOURNAL="files")
    assert done.returncode == 0
    assert not [p for p in (tmp_path / "p").rglob("*") if p.is_file() and b"noise" in p.read_bytes()]


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["python", "wrong.py"], "SyntaxError"),
        (["python", "-u", "-X", "dev", "wrong.py"], "SyntaxError"),
        (["wrong.py"], "SyntaxError"),
        (["python", "missing.py"], "missing.py: No such file"),
        (["no-such-command"], "no command no-such-command"),
        (["./notes.txt"], "chmod +x ./notes.txt"),
        (["./"], "it is a folder"),
    ],
)
def test_what_can_not_run_is_said_once_before_anything_is_made(tmp_path: Path, command: list[str], says: str) -> None:
    write(tmp_path, "import pbt\nfor member in pbt.turns(\n", "wrong.py")
    write(tmp_path, "not a command", "notes.txt")
    done = pbt_run(["run", "p", "--", *command], tmp_path)
    assert done.returncode == 1
    assert done.stderr.count(says) == 1
    assert "can not be started" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "p").exists()


@pytest.mark.slow
def test_other_ways_to_run_a_script_are_left_to_the_worker(tmp_path: Path) -> None:
    script = write(tmp_path, FEW)
    code = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    done = pbt_run(["run", "--workers", 1, "p", "--", "python", "-c", code], tmp_path)
    assert done.returncode == 0, done.stderr
    env = pbt_run(["run", "--workers", 1, "q", "--", "env", "A=1", sys.executable, script], tmp_path)
    assert env.returncode == 0, env.stderr


@pytest.mark.slow
def test_the_reason_why_settings_are_refused_comes_without_the_frames_in_between(tmp_path: Path) -> None:
    script = write(tmp_path, FEW)
    assert pbt_run(["run", "--workers", 1, "p", "--", "python", script], tmp_path).returncode == 0
    other = write(tmp_path, FEW.replace("interval=2", "interval=3"), "other.py")
    done = subprocess.run(
        [sys.executable, other, "p"], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    *_, last = done.stderr.splitlines()
    assert last.startswith("pbt.errors.SettingsError: this population has interval=2, but interval=3 was asked for")
    assert hopeless(done.returncode, done.stderr) == last
    assert "coordinator" not in done.stderr


@pytest.mark.parametrize(
    ("code", "output", "found"),
    [
        (1, "Traceback …\nModuleNotFoundError: No module named 'x'", "ModuleNotFoundError: No module named 'x'"),
        (
            1,
            "Traceback …\nImportError: cannot import name 'a'\nwandb: run ended",
            "ImportError: cannot import name 'a'",
        ),
        (1, '  File "a.py", line 3\nSyntaxError: invalid syntax', "SyntaxError: invalid syntax"),
        (1, "pbt.errors.SpaceError: lr: min 3 is above max 2", "pbt.errors.SpaceError: lr: min 3 is above max 2"),
        (2, "usage: a.py [-h]\na.py: error: unrecognized arguments: --x", "a.py: error: unrecognized arguments: --x"),
        (1, "ModuleNotFoundError: No module named 'x'\nuse of slow path\nRuntimeError: CUDA out of memory", None),
        (1, "KeyError: 'lr'", None),
        (-9, "ImportError: x", None),
        (1, "pbt.errors.Unreachable: no server answers", None),
        (1, "", None),
        (2, "", None),
    ],
)
def test_ends_that_another_try_can_not_change_are_known_by_the_output(
    code: int, output: str, found: str | None
) -> None:
    assert hopeless(code, output) == found


@pytest.mark.slow
def test_one_launchers_workers_number_their_leases_apart_from_anothers(tmp_path: Path) -> None:
    script = write(tmp_path, FEW)
    runs = [launch(["--workers", 1, "p", "--", "python", script], tmp_path, PAUSE=0.02) for _ in "ab"]
    assert [run.wait(timeout=60) for run in runs] == [0, 0]
    for run in runs:
        assert run.stdout is not None
        run.stdout.close()
    kinds = {e.event.nonce.partition(".")[0] for e in entries(tmp_path / "p") if isinstance(e.event, Leased)}
    assert len(kinds) == 2
    assert {p.name for p in (tmp_path / "p" / "logs").iterdir()} == {"run-1-worker-0.log", "run-2-worker-0.log"}
