"""What the machine found, one by one."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

import pbt
from pbt.coordinator.coordinator import Coordinator
from pbt.coordinator.steering import revive, train_longer
from pbt.population.entries import Decision, Lost, Released, Steered
from tests.deferring import Deferring
from tests.support.population import Script


def fail(s: Script, member: int, times: int) -> None:
    """So many workers of a member die one after the other while another member reports."""
    for _ in range(times):
        s.join(member)
        s.report(0, 1.0)
        s.world.die(s.coordinator, member)


def test_whom_the_end_left_undecided_is_decided_on_when_the_end_moves() -> None:
    """Else it would be decided on one report later than in a run that was longer from the beginning."""
    s = Script(members=2, steps=4, interval=2, strategy=pbt.PBT(quantile=0.5))
    for step in (2, 4):
        s.report(0, 2.0, step=step)
        s.report(1, 1.0, step=step)
    assert s.population.finished
    train_longer(s.coordinator, 8)
    assert [d.member for d in s.entries[-1].decisions] == [0, 1]
    assert [m.ready for m in s.population.members] == [6, 6]
    n = len(s.entries)
    train_longer(s.coordinator, 8)
    assert len(s.entries) == n


def test_whom_a_hand_stopped_is_not_decided_on_when_the_end_moves() -> None:
    s = Script(members=2, steps=4, interval=4)
    s.report(0, 1.0, step=4)
    s.join(1)
    s.coordinator.finish(1, 1)
    train_longer(s.coordinator, 8)
    assert [d.member for d in s.entries[-1].decisions] == [0]


@pytest.mark.parametrize("seq", [0, -1])
def test_seq_counts_from_one(seq: int) -> None:
    """An answer's seq of 0 says that nothing was committed."""
    s = Script()
    s.join(0)
    with pytest.raises(pbt.errors.Conflict, match="comes after report 0"):
        s.report(0, 1.0, seq=seq)


def test_a_holder_presumed_dead_does_not_give_way_to_itself() -> None:
    s = Script(members=2)
    s.join(0, turn=True)
    s.join(1)
    s.world.die(s.coordinator, 0)
    assert not s.report(0, 1.0).released


def test_who_is_stopped_while_its_cure_waits_has_not_failed() -> None:
    """Its worker said that it was trained enough: the run ends well."""
    s = Script(members=2, synchronous=True, interval=5)
    s.report(0, 1.0)
    s.report(1, 1.0)
    s.coordinator.tell(Lost(0, 1, "0/1-1"))
    assert s.population.members[0].cure
    assert s.coordinator.finish(0, 1).stop
    assert not s.population.members[0].failed


def test_who_is_tried_again_has_three_losses_before_it_as_at_first() -> None:
    s = Script(members=2)
    s.report(0, 1.0)
    fail(s, 1, 6)
    assert s.join(1).failed
    s.world.die(s.coordinator, 1)
    revive(s.coordinator, s.population)
    assert s.population.members[1].losses == 0
    fail(s, 1, 2)
    assert not s.join(1).failed


def test_nobody_gives_way_once_the_goal_is_reached() -> None:
    s = Script(members=3, synchronous=True, goal=5.0)
    s.join(0, turn=True)
    waiting = s.draft(0, 1.0)
    s.join(1)
    s.join(2)
    assert s.send(waiting).wait
    s.report(1, 5.0)
    s.coordinator.tell(Released(2, 1))
    n = len(s.entries)
    assert s.send(waiting).stop
    assert len(s.entries) == n


def test_who_begins_again_while_its_exploration_is_owed_keeps_what_its_weights_depend_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its coordinator died between the decision and the exploration, and so did three workers; nobody can be parent."""
    space = {"width": pbt.Int(1, 10**6, explore=False), "lr": pbt.Float(0.1, 1)}
    s = Script(members=2, space=space, strategy=Deferring(quantile=0.5), quorum=2)
    s.report(0, 2.0)
    monkeypatch.setattr(Coordinator, "owed_to", lambda self, member: None)
    s.report(1, 1.0)
    assert s.population.members[1].owed
    width = s.population.members[1].checkpoint.hyperparameters["width"]
    s.report(0, float("nan"))
    for _ in range(3):
        s.world.die(s.coordinator, 1)
        s.join(1)
        s.report(0, float("nan"))
    s.world.die(s.coordinator, 1)
    s.join(1)
    assert s.entries[-1].decisions[0].start == "copy"
    assert s.population.members[1].hyperparameters["width"] == width


@pytest.mark.parametrize("release", [False, True])
def test_who_was_stopped_before_its_hyperparameters_came_is_not_reported_on(
    release: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its worker trains was replaced, and nobody has trained what it stands on."""
    s = Script(members=2, strategy=Deferring(quantile=0.5), quorum=2)
    s.report(0, 2.0)
    monkeypatch.setattr(Coordinator, "owed_to", lambda self, member: None)
    s.report(1, 1.0)
    s.answers[1] = s.coordinator.finish(1, 1)
    known = len(s.entries)
    assert s.report(1, 3.0, release=release).stop
    assert [type(e.event) for e in s.entries[known:]] == [Released] * release
    assert s.population.members[1].hyperparameters is None


@pytest.mark.parametrize("member", [9, -1])
def test_a_decision_that_names_a_checkpoint_of_nobody_is_refused_with_a_reason(member: int) -> None:
    """In an open population a coordinator that is behind does not know the newest members."""
    s = Script(members=2)
    s.report(0, 1.0)
    known = s.population.members[0].checkpoint
    gone = replace(known, id=f"{member}/1-1", member=member)
    decided = s.population.members[1].decisions
    decision = Decision(1, 5, "copy", (gone,), known.hyperparameters, decided=decided)
    with pytest.raises(pbt.Invalid, match="which does not exist"):
        s.coordinator.tell(Steered({"set": [1]}), (decision,))
