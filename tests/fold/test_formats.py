"""Journals of every former version of the format open, and fold to what they folded to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pbt.coordinator.coordinator import Coordinator
from pbt.coordinator.snapshot import FOLD, load
from pbt.journals.memory import MemoryJournal
from pbt.liveness.liveness import Here
from pbt.opening import folder as place
from pbt.population.entries import decode, encode
from pbt.strategies.registry import build
from tests.formats.make import population_of

FORMATS = Path(__file__).parent.parent / "formats"
OLD = [p.parent for p in sorted(FORMATS.glob("*/*/population.json"))]


@pytest.fixture(params=OLD, ids=lambda p: f"{p.parent.name}-{p.name}")
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return shutil.copytree(request.param, tmp_path / "population")


def test_it_opens_and_folds_to_what_it_folded_to(old: Path) -> None:
    (old / "snapshot").unlink()
    coordinator = place.coordinator(old)
    try:
        assert population_of(coordinator.journal) == (old / "expected.json").read_bytes()
        bodies = list(coordinator.journal.read(0))
    finally:
        coordinator.close()
    assert [decode(encode(decode(body))) for body in bodies] == [decode(body) for body in bodies]


def test_its_snapshot_is_ignored_or_the_very_same_fold(old: Path) -> None:
    """If this fails, the fold or its types have changed: raise FOLD in pbt/coordinator/snapshot.py."""
    found = load((old / "snapshot").read_bytes(), build)
    assert found is None or FOLD == 1
    if found is not None:
        bodies = list(place.reader(old).read(0))
        afresh = Coordinator(MemoryJournal(bodies), Here())
        afresh.catch_up()
        assert found.fold == afresh._fold
        assert found.covers(bodies[-1])


def test_there_is_one_of_each_kind() -> None:
    assert {p.name for p in OLD} == {"asynchronous", "barrier", "original", "files"}
