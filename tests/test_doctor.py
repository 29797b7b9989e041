"""`pbt doctor` finds what is broken on purpose, says what to do, and changes nothing."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import pbt
import pbt.opening.folder
import pbt.views.doctor
from pbt.errors import JournalError, sized
from pbt.journals.files.frames import framed, scattered
from pbt.opening import folder as folders
from pbt.opening.opening import open_journal
from pbt.population.changes import Pause, Steer
from pbt.views.doctor import examine
from pbt.views.explain import explain
from pbt.views.finding import Finding
from tests.support.scripts import environment, pbt_run, start, write
from tests.support.worlds import KEY, ServerWorld

SETTINGS: dict[str, Any] = {
    "space": {"lr": pbt.Float(0, 1)}, "members": 2, "steps": 4, "interval": 1, "maximize": True, "seed": 1,
}  # fmt: skip


def save(folder: Path) -> None:
    (folder / "state").write_text("weights")


def trained(where: Path, members: int = 2) -> Path:
    for member in range(members):
        with pbt.join(where, member=member, **SETTINGS) as joined:
            for step in joined.steps():
                str(joined.checkpoint)
                joined.report(float(step + member), save=save)
    return where


def found(where: object, level: str) -> list[str]:
    return [f"{f.what}: {f.do}" for f in examine(str(where)) if f.level == level]


@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_a_sound_population_has_nothing(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBT_JOURNAL", kind)
    where = trained(tmp_path / "p")
    before = {p.relative_to(where) for p in where.rglob("*")}
    findings = list(examine(str(where)))
    assert {f.level for f in findings} == {"ok"}, findings
    assert any("finished" in f.what for f in findings)
    assert any("referenced ones are whole" in f.what for f in findings)
    assert {p.relative_to(where) for p in where.rglob("*")} == before


def test_a_journal_that_is_not_there_yet_is_empty_and_one_that_is_lost_is_a_problem(tmp_path: Path) -> None:
    where = pbt.opening.folder.prepare(tmp_path / "p")
    reader = open_journal(str(where))
    assert found(where, "problem") == []
    assert list(reader.read(0)) == []
    trained(where)
    assert len(list(reader.read(0))) > 3
    for file in where.glob("journal.*"):
        file.unlink()
    assert found(where, "problem") != []


def lose_a_file(where: Path) -> None:
    next(where.glob("checkpoints/*/*/state")).unlink()


def lose_checkpoints(where: Path) -> None:
    shutil.rmtree(where / "checkpoints")


def leave_one(where: Path) -> None:
    shutil.copytree(next(where.glob("checkpoints/1/*")), where / "checkpoints" / "1" / "9-9")


def empty_the_journal(where: Path) -> None:
    for file in where.glob("journal.db-*"):
        file.unlink()
    (where / "journal.db").write_bytes(b"")


def rubbish(where: Path) -> None:
    with sqlite3.connect(where / "journal.db") as db:
        db.execute("UPDATE entries SET body = ? WHERE number = 3", (b"{",))
    db.close()


def take_one_out(where: Path) -> None:
    with sqlite3.connect(where / "journal.db") as db:
        db.execute("UPDATE entries SET body = (SELECT body FROM entries WHERE number = 1) WHERE number = 3")
    db.close()


def date_it(where: Path) -> None:
    with sqlite3.connect(where / "journal.db") as db:
        (body,) = db.execute("SELECT body FROM entries WHERE number = 2").fetchone()
        db.execute("UPDATE entries SET body = ? WHERE number = 2", (json.dumps({**json.loads(body), "time": 9e9}),))
    db.close()


@pytest.mark.parametrize(
    ("harm", "level", "says"),
    [
        (lose_a_file, "problem", "is not whole"),
        (lose_checkpoints, "problem", "out of reach"),
        (leave_one, "warning", "unreferenced checkpoints: 1/9-9"),
        (leave_one, "warning", "newer than the journal: 1/9-9"),
        (empty_the_journal, "problem", "what it said is lost"),
        (rubbish, "problem", "journal entry 3"),
        (take_one_out, "problem", "journal entry 3"),
        (date_it, "warning", "in the future"),
    ],
)
def test_what_is_broken_is_found(tmp_path: Path, harm: Callable[[Path], None], level: str, says: str) -> None:
    where = trained(tmp_path / "p")
    harm(where)
    assert any(says in text for text in found(where, level)), list(examine(str(where)))
    assert all(f.do for f in examine(str(where)) if f.level != "ok")


def test_members_that_nobody_trains_are_named(tmp_path: Path) -> None:
    trained(tmp_path / "p", members=1)
    assert any("wait for a worker: 1" in text for text in found(tmp_path / "p", "warning"))
    coordinator = folders.coordinator(tmp_path / "p")
    coordinator.join("nonce", member=1)
    assert not any("wait for a worker" in text for text in found(tmp_path / "p", "warning"))
    coordinator.let_go(1)
    assert any("are dead: 1" in text for text in found(tmp_path / "p", "warning"))


def test_members_that_wait_while_others_are_trained_are_in_order(tmp_path: Path) -> None:
    where = tmp_path / "p"
    with pbt.join(where, member=0, **SETTINGS):
        assert any("wait for a worker: 1; they take turns" in text for text in found(where, "ok"))
        assert not any("wait for a worker" in text for text in found(where, "warning"))
    assert any("wait for a worker: 0, 1" in text for text in found(where, "warning"))


def test_it_looks_through_a_server_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBT_KEY", KEY)
    world = ServerWorld(tmp_path)
    with pbt.join(world.url, **SETTINGS) as member:
        for step in member.steps():
            member.report(float(step), save=save)
    findings = list(examine(world.url))
    world.close()
    assert isinstance(findings[0], Finding)
    assert any("journal:" in f.what and "all readable" in f.what for f in findings)


def test_lost_checkpoints_are_counted_not_listed_and_their_likely_cause_is_named(tmp_path: Path) -> None:
    """A script that deletes what it was given to load never gets far."""
    where, lost = tmp_path / "p", 0
    for turn in pbt.turns(where, **{**SETTINGS, "members": 1}):
        for step in turn.steps():
            turn.report(float(step), save=save)
            if lost < 4:
                turn.close()
                shutil.rmtree(where / "checkpoints" / "0")
                lost += 1
                break
    (told,) = [text for text in found(where, "warning") if "lost" in text]
    assert re.match(r"\d checkpoints were lost, and their users were cured; the last is 0/", told)
    assert "does the script write to, move or delete what member.checkpoint names" in told
    said = pbt_run(["status", where], tmp_path).stdout
    assert len(re.findall("(?:was|were) lost", said)) == 1
    assert any(f.what in told for f in explain(pbt.load(where)).advice)


@pytest.mark.parametrize(
    ("n", "says"), [(999, "999 bytes"), (17_480, "17.5 kB"), (2_500_000, "2.5 MB"), (4 * 10**9, "4.0 GB")]
)
def test_sizes_are_told_in_units_that_tell(n: int, says: str) -> None:
    assert sized(n) == says


def test_scarce_room_is_told_in_numbers_that_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = trained(tmp_path / "p")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=12))
    (told,) = [text for text in found(where, "warning") if "free, and" in text]
    assert told.startswith("12 bytes free, and all checkpoints take ")
    assert " bytes: make room" in told


def test_a_paused_member_is_named_with_the_command_that_resumes_it_there(tmp_path: Path) -> None:
    where = tmp_path / "a b"
    with pbt.join(where, **SETTINGS):
        folders.coordinator(where).steer(Steer(Pause((1,)), nonce="1"))
    (told,) = [text for text in found(where, "warning") if "paused" in text]
    assert told.endswith(f"pbt steer {shlex.quote(str(where))} resume, or at the page")
    assert f"pbt steer {shlex.quote(str(where))} resume" in pbt_run(["status", where], tmp_path).stdout


@pytest.mark.slow
def test_where_nothing_was_found_nobody_is_told_to_start_anew(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for where in (tmp_path / "nowhere", tmp_path / "empty", "http://127.0.0.1:9/p"):
        (problem,) = found(where, "problem")
        assert "start a new one" not in problem


def test_in_a_folder_of_populations_one_of_them_is_named_and_nothing_is_to_be_restored(tmp_path: Path) -> None:
    trained(tmp_path / "a b")
    (finding,) = [f for f in examine(str(tmp_path)) if f.level == "problem"]
    assert "name one of those inside: a b" in finding.what
    assert finding.do == f"pbt doctor '{tmp_path / 'a b'}' looks at the first of them"


def test_a_damaged_mark_is_a_finding(tmp_path: Path) -> None:
    where = trained(tmp_path / "p")
    (where / "population.json").write_text("{")
    (problem,) = found(where, "problem")
    assert "population.json can not be read" in problem


def test_a_folder_that_may_not_be_looked_into_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(JournalError, match="can not be read: Permission denied"):
        open_journal(str(tmp_path))
    (problem,) = found(tmp_path, "problem")
    assert "Permission denied" in problem
    assert "start a new one" not in problem


@pytest.mark.slow
def test_the_command_says_it_by_its_exit_code(tmp_path: Path) -> None:
    where = trained(tmp_path / "p")
    done = pbt_run(["doctor", where], tmp_path)
    assert done.returncode == 0
    assert "PROBLEM" not in done.stdout
    lose_a_file(where)
    done = pbt_run(["doctor", where], tmp_path)
    assert done.returncode == 1
    assert "PROBLEM" in done.stdout
    lines = [json.loads(line) for line in pbt_run(["doctor", where, "--json"], tmp_path).stdout.splitlines()]
    assert any(line["level"] == "problem" and line["do"] for line in lines)
    nowhere = pbt_run(["doctor", tmp_path / "nowhere"], tmp_path)
    assert nowhere.returncode == 1
    assert "holds no population" in nowhere.stdout


@pytest.mark.slow
def test_a_population_in_training_is_well_at_every_look(tmp_path: Path) -> None:
    """Two workers replace checkpoints all the time while it is looked at."""
    script = write(
        tmp_path,
        "import pbt, sys\n"
        "for m in pbt.turns(sys.argv[1], space={'a': pbt.Float(0, 1)}, members=6, steps=100000, interval=1,\n"
        "                   maximize=True):\n"
        "    m.checkpoint\n"
        "    for s in m.steps():\n"
        "        m.report(m['a'], save=lambda f: [(f / n).write_text(n) for n in 'abc'])\n",
    )
    workers = [start(script, tmp_path / "p") for _ in range(2)]
    while not (tmp_path / "p" / "checkpoints" / "1").exists():
        time.sleep(0.02)
    end = time.monotonic() + 4
    try:
        looks = 0
        while time.monotonic() < end:
            assert [f for f in examine(str(tmp_path / "p")) if f.level == "problem"] == []
            looks += 1
        assert looks > 5
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


class Between:
    """Has something happen after the journal was read for the first time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, happens: Callable[[], None]) -> None:
        real = getattr(pbt.views.doctor, name)  # type: ignore[attr-defined]

        def first(*arguments: Any) -> Any:
            happens()
            return real(*arguments)

        monkeypatch.setattr(f"pbt.views.doctor.{name}", first)


def test_what_was_replaced_since_the_journal_was_read_is_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = pbt.join(tmp_path / "p", **{**SETTINGS, "members": 1})
    member.report(1.0, step=1, save=save)
    Between(monkeypatch, "_snapshot", lambda: (member.report(2.0, step=2, save=save), None)[1])
    assert found(tmp_path / "p", "problem") == []


def test_a_checkpoint_that_is_still_needed_is_missed_though_the_journal_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = trained(tmp_path / "p", members=1)
    other = pbt.join(where, member=1)

    def happen() -> None:
        lose_a_file(where)
        other.report(0.5, step=1, save=save)

    Between(monkeypatch, "_snapshot", happen)
    assert any("is not whole" in text for text in found(where, "problem"))
    other.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_it_makes_nothing_where_something_is_missing(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBT_JOURNAL", kind)
    where = trained(tmp_path / "p", members=1)
    shutil.rmtree(where / "leases")
    before = sorted(where.rglob("*"))
    assert found(where, "problem") == []
    assert pbt_run(["status", where], tmp_path).returncode == 0
    assert sorted(where.rglob("*")) == before


AS_NOBODY = """
import os, sys
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
"""
EXAMINE = (
    "from pbt.views.doctor import examine\nprint(*[f for f in examine(sys.argv[1]) if f.level == 'problem'], sep='\\n')"
)


def as_nobody(code: str, where: Path, umask: int = 0o002) -> str:
    """What a Python says that runs as another user; imports are done before it becomes that one."""
    before = (
        "import pbt, pbt.views.doctor, pbt.opening.salvage, pbt.views.status, pbt.journals.sqlite\n"
        "import pbt.journals.files.journal, pbt.liveness.files, pbt.strategies.pbt, pbt.worker.join\n"
        "import pbt.worker.checkpointer, pbt.worker.turns, encodings.idna, pbt.checkpoints.manifest\n"
        f"import os\nos.umask({umask})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", before + AS_NOBODY + code, str(where)], capture_output=True, text=True,
        env=environment(HOME="/"), timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def visible() -> Iterator[Path]:
    """A folder that other users see: pytest's own are shut."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")


@pytest.mark.slow
@needs_root
@pytest.mark.parametrize("kind", ["sqlite", "files"])
@pytest.mark.parametrize("leases", ["there", "missing", "shut"])
def test_another_user_may_look(visible: Path, kind: str, leases: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBT_JOURNAL", kind)
    where = trained(visible / "p", members=1)
    holder = pbt.join(where, member=1)
    if leases == "missing":
        shutil.rmtree(where / "leases")
    elif leases == "shut":
        (where / "leases").chmod(0o700)
    before = sorted(where.rglob("*"))
    assert as_nobody(EXAMINE, where) == ""
    assert sorted(set(where.rglob("*")) - set(before)) == []
    holder.close()
    assert as_nobody(EXAMINE, where) == ""


@needs_root
def test_checkpoints_that_this_user_may_not_see_are_no_problem_of_the_population(visible: Path) -> None:
    where = trained(visible / "p")
    for folder in (where / "checkpoints").rglob("*-*"):
        folder.chmod(0o700)
    assert as_nobody(EXAMINE, where) == ""


@pytest.mark.slow
@needs_root
def test_where_sqlite_needs_to_write_to_be_read_that_is_said(visible: Path) -> None:
    """A worker was killed while it wrote, and the index of its WAL is not there."""
    where = killed(visible / "p")
    (where / "journal.db-shm").unlink(missing_ok=True)
    assert as_nobody(EXAMINE, where) == ""
    said = as_nobody("print(*[f.what for f in pbt.views.doctor.examine(sys.argv[1])])", where)
    assert "without the permission to write" in said


def killed(where: Path) -> Path:
    code = (
        "import pbt, os, sys\n"
        "m = pbt.join(sys.argv[1], space={'lr': pbt.Float(0, 1)}, members=2, steps=9, interval=1, maximize=True)\n"
        "for step in m.steps():\n"
        "    m.report(step, save=lambda f: (f / 'state').write_text('x'))\n"
        "    if step == 5: os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(where)], env=environment(), check=True)
    assert (where / "journal.db-wal").stat().st_size
    return where


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run#1", "what?now", "acc%41b", "a b", "ü", "[red]x[]", "it's", "$HOME;x"])
def test_a_folder_of_any_name_is_looked_at(tmp_path: Path, name: str) -> None:
    where = trained(tmp_path / name)
    assert pbt_run(["status", name], tmp_path).returncode == 0
    assert f"load it from  {name}/checkpoints" in pbt_run(["status", name], tmp_path).stdout
    assert pbt_run(["journal", name], tmp_path).stdout.count("\n") > 3
    assert pbt_run(["doctor", name], tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == [where]


def test_names_of_hyperparameters_and_values_are_shown_as_they_are(tmp_path: Path) -> None:
    settings = {**SETTINGS, "space": {"[bold]": pbt.Choice(["[red]", "[/]"])}}
    pbt.join(tmp_path / "p", **settings).close()
    shown = pbt_run(["status", "p"], tmp_path).stdout
    assert "[bold]" in shown
    assert "[red]" in shown or "[/]" in shown


def test_the_table_the_footer_and_the_doctor_say_the_same_of_a_dead_worker(tmp_path: Path) -> None:
    killed(tmp_path / "p")
    table, _, footer = pbt_run(["status", "p"], tmp_path).stdout.partition("\n\n")
    assert "orphaned" in table
    assert "training" not in table
    assert "[0, 1]" in footer
    assert any("dead: 0" in text for text in found(tmp_path / "p", "warning"))


# --- a damaged journal ---


HALF = """
import pbt, sys
for id in range(2):
    with pbt.join(sys.argv[1], member=id, space={"lr": pbt.Float(0, 1)}, members=2, steps=40, interval=1, maximize=True,
                  seed=1) as member:
        for step in member.steps():
            member.checkpoint
            member.report(float(step), save=lambda folder: (folder / "state").write_text("weights"))
            if step == 20:
                break
"""


def shorten_sqlite(where: Path) -> None:
    """The last page of the file is gone, as after a disk that lied."""
    assert not list(where.glob("journal.db-*"))
    file = where / "journal.db"
    file.write_bytes(file.read_bytes()[:-4096])


def shorten_last_file(where: Path) -> None:
    last = max(p for p in (where / "journal").iterdir() if p.name.isdecimal())
    last.write_bytes(last.read_bytes()[:-20])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "harm"), [("sqlite", shorten_sqlite), ("sqlite", rubbish), ("files", shorten_last_file)]
)
def test_what_is_left_of_a_damaged_journal_is_saved_into_a_copy_that_trains_on(
    tmp_path: Path, kind: str, harm: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBT_JOURNAL", kind)
    monkeypatch.setattr("pbt.journals.files.journal.WHOLE", 0.1)
    where = tmp_path / "a run #1"
    subprocess.run([sys.executable, "-c", HALF, where], env=environment(PBT_JOURNAL=kind), check=True)
    before = {p: p.read_bytes() for p in where.rglob("*") if p.is_file()}
    entries = len(list(open_journal(str(where)).read(0)))
    harm(where)
    harmed = {p: p.read_bytes() for p in where.rglob("*") if p.is_file()}
    assert harmed != before
    assert any("--save-to" in text for text in found(where, "warning"))
    (told,) = [f.do for f in examine(str(where)) if "--save-to" in f.do]
    command = shlex.split(told.partition(" makes ")[0].replace("NEW_FOLDER", "'the copy'"))
    done = pbt_run(command[1:], tmp_path)
    assert done.returncode == 0, done.stderr
    assert {p: p.read_bytes() for p in where.rglob("*") if p.is_file()} == harmed
    copy = tmp_path / "the copy"
    saved = len(list(open_journal(str(copy)).read(0)))
    assert 1 <= saved <= entries
    assert json.loads(pbt_run(["status", copy, "--json"], tmp_path).stdout)["members"][0]["step"] == 20
    assert found(copy, "problem") == []
    for member in pbt.turns(copy):
        for step in member.steps():
            member.checkpoint
            member.report(float(step), save=save)
    assert json.loads(pbt_run(["status", copy, "--json"], tmp_path).stdout)["state"] == "finished"


def test_a_copy_overwrites_nothing(tmp_path: Path) -> None:
    where = trained(tmp_path / "p")
    rubbish(where)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine").write_text("mine")
    done = pbt_run(["doctor", where, "--save-to", "there"], tmp_path)
    assert done.returncode == 1
    assert "exists" in done.stderr
    assert [p.name for p in (tmp_path / "there").iterdir()] == ["mine"]


def test_an_append_that_a_later_file_carries_is_saved_from_there(tmp_path: Path) -> None:
    frames = [framed(n, bytes([n] * 16), [b"entry %d" % n]) for n in (1, 2, 3)]
    broken = frames[1][:-5]
    assert [f.first for f in scattered(frames[0] + broken + frames[2])] == [1, 3]
    assert [f.first for f in scattered(broken)] == []
