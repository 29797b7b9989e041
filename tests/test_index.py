"""The index of the documentation: every document is linked, and every file that a run leaves is named."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import pbt
from pbt.opening import folder as folders
from pbt.settings import wanted
from tests.support.requests import serve
from tests.support.scripts import ROOT, TURNS, pbt_run, start, write

INDEX = (ROOT / "docs" / "index.md").read_text()
NAMES = [name for row in re.findall(r"^\| (`.*?) \|", INDEX, re.M) for name in re.findall(r"`(.+?)`", row)]
"""The first column of the tables of files."""
PLACES = {"N": r"\d+", "M": r"\d+", "L": r"\d+", "S": r"\d+", "…": ".+"}


def pattern(name: str) -> str:
    parts = re.split(r"((?<![A-Za-z])[NMLS](?![A-Za-z])|…)", name)
    return "".join(PLACES.get(part, re.escape(part)) for part in parts)


def unnamed(folder: Path, below: str = "") -> set[str]:
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    known = re.compile("|".join(pattern(name) for name in NAMES))
    return {file for file in files if not known.fullmatch(file.removeprefix(below))}


def test_every_document_is_linked() -> None:
    linked = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#]+)", INDEX)}
    assert {path for path in (ROOT / "docs").rglob("*.md") if path.name != "index.md"} <= linked


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_every_file_that_a_run_leaves_is_named(tmp_path: Path, kind: str) -> None:
    script = write(tmp_path, "import pbt.coordinator.snapshot\npbt.coordinator.snapshot.SNAPSHOT_EVERY = 10\n" + TURNS)
    done = pbt_run(["run", "--workers", 2, "p", "--", sys.executable, script], tmp_path, PBT_JOURNAL=kind)
    assert done.returncode == 0, done.stderr
    killed = start(script, tmp_path / "q", PBT_JOURNAL=kind, PAUSE=0.05)
    while not list((tmp_path / "q").glob("checkpoints/*/*")):
        assert killed.poll() is None
    killed.kill()
    killed.wait()
    assert (tmp_path / "p" / "snapshot").exists()
    assert unnamed(tmp_path / "p") == unnamed(tmp_path / "q") == set()


@pytest.mark.slow
def test_every_file_that_a_server_leaves_is_named(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    process, url = serve(tmp_path / "s", "--tls")
    try:
        worker = start(write(tmp_path, TURNS), url.replace("/NAME", "/digits"))
        output, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0, output
        found = unnamed(tmp_path / "s", "digits/")
    finally:
        process.terminate()
        process.wait(20)
    assert found == set()


def test_a_file_of_another_name_would_be_noticed(tmp_path: Path) -> None:
    folders.coordinator(tmp_path / "p").create(wanted(space={"lr": pbt.Float(0, 1)}, members=1, maximize=True))
    (tmp_path / "p" / "leases").mkdir(exist_ok=True)
    for name in ("journal.dbx", "leases/x.lock", "population.jsonl"):
        (tmp_path / "p" / name).write_text("")
    assert unnamed(tmp_path / "p") == {"journal.dbx", "leases/x.lock", "population.jsonl"}
