"""Changes from the shell, to scripts that run: a learning rate is changed and changed back, a pause waits."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.cli.main import pbt as cli
from pbt.cli.steering import Telling, tell
from pbt.opening.opening import existing
from pbt.population.changes import Assign, Change, Fork, Pin, Steer
from tests.support.population import SPACE, Script
from tests.support.scripts import environment, pbt_run, status, write
from tests.support.worlds import KEY, FolderWorld, ServerWorld

ONE = """
import os, sys, time
import pbt
space = {"lr": pbt.Float(1e-4, 1, log=True), "<b>ü": 3}
interval = int(os.environ.get("INTERVAL", 10**6))
member = pbt.join(sys.argv[1], space=space, members=1, steps=10**7, interval=interval, maximize=True)
if member.checkpoint:
    assert (member.checkpoint / "state").read_text() == str(member.step)
print("begun", member["lr"], flush=True)
for step in member.steps():
    time.sleep(0.02)
    outcome = member.report(float(step), save=lambda folder: (folder / "state").write_text(str(step)))
    if outcome.changed:
        print("changed", member["lr"], flush=True)
print("over", member.interrupted, flush=True)
"""


class Running:
    """A script that runs."""

    def __init__(self, folder: Path, where: str, **env: object) -> None:
        write(folder, ONE)
        self._process = subprocess.Popen(
            [sys.executable, "train.py", where], cwd=folder, stdout=subprocess.PIPE, text=True,
            env=environment(PBT_KEY=KEY, **env),
        )  # fmt: skip

    def hear(self) -> list[str]:
        """The words of its next line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def end(self) -> int:
        return self._process.wait(20)


@pytest.fixture(params=["folder", "server"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "one")
        return
    world = ServerWorld(tmp_path)
    yield world.url
    world.close()


def steer(folder: Path, where: str, *words: str, code: int = 0) -> str:
    done = pbt_run(["steer", where, *words], folder, PBT_KEY=KEY)
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_running_scripts_learning_rate_is_changed_takes_effect_and_is_taken_back(tmp_path: Path, where: str) -> None:
    script = Running(tmp_path, where)
    begun = script.hear()
    said = steer(tmp_path, where, "set", "0", "lr=0.25", "--why", "too slow", "--by", "Ada", "--yes")
    assert "→ 0.25. Its worker learns of it at its next report." in said
    assert script.hear() == ["changed", "0.25"]
    entry = said.split("recorded as entry ")[1].split()[0]
    steer(tmp_path, where, "undo", entry, "--yes")
    assert script.hear() == ["changed", begun[1]]
    known = [json.loads(line) for line in pbt_run(["journal", where], tmp_path, PBT_KEY=KEY).stdout.splitlines()]
    told = known[int(entry) - 1]["event"]
    assert (told["by"], told["why"], told["change"]) == ("Ada (shell)", "too slow", {"set": [0]})
    steer(tmp_path, where, "stop", "--all", "--yes")
    assert script.hear() == ["over", "False"]
    assert script.end() == 0


@pytest.mark.slow
def test_a_pause_waits_heeds_sigterm_and_a_later_worker_waits_until_it_is_over(tmp_path: Path, where: str) -> None:
    script = Running(tmp_path, where, INTERVAL=1)
    script.hear()
    steer(tmp_path, where, "pause", "--yes")
    script.interrupt()
    assert script.hear() == ["over", "True"]
    assert script.end() == 0
    (m,) = status(where, tmp_path, PBT_KEY=KEY)["members"]
    assert m["state"] == "paused"
    later = Running(tmp_path, where, INTERVAL=1)
    step = m["step"]
    assert status(where, tmp_path, PBT_KEY=KEY)["members"][0]["step"] == step
    steer(tmp_path, where, "resume", "0", "--yes")
    assert later.hear()[0] == "begun"
    later.interrupt()
    later.hear()
    assert later.end() == 0


def test_a_pinned_checkpoint_stays_on_the_disk_to_the_end_and_a_member_goes_on_from_it(tmp_path: Path) -> None:
    where = tmp_path / "p"

    def tell(change: Change) -> None:
        existing(str(where)).steer(Steer(change, nonce=type(change).__name__))

    began: list[str] = []
    for member in pbt.turns(where, space=SPACE, members=2, steps=8, interval=1, maximize=True, turn_steps=100):
        if member.checkpoint:
            began.append((member.checkpoint / "state").read_text())
        for step in member.steps():
            text = f"{member.id} at {step}"
            outcome = member.report(float(step), save=lambda folder, text=text: (folder / "state").write_text(text))
            if member.id == 0 and step == 1:
                tell(Pin("0"))
            if member.id == 0 and step == 6 and not outcome.exploit and "0 at 1" not in began:
                tell(Fork("0/1-1", 0, {"lr": 0.5}))
    assert "0 at 1" in began
    coordinator = existing(str(where))
    coordinator.catch_up()  # type: ignore[attr-defined]
    population = coordinator.population  # type: ignore[attr-defined]
    assert population.finished and [pin.id for pin in population.pins] == ["0/1-1"]
    left = {p.relative_to(where / "checkpoints").as_posix() for p in (where / "checkpoints").glob("*/*-*")}
    assert "0/1-1" in left and left == population.referenced()
    assert (where / "checkpoints/0/1-1/state").read_text() == "0 at 1"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    world = FolderWorld(tmp_path)
    s = Script(world, interval=2)
    s.round(0.1, 0.2, 0.3, 0.4)
    yield world.folder
    world.close()


def run(*words: str) -> Any:
    from click.testing import CliRunner

    return CliRunner().invoke(cli, list(words))


def test_without_yes_a_program_is_only_shown_what_would_be(folder: Path) -> None:
    shown = run("fork", str(folder), "best", "--into", "1", "--set", "lr=0.5", "--json")
    said = json.loads(shown.output)
    assert "entry" not in said and said["decisions"][0]["parents"][0]["id"] == "3/1-1"
    written = json.loads(run("fork", str(folder), "best", "--into", "1", "--set", "lr=0.5", "--json", "--yes").output)
    assert written["entry"] > 4 and written["effect"] == said["effect"]
    refused = run("steer", str(folder), "pause")
    assert "say --yes" in str(refused.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "lr=1"], "name members by their ids"),
        (["set", "x", "lr=1"], "name members by their ids"),
        (["stop"], "say --all"),
        (["stop", "1", "--all"], "say --all"),
        (["undo", "1", "--yes"], "changed nothing that could be taken back"),
        (["undo", "99", "--yes"], "there is no entry 99: the journal has "),
        (["clone", "best", "--into", "1"], "best is no member"),
        (["pause", "-1"], "No such option"),
        (["bound", "lr"], "say --low, --high, or both"),
        (["set", "1", "lr=9", "--yes"], "lies outside"),
        (["pin", "nobody", "--yes"], "is not kept"),
    ],
)
def test_what_can_not_be_is_refused_with_a_sentence(folder: Path, words: list[str], said: str) -> None:
    found = run("steer", str(folder), *words)
    assert found.exit_code != 0
    assert said in found.output + str(found.exception)


def test_nothing_is_made_where_there_is_no_population(tmp_path: Path) -> None:
    found = run("steer", str(tmp_path / "typo"), "pause", "--yes")
    assert "holds no population" in str(found.exception)
    assert not (tmp_path / "typo").exists()


def test_a_member_that_goes_on_from_anothers_weights_is_told_without_the_rank_of_its_own(tmp_path: Path) -> None:
    world = FolderWorld(tmp_path)
    s = Script(world, members=8)
    s.round(*range(8, 0, -1))
    taken = [d.member for entry in s.entries for d in entry.decisions if d.start == "copy"]
    world.close()
    assert taken
    for member, told in ((taken[-1], False), (0, True)):
        said = json.loads(run("steer", str(world.folder), "set", str(member), "lr=0.5", "--json").output)["effect"]
        assert f"Member {member} (" in said
        assert ("rank" in said) is told, said


def test_what_has_moved_while_somebody_thought_is_shown_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = 0

    def confirm(text: str) -> bool:
        nonlocal asked
        asked += 1
        if asked == 1:
            assert run("steer", str(folder), "set", "1", "lr=0.5", "--yes").exit_code == 0
        return asked < 3

    monkeypatch.setattr("click.confirm", confirm)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    telling = Telling("", None, yes=False, as_json=False)
    assert tell(str(folder), Assign((1,), {"lr": 0.25}), telling) == 0
    said = capsys.readouterr().out
    assert "not written: member 1 has been decided on since" in said and "lr 0.5 → 0.25" in said
    assert tell(str(folder), Assign((1,), {"lr": 0.125}), telling) == 1
    assert "nothing was written" in capsys.readouterr().out


def test_everything_that_can_be_taken_back_is(folder: Path) -> None:
    def entry(*words: str) -> str:
        return str(json.loads(run("steer", str(folder), *words, "--json", "--yes").output)["entry"])

    for words, back in {
        ("pause", "1"): {"resume": [1]}, ("pin", "best"): {"unpin": ["3/1-1"]}, ("stop", "2"): {"set": [2]},
        ("bound", "lr", "--high", "0.5"): {"bound": {"lr": [0.0001, 1.0]}}, ("set", "3", "lr=0.25"): {"set": [3]},
    }.items():  # fmt: skip
        made = entry(*words)
        undone = json.loads(run("steer", str(folder), "undo", made, "--json", "--yes").output)
        assert undone["event"]["change"] == back
        assert entry("undo", str(undone["entry"])) if words[0] in ("pause", "bound", "set") else True
    entry("set", "1", "lr=0.001")
    entry("bound", "lr", "--low", "0.01")
    made = entry("set", "1", "layers=7")
    assert json.loads(run("steer", str(folder), "undo", made, "--json", "--yes").output)["event"]["change"] == {
        "set": [1]
    }
    made = entry("clone", "0", "--into", "3")
    assert "could be taken back" in str(run("steer", str(folder), "undo", made, "--yes").exception)
