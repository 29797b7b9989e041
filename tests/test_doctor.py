"""`pbt doctor` finds what is broken on purpose, says what to do, and changes nothing."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.doctor import Finding, examine
from pbt.errors import JournalError
from pbt.where import open_journal
from tests.scripts import pbt_run
from tests.worlds import KEY, ServerWorld

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
    made = {p.relative_to(where) for p in where.rglob("*")} - before
    assert made <= {Path("journal.db-shm"), Path("journal.db-wal")}, "SQLite's own, for its readers"


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
        (leave_one, "warning", "nobody can need: 1/9-9"),
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
    member = pbt.join(tmp_path / "p", member=1)
    assert not any("wait for a worker" in text for text in found(tmp_path / "p", "warning"))
    member._face.let_go(1)
    assert any("are dead: 1" in text for text in found(tmp_path / "p", "warning"))


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


def test_where_nothing_was_found_nobody_is_told_to_start_anew(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for where in (tmp_path / "nowhere", tmp_path / "empty", "http://127.0.0.1:9/p"):
        (problem,) = found(where, "problem")
        assert "start a new one" not in problem


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
