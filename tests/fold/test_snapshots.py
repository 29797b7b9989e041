"""A snapshot is a cache: with it or without, the fold is the same; damaged, foreign or old ones are ignored."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbt
from pbt.coordinator import snapshot
from pbt.coordinator.coordinator import Coordinator
from pbt.coordinator.transition import fold_all
from pbt.journals.memory import MemoryJournal
from pbt.liveness.liveness import SameProcess
from pbt.opening import folder as folders
from pbt.strategies.registry import build
from tests.deferring import Deferring
from tests.fold.test_properties import moves, play
from tests.support.population import SPACE, Script
from tests.support.worlds import Dying, MemoryWorld


class Counting(MemoryJournal):
    """Counts what is read from it."""

    def __init__(self, entries: Iterable[bytes] = ()) -> None:
        super().__init__(entries)
        self.was_read = 0

    def read(self, after: int) -> Iterable[bytes]:
        for body in super().read(after):
            self.was_read += 1
            yield body


def opened(journal: Any) -> Coordinator:
    coordinator = Coordinator(journal, SameProcess())
    coordinator.catch_up()
    return coordinator


@given(st.lists(moves, max_size=40), st.sampled_from([pbt.PBT(), Deferring()]), st.booleans(), st.integers(1, 7))
@settings(max_examples=60)
def test_a_snapshot_and_the_rest_fold_to_what_all_folds_to(
    history: list[tuple[Any, ...]], strategy: pbt.PBT, synchronous: bool, every: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot, "SNAPSHOT_EVERY", every)
        script = Script(members=4, steps=12, interval=2, strategy=strategy, synchronous=synchronous, space=SPACE)
        alive = Dying()
        script.coordinator.alive = alive
        assert isinstance(script.world, MemoryWorld)
        for move in history:
            play(script, alive, move)
            kept = script.world.journal.snapshot()
            short = Counting(script.world.bodies)
            if kept is not None:
                short.save_snapshot(kept)
            assert opened(short).population == script.population
            if kept is not None:
                found = snapshot.load(kept, build)
                assert found is not None
                rest = script.entries[found.count :]
                assert fold_all(found.fold, rest, strategy) == fold_all(None, script.entries, strategy)
                assert short.was_read < len(script.world.bodies) + 1


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> Script:
    monkeypatch.setattr(snapshot, "SNAPSHOT_EVERY", 10)
    s = Script(members=4, steps=1000)
    for step in range(10):
        s.round(*(member + step for member in range(4)))
    return s


def test_start_up_reads_only_what_came_after_it(many: Script) -> None:
    journal = Counting(many.world.bodies)
    journal.save_snapshot(many.world.journal.snapshot())
    assert opened(journal).population == many.population
    assert journal.was_read <= 10


@pytest.mark.parametrize("harm", ["rubbish", "truncated", "flipped", "empty", "version"])
def test_a_bad_snapshot_is_ignored(many: Script, harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: bytes = many.world.journal.snapshot()
    journal = MemoryJournal(many.world.bodies)
    middle = len(kept) // 2
    journal.save_snapshot(
        {
            "rubbish": b"x" * 100,
            "truncated": kept[:-1],
            "flipped": kept[:middle] + bytes([kept[middle] ^ 1]) + kept[middle + 1 :],
            "empty": b"",
            "version": kept,
        }[harm]
    )
    if harm == "version":
        monkeypatch.setattr(snapshot, "FOLD", snapshot.FOLD + 1)
    assert opened(journal).population == many.population


def test_another_journals_snapshot_is_ignored(many: Script) -> None:
    """As when the journal alone was restored from a copy, or begun anew."""
    other = Script(members=4, steps=1000, seed=8)
    for step in range(10):
        other.round(*(member * step for member in range(4)))
    for bodies in (other.world.bodies, other.world.bodies[:3], []):
        journal = MemoryJournal(bodies)
        journal.save_snapshot(many.world.journal.snapshot())
        coordinator = opened(journal)
        assert coordinator.exists is bool(bodies)
        if bodies:
            assert coordinator.population == opened(MemoryJournal(bodies)).population


def test_none_is_taken_while_an_exploration_is_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "SNAPSHOT_EVERY", 1)
    s = Script(members=4, strategy=Deferring(quantile=0.5))
    owing = 0
    monkeypatch.setattr(Coordinator, "owed_to", lambda self, member: None)
    for member in (0, 1, 2, 3, 0, 1, 2, 3):
        if s.coordinator.population.members[member].owed:
            continue
        s.report(member, float(member))
        if any(s.coordinator.population.owing()):
            owing += 1
            found = snapshot.load(s.world.journal.snapshot(), build)
            assert found is not None
            assert not any(found.fold.population.owing())
    assert owing


def test_a_strategy_that_cannot_be_written_takes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "SNAPSHOT_EVERY", 1)
    monkeypatch.setattr(Deferring, "memory_type", None)
    s = Script(members=2, strategy=Deferring())
    s.round(1, 2)
    assert s.world.journal.snapshot() is None
    assert opened(MemoryJournal(s.world.bodies)).population == s.population


def test_a_folder_that_takes_no_snapshot_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "SNAPSHOT_EVERY", 2)
    (tmp_path / "p" / "snapshot").mkdir(parents=True)
    s = Script.__new__(Script)
    coordinator = folders.coordinator(tmp_path / "p")
    s.answers, s.joins, s.coordinator = {}, 0, coordinator
    coordinator.create(pbt.settings.wanted(space=SPACE, members=2, maximize=True))
    s.round(1, 2)
    s.round(1, 2)
    assert coordinator.population.reports == 4
    assert not list((tmp_path / "p").glob(".snapshot*"))
    coordinator.close()
