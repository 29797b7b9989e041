"""Requests made from the API's document, some hundred; ``python -m tests.chaos.api`` makes more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scripts import ROOT, environment

pytest.importorskip("schemathesis", reason="schemathesis is not installed")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_request_made_from_the_document_gets_an_answer_that_it_does_not_know() -> None:
    from tests.chaos.api import run

    found = run(500, seed=1)
    assert found.requests >= 500
    assert not found.defects, str(found)
    assert found.answers["POST /api/v1/populations/{name}/report", 200] > 0
    assert found.answers["POST /api/v1/populations/{name}/tell", 200] > 0


@pytest.mark.parametrize(
    "name",
    [
        "entries",
        "bodies",
        "cookies",
        "settings",
        "toml",
        "csv",
        "keys",
        "manifests",
        "marks",
        "orders",
        "notes",
        "urls",
        "failures",
    ],
)
def test_every_fuzz_target_reads_what_is_right_and_survives_what_is_cut_or_bent(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What atheris does for minutes, here with every prefix and every byte changed once; it needs no atheris."""
    from tests.chaos.fuzz import TARGETS, seeds

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    target = TARGETS[name]()
    for seed in seeds(name):
        for cut in range(0, len(seed) + 1, 1 + len(seed) // 80):
            target(seed[:cut])
            target(seed[:cut] + b"\xff" + seed[cut + 1 :])
            target(seed[:cut] + b"[" * 30_000)


@pytest.mark.slow
def test_atheris_runs_a_target(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed: it has wheels for Linux on x86-64 alone")
    command = [sys.executable, "-m", "tests.chaos.fuzz", "--only", "entries", "--minutes", "0.04"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment(TMPDIR=tmp_path), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "number_of_executed_units" in done.stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_defect_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from pbt.coordinator.commands import StandCommand
    from pbt.coordinator.telling import FinishCommand
    from tests.chaos.api import run

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(StandCommand, "answers", fail)
    monkeypatch.setattr(FinishCommand, "answers", lambda *_: [{"member": "none"}])
    found = run(40, seed=1, only=("/stand", "/finish"))
    said = " ".join(found.defects)
    assert "stand 500: ServerError" in said
    assert "finish 200: JsonSchemaError" in said
