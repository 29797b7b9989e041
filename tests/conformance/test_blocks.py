"""Blocks: one process that trains several members at once joins and reports for all of them together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import pbt
from pbt.opening import folder as folders
from pbt.population.entries import Decision, Leased, Released, Reported, Steered
from pbt.settings import wanted
from tests.support.population import Script
from tests.support.worlds import WORLDS, MemoryWorld, World


@pytest.fixture(params=["memory", "folder", "files"])
def near(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Where the journal is at hand: blocks join there, not over HTTP."""
    made = WORLDS[request.param](tmp_path)
    yield made
    made.check()
    made.close()


@pytest.mark.slow_but_first
def test_a_block_joins_in_one_append_and_its_retries_are_one_join(near: World) -> None:
    s = Script(near, members=6)
    s.join(2)
    answers = s.coordinator.join_block("block", 4)
    assert [a.member for a in answers] == [0, 1, 3, 4]
    leases = [e.event for e in s.entries if isinstance(e.event, Leased) and e.event.nonce == "block"]
    assert len(leases) == 4
    n = len(s.entries)
    assert [a.member for a in s.coordinator.join_block("block", 4)] == [0, 1, 3, 4]
    assert len(s.entries) == n


def test_a_block_takes_whom_it_finds_and_waits_for_nobody(near: World) -> None:
    s = Script(near, members=3)
    s.join(1)
    assert [a.member for a in s.coordinator.join_block("first", 9)] == [0, 2]
    (nobody,) = s.coordinator.join_block("second", 2)
    assert (nobody.member, nobody.wait) == (None, True)


def test_a_block_whose_one_member_lost_its_lease_is_recorded_without_it(world: World) -> None:
    s = Script(world)
    for member in range(4):
        s.join(member)
    reports = [s.draft(member, member) for member in range(4)]
    world.die(s.coordinator, 2)
    other = world.coordinator()
    taken = other.join("thief", member=2)
    assert taken.member == 2
    answers = s.coordinator.report(*reports)
    event = s.entries[-1].event
    assert isinstance(event, Reported)
    assert [r.member for r in event.reports] == [0, 1, 3]
    assert [a.released for a in answers] == [False, False, True, False]
    assert [a.step for a in answers] == [1, 1, 0, 1]


def test_every_last_report_of_a_block_ends_its_lease_though_its_weights_were_replaced(world: World) -> None:
    s = Script(world)
    s.round(3.0, 2.0, 1.0, 0.0)
    late = [s.draft(member, 0.5, release=True) for member in (1, 2)]
    first = s.answers[0].checkpoint
    assert first is not None
    copies = [
        Decision(
            id,
            3,
            start="copy",
            parents=(first,),
            hyperparameters=first.hyperparameters,
            decided=s.answers[id].decisions,
        )
        for id in (1, 2)
    ]
    s.coordinator.tell(Steered({"set": [1, 2]}, by="test"), copies)
    n = len(s.entries)
    answers = s.coordinator.report(s.draft(0, 4.0), *late)
    assert [type(e.event) for e in s.entries[n:]] == [Reported, Released, Released]
    assert [a.released for a in answers] == [False, True, True]
    assert s.coordinator.report(*late) and len(s.entries) == n + 3, "told twice is told once"


def test_a_report_that_can_not_be_is_refused_with_its_block() -> None:
    s = Script(MemoryWorld())
    for member in range(2):
        s.join(member)
    n = len(s.entries)
    with pytest.raises(pbt.Invalid):
        s.coordinator.report(s.draft(0, 1.0), s.draft(1, 1.0, used={"nobody": 1}))
    assert len(s.entries) == n


def test_a_block_holds_one_lock_and_dies_as_one(tmp_path: Path) -> None:
    one, other = folders.coordinator(tmp_path / "p"), folders.coordinator(tmp_path / "p")
    space = {"lr": pbt.Float(0, 1)}
    one.create(wanted(space=space, members=500, steps=10, interval=1, maximize=True))
    before = len(os.listdir("/proc/self/fd"))
    answers = one.join_block("block", 500)
    assert len(answers) == 500
    assert len(os.listdir("/proc/self/fd")) <= before + 3
    assert other.join("late").wait, "all are held"
    one.alive.let_go(0)
    assert other.join("late").wait, "the block still lives"
    for member in range(1, 500):
        one.alive.let_go(member)
    assert other.join("late").member == 0
    one.close()
    other.close()
