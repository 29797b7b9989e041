"""`pbt export`: every format gives back what the journal has."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.population import Script
from tests.support.scripts import environment, pbt_run
from tests.support.worlds import KEY, FolderWorld, ServerWorld, World

import pbt
from pbt.exports.export import export
from pbt.opening.opening import open_journal
from pbt.population.entries import real

SPACE = {
    "lr, \"ü\" #1\\": pbt.Float(1e-3, 1, log=True), "layers": pbt.Int(1, 9), "act": pbt.Choice(["=a,b", 1, None, True]),
    "batch": pbt.Ordinal([16, 32]), "flag": pbt.Choice([True, False]), "decay": 1e-4,
}  # fmt: skip
SCORES = [1.5, math.nan, -2.0, math.inf, 3.0]


def played(world: World, rounds: int = 8) -> None:
    s = Script(world, members=5, space=SPACE, steps=100, strategy=pbt.PBT(quantile=0.34))
    for step in range(rounds):
        for member in range(5):
            score = [SCORES[(step + member) % 5], 0.5] if member == 0 else SCORES[(step * member) % 5]
            used = {"layers": 3} if step else {"layers": 2.5, "act": "x\ny"}
            s.report(member, score, metrics={"loss/ü": float(step)} if step > 4 else {}, used=used)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    world = FolderWorld(tmp_path / "a #1 ü")
    played(world)
    yield Path(world.folder)
    world.close()


def same(a: Any, b: Any) -> bool:
    return bool(a == b) or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


def wanted(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Reports and decisions by column, as `pbt.load` has them; without what is missing."""
    run = pbt.load(folder)
    reports = [
        {"entry": r.entry, "time": r.time, "member": r.member, "step": r.step, "score": r.score,
         "checkpoint": r.checkpoint, "evaluations": list(r.evaluations),
         **{f"hyperparameters.{n}": v for n, v in r.hyperparameters.items()},
         **{f"metrics.{n}": v for n, v in r.metrics.items()}, **{f"used.{n}": v for n, v in r.used.items()}}
        for r in run.reports
    ]  # fmt: skip
    decisions = [
        {"entry": d.entry, "time": d.time, "member": d.member, "step": d.step, "start": d.start, "parent": d.parent,
         "checkpoint": d.checkpoint, "exploits": d.exploits, "stop": d.stop, "failed": d.failed, "role": d.role,
         **{f"hyperparameters.{n}": v for n, v in (d.hyperparameters or {}).items()},
         **{f"why.{n}": getattr(d.why, n) for n in ("rank", "of", "k", "low", "parent_rank", "note")},
         **{f"why.operations.{n}": v for n, v in d.why.operations.items()}}
        for d in run.decisions
    ]  # fmt: skip
    both = [[{n: v for n, v in row.items() if v is not None} for row in rows] for rows in (reports, decisions)]
    return both[0], both[1]


def text(value: Any) -> Any:
    """A value of a column of mixed ones."""
    return value if isinstance(value, str) else json.dumps(value)


def agree(rows: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    assert len(rows) == len(found) > 0
    for row, again in zip(rows, found, strict=True):
        assert {n for n, v in again.items() if v is not None} == row.keys()
        for name, value in row.items():
            mixed = name == "hyperparameters.act"
            value = text(value) if mixed else value
            if isinstance(value, list):
                assert all(same(a, b) for a, b in zip(value, again[name], strict=True))
            else:
                assert same(value, again[name]), (name, value, again[name])


def read_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    whole = ("entry", "member", "step", "parent", "rank", "of", "k", "parent_rank", "layers", "batch")
    texts = ("start", "checkpoint", "role", "act", "note")
    found = []
    for row in rows:
        values: dict[str, Any] = {}
        for name, value in row.items():
            last = name.rpartition(".")[2]
            if value == "":
                values[name] = "" if last == "note" and "why" in name else None
            elif value in ("true", "false") and last != "act":
                values[name] = value == "true"
            elif last == "evaluations":
                values[name] = [real(x) for x in json.loads(value)]
            elif last in texts or "operations" in name:
                values[name] = value
            else:
                values[name] = int(value) if last in whole and "used" not in name else float(value)
        found.append(values)
    return found


def read_lines(path: Path) -> list[dict[str, Any]]:
    def plain(name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [real(x) for x in value]
        return real(value) if name == "score" else value  # type: ignore[arg-type]

    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [{name: plain(name, value) for name, value in row.items()} for row in rows]


def read_parquet(path: Path) -> list[dict[str, Any]]:
    parquet = pytest.importorskip("pyarrow.parquet")
    return list(parquet.read_table(path).to_pylist())


@pytest.mark.parametrize(("form", "read"), [("csv", read_csv), ("jsonl", read_lines), ("parquet", read_parquet)])
@pytest.mark.parametrize("piece", [3, 2000])
def test_a_file_has_what_the_journal_has(folder: Path, tmp_path: Path, form: str, read: Any, piece: int) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    done = export(open_journal(str(folder)), tmp_path / "out", form, piece=piece)
    reports, decisions = wanted(folder)
    assert done.rows == (len(reports), len(decisions))
    agree(reports, read(done.reports))
    agree(decisions, read(done.decisions))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"decisions.{form}", f"reports.{form}"]


def test_what_is_explored_later_is_exported_whole(tmp_path: Path) -> None:
    """Decisions wait for the hyperparameters that they owe, in the order of the journal."""
    world = FolderWorld(tmp_path)
    s = Script(world, members=4, space={"lr": pbt.Float(1e-3, 1)}, strategy="tests.deferring:Deferring")
    for step in range(6):
        s.round(*(float(step * (m + 1)) for m in range(4)))
    done = export(open_journal(str(world.folder)), tmp_path / "out", "jsonl", piece=1)
    rows = read_lines(done.decisions)
    run = pbt.load(world.folder)
    assert [(r["entry"], r["member"], r.get("hyperparameters.lr")) for r in rows] == [
        (d.entry, d.member, None if d.hyperparameters is None else d.hyperparameters["lr"]) for d in run.decisions
    ]
    world.close()


@pytest.mark.slow
def test_the_command_writes_over_and_leaves_nothing_half_done(folder: Path, tmp_path: Path) -> None:
    for _ in range(2):
        done = pbt_run(["export", folder, "--format", "csv"], tmp_path)
        assert done.returncode == 0, done.stderr
        assert "40 reports" in done.stdout
    assert (tmp_path / f"{folder.name}-export" / "reports.csv").exists()
    (tmp_path / "file").touch()
    refused = pbt_run(["export", folder, "--format", "csv", "--to", "file"], tmp_path)
    assert (refused.returncode, "can not be written" in refused.stderr) == (1, True)
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        f"from pbt.cli.main import main; main(['export', {str(folder)!r}, '--format', 'parquet', '--to', 'out'])"
    )
    without = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert "pip install 'pbtrain[parquet]'" in without.stderr
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.slow
def test_a_servers_population_is_exported_too(served: ServerWorld, tmp_path: Path) -> None:
    played(served)
    done = pbt_run(["export", served.url, "--format", "jsonl"], tmp_path, PBT_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert len(read_lines(tmp_path / "digits-export" / "reports.jsonl")) == 40
