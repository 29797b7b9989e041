"""Journals of every former version of the format open, and fold to what they folded to."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt.coordinator.snapshot import load
from pbt.coordinator.transition import fold_all
from pbt.opening import folder as folders
from pbt.population.entries import Entry, Leased, Released, Report, Reported, decode, encode, number
from pbt.population.fold import apply_all
from pbt.strategies.registry import build
from tests.formats.make import population_of
from tests.support.population import Script

FORMATS = Path(__file__).parent.parent / "formats"
OLD = [p.parent for p in sorted(FORMATS.glob("*/*/population.json"))]


@pytest.fixture(params=OLD, ids=lambda p: f"{p.parent.name}-{p.name}")
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return shutil.copytree(request.param, tmp_path / "population")


def test_it_opens_and_folds_to_what_it_folded_to(old: Path) -> None:
    (old / "snapshot").unlink()
    coordinator = folders.coordinator(old)
    try:
        assert population_of(coordinator.journal) == (old / "expected.json").read_bytes()
        bodies = list(coordinator.journal.read(0))
    finally:
        coordinator.close()
    assert [decode(encode(decode(body))) for body in bodies] == [decode(body) for body in bodies]


def test_its_snapshot_is_ignored_or_the_very_same_fold(old: Path) -> None:
    """If this fails, the fold or its types have changed: raise FOLD in pbt/coordinator/snapshot.py."""
    found = load((old / "snapshot").read_bytes(), build)
    if found is not None:
        bodies = list(folders.reader(old).read(0))
        assert found.fold == fold_all(None, [decode(body) for body in bodies], found.strategy)
        assert found.covers(bodies[-1])


def test_a_cure_that_an_earlier_rule_did_not_decide_ends_with_a_checkpoint() -> None:
    """What counted as a loss has changed: a journal may have had a healthy member train on where it now is sick."""
    s = Script(members=2, steps=1000, interval=100)
    s.report(0, 1.0, step=1)
    entries: list[Entry] = []
    for n in range(1, 5):
        entries.append(Entry(0.0, Leased(1, n, str(n))))
        if n < 4:
            entries.append(Entry(0.0, Released(1, n, failed=True)))
        entries.append(Entry(0.0, Reported((s.draft(0, 1.0, step=1 + n, seq=1 + n),))))
    sick = apply_all(s.population, entries)
    assert sick.members[1].cure
    well = Report(member=1, lease=4, seq=1, decided=1, step=1, score=0.0, checkpoint="1/4-1")
    assert not apply_all(sick, [Entry(0.0, Reported((well,)))]).members[1].cure


def test_there_is_one_of_each_kind() -> None:
    assert {p.name for p in OLD} == {"asynchronous", "barrier", "original", "files", "steered"}


numbers = st.one_of(st.floats(), st.integers(-(2**53), 2**53)).map(number)
objectives = st.dictionaries(st.text(min_size=1), numbers, min_size=1)


@given(score=st.one_of(numbers, st.lists(numbers, min_size=1).map(tuple), objectives))
def test_every_score_is_read_as_it_was_written(score: Any) -> None:
    report = Report(member=0, lease=1, seq=1, decided=1, step=1, score=score)
    entry = decode(encode(Entry(0.0, Reported((report,)))))
    assert encode(decode(encode(entry))) == encode(entry)
    assert isinstance(entry.event, Reported)
    assert entry.event.reports[0].score == score
