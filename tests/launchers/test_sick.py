"""A member that can not be trained is cured, then stopped; the others are trained; a broken script harms nobody."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbt.opening import folder as folders
from pbt.population.entries import Entry, Leased, decode
from pbt.population.fold import refold
from pbt.population.population import Population
from tests.support.scripts import environment, pbt_run, write

CRASH = "raise MemoryError('no room for this batch')"
KILL = "os._exit(9)"
CAUGHT = "member.close(failed=True); break"
NOT_A_NUMBER = "member.report(float('nan')); break"

SCRIPT = """
import os, pathlib, time
import pbt
def sick(member):
    return {sick}
for member in pbt.turns("p", space={{"size": pbt.Float(0, 1)}}, members={members}, steps=12, interval=3,
                        maximize=True, seed=1, synchronous={synchronous}):
    if pathlib.Path("broken").exists():
        import nothing_of_this_name
    if member.checkpoint:
        (member.checkpoint / "state").read_text()
    for step in member.steps():
        time.sleep({pause})
        if sick(member):
            {how}
        member.report(step + member["size"], save=lambda folder: (folder / "state").write_text("weights"))
"""

JOIN = """
import pbt
member = pbt.join("p", space={"size": pbt.Float(0, 1)}, members=4, steps=12, interval=3, maximize=True, seed=1)
if member.checkpoint:
    (member.checkpoint / "state").read_text()
for step in member.steps():
    if member.id == 3:
        raise MemoryError("no room for this batch")
    outcome = member.report(step, save=lambda folder: (folder / "state").write_text("weights"))
    if outcome.exploit:
        (member.checkpoint / "state").read_text()
"""


def script(
    folder: Path, *, sick: str = "member.id == 0", how: str = CRASH, members: int = 5, pause: float = 0.0,
    synchronous: bool = False,
) -> Path:  # fmt: skip
    text = SCRIPT.format(sick=sick, how=how, members=members, pause=pause, synchronous=synchronous)
    return write(folder, text)


def entries(folder: Path) -> list[Entry]:
    return [decode(body) for body in folders.reader(folder / "p").read(0)]


def population(folder: Path) -> Population:
    return refold(entries(folder))


def supervised(path: Path, limit: int = 60) -> Iterator[int]:
    """Exit codes of a script that is started again until it ends well."""
    for _ in range(limit):
        code = subprocess.run(
            [sys.executable, path], env=environment(), cwd=path.parent, capture_output=True, timeout=60, check=False
        ).returncode
        yield code
        if code == 0:
            return
    raise AssertionError(f"still not at its end after {limit} starts")


def check_stopped(folder: Path, sick: int) -> None:
    """The sick one had six losses, was cured after three and stopped after six; everybody else came to the end."""
    found = population(folder)
    assert found.finished
    assert [m.id for m in found.members if m.failed] == [sick]
    assert all(m.step >= 12 for m in found.members if m.id != sick)
    assert found.members[sick].losses == 6
    decided = [d for e in entries(folder) for d in e.decisions if d.member == sick]
    assert [d.start for d in decided if d.gives and not d.stop][1:], "nobody cured it"
    assert decided[-1].stop


@pytest.mark.slow_but_first
@pytest.mark.parametrize("synchronous", [False, True], ids=["asynchronous", "barrier"])
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("sick", [0, 4])
def test_a_member_that_always_crashes_is_stopped_and_the_others_are_trained(
    tmp_path: Path, workers: int, sick: int, synchronous: bool
) -> None:
    path = script(tmp_path, sick=f"member.id == {sick}", synchronous=synchronous)
    run = pbt_run(["run", "--workers", workers, "--plain", "p", "--", "python", path], tmp_path)
    assert run.returncode == 1, run.stderr
    check_stopped(tmp_path, sick)
    failed = run.stderr[run.stderr.rindex("FAILED: ") :]
    assert failed.startswith(f"FAILED: member {sick} (size=")
    assert "MemoryError: no room for this batch" in failed


@pytest.mark.slow_but_first
@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_a_member_whose_workers_are_killed_every_time_is_stopped(tmp_path: Path, kind: str) -> None:
    path = script(tmp_path, how=KILL)
    run = pbt_run(["run", "--workers", 2, "--plain", "--journal", kind, "p", "--", "python", path], tmp_path)
    assert run.returncode == 1, run.stderr
    check_stopped(tmp_path, 0)


@pytest.mark.slow
@pytest.mark.parametrize("how", [CRASH, KILL])
@pytest.mark.parametrize("sick", [0, 4])
def test_under_a_supervisor_that_restarts_the_script(tmp_path: Path, sick: int, how: str) -> None:
    codes = list(supervised(script(tmp_path, sick=f"member.id == {sick}", how=how)))
    assert len(codes) == 7
    check_stopped(tmp_path, sick)


@pytest.mark.slow
@pytest.mark.parametrize("how", [CAUGHT, NOT_A_NUMBER])
def test_a_script_that_catches_the_error_and_goes_on_comes_to_its_end(tmp_path: Path, how: str) -> None:
    assert set(supervised(script(tmp_path, how=how))) <= {0, 1}
    check_stopped(tmp_path, 0)


@pytest.mark.slow
def test_the_last_one_left_that_nobody_tried_before(tmp_path: Path) -> None:
    """One worker at a time with `join`: the sick one is first tried when all others are done."""
    path = write(tmp_path, JOIN)
    run = pbt_run(["run", "--workers", 1, "--plain", "p", "--", "python", path], tmp_path)
    assert run.returncode == 1, run.stderr
    check_stopped(tmp_path, 3)


@pytest.mark.slow
def test_several_sick_ones_are_the_last_left(tmp_path: Path) -> None:
    path = script(tmp_path, sick="member.id >= 2", members=4)
    run = pbt_run(["run", "--workers", 1, "--plain", "p", "--", "python", path], tmp_path)
    assert run.returncode == 1
    found = population(tmp_path)
    assert [(m.done, m.failed) for m in found.members] == [(True, False)] * 2 + [(True, True)] * 2


@pytest.mark.slow
def test_a_member_that_becomes_sick_in_the_middle_of_a_segment(tmp_path: Path) -> None:
    path = script(tmp_path, sick="member.id == 0 and step > 7")
    run = pbt_run(["run", "--workers", 1, "--plain", "p", "--", "python", path], tmp_path)
    assert run.returncode == 1, run.stderr
    check_stopped(tmp_path, 0)


@pytest.mark.slow
@pytest.mark.parametrize("synchronous", [False, True], ids=["asynchronous", "barrier"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_script_that_breaks_in_the_middle_harms_nobody_and_goes_on_once_mended(
    tmp_path: Path, workers: int, synchronous: bool
) -> None:
    breaks = "member.id == 2 and step == 8 and not pathlib.Path('was').exists()"
    path = script(
        tmp_path, sick=breaks.replace("step", "member.step"), synchronous=synchronous,
        how="[pathlib.Path(name).touch() for name in ('broken', 'was')]; import nothing_of_this_name",
    )  # fmt: skip
    run = pbt_run(["run", "--workers", workers, "--plain", "p", "--", "python", path], tmp_path)
    assert run.returncode == 1
    assert "No module named 'nothing_of_this_name'" in run.stderr
    before = population(tmp_path)
    assert not before.finished
    assert sum(isinstance(e.event, Leased) for e in entries(tmp_path)) > 8
    assert not any(m.failed or m.cure or m.losses > 1 for m in before.members)
    (tmp_path / "broken").unlink()
    run = pbt_run(["run", "--workers", workers, "--plain", "p", "--", "python", path], tmp_path)
    assert run.returncode == 0, run.stderr
    assert population(tmp_path).finished
    notes = {d.why.note for e in entries(tmp_path) for d in e.decisions}
    assert not any("workers in a row" in note for note in notes)


@pytest.mark.slow
def test_a_script_that_never_worked_cures_and_stops_nobody(tmp_path: Path) -> None:
    path = script(tmp_path)
    (tmp_path / "broken").touch()
    for _ in range(3):
        run = pbt_run(["run", "--workers", 2, "--plain", "p", "--", "python", path], tmp_path)
        assert run.returncode == 1
        assert run.stderr.count("which repeating does not heal") == 2
    assert not any(m.failed or m.cure or m.losses for m in population(tmp_path).members)


@pytest.mark.slow
def test_a_worker_that_reports_and_never_saves_is_not_started_for_ever(tmp_path: Path) -> None:
    path = script(tmp_path, sick="step == 3", how="raise RuntimeError('before the first checkpoint')")
    run = pbt_run(["run", "--workers", 1, "--plain", "p", "--", "python", path], tmp_path)
    assert run.returncode == 1
    assert "without a report that had a checkpoint" in run.stderr
