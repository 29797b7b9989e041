"""PROTOCOL, "One report", line by line, in every world."""

from __future__ import annotations

import math

import pytest
from msgspec.structs import replace

import pbt
from pbt.population.changes import Clone, Steer
from pbt.population.entries import Explored, Lost, Released, Reported, encode
from tests.support.population import Script
from tests.support.worlds import World


def test_the_same_report_again_is_the_same_question_again(world: World) -> None:
    s = Script(world)
    s.join(0)
    report = s.draft(0, 1.0)
    first = s.send(report)
    n = len(s.entries)
    assert s.send(report) == first
    assert s.send(report, world.coordinator()) == first
    assert len(s.entries) == n


def test_the_same_key_with_another_body_is_a_conflict(world: World) -> None:
    s = Script(world)
    s.join(0)
    report = s.draft(0, 1.0)
    s.send(report)
    with pytest.raises(pbt.errors.Conflict, match="other contents"):
        s.send(replace(report, score=2.0))


def test_a_retry_after_somebody_else_took_over_is_answered_not_refused(world: World) -> None:
    """A release was committed, its answer lost, another took over: "lease lost" would be untrue."""
    s = Script(world)
    s.join(0)
    report = s.draft(0, 1.0, release=True)
    s.send(report)
    s.join(0, coordinator=world.coordinator())
    again = s.send(report)
    assert again.released
    assert again.seq == 1


def test_a_repeat_may_differ_in_release_which_the_coordinator_may_have_set(world: World) -> None:
    s = Script(world)
    s.join(0)
    report = s.draft(0, 1.0, release=True)
    s.send(report)
    assert s.send(replace(report, release=False)).released


def test_an_old_lease_is_lost(world: World) -> None:
    s = Script(world)
    s.report(0, 1.0)
    old = s.draft(0, 2.0)
    world.die(s.coordinator, 0)
    s.join(0, coordinator=world.coordinator())
    with pytest.raises(pbt.LeaseLost, match="lease 1 is over, the newest is 2"):
        s.send(old)


def test_a_released_lease_is_lost(world: World) -> None:
    s = Script(world)
    s.report(0, 1.0)
    late = s.draft(0, 2.0)
    s.coordinator.tell(Released(0, 1))
    with pytest.raises(pbt.LeaseLost):
        s.send(late)


def test_seq_may_have_gaps_but_never_goes_back(world: World) -> None:
    s = Script(world)
    s.report(0, 1.0)
    s.report(0, 1.0, seq=5)
    with pytest.raises(pbt.errors.Conflict, match="comes after report 5"):
        s.report(0, 1.0, seq=4)


def test_a_report_of_weights_that_a_decision_replaced_appends_nothing(world: World) -> None:
    s = Script(world)
    s.join(0)
    s.round(4, 3, 2, 1)
    n = len(s.entries)
    knows_nothing = s.draft(3, 9.0, step=50, decided=1)
    answer = s.send(knows_nothing)
    assert len(s.entries) == n
    assert (answer.seq, answer.given) == (1, 2)
    assert answer.checkpoint.member == 0  # type: ignore[union-attr]


def test_a_releasing_report_so_refused_is_followed_by_released(world: World) -> None:
    s = Script(world)
    s.round(4, 3, 2, 1)
    answer = s.send(s.draft(3, 9.0, step=50, decided=1, release=True))
    assert answer.released
    assert s.entries[-1].event == Released(3, 1)


@pytest.mark.slow_but_first
@pytest.mark.parametrize("step", [1, 0, -5])
def test_a_step_must_go_forward(world: World, step: int) -> None:
    s = Script(world)
    s.report(0, 1.0)
    n = len(s.entries)
    with pytest.raises(pbt.Invalid, match="does not go past step 1"):
        s.report(0, 1.0, step=step)
    assert len(s.entries) == n


def test_a_due_checkpoint_must_be_there(world: World) -> None:
    s = Script(world, interval=10, steps=15)
    s.report(0, 1.0, step=9, save=False)
    with pytest.raises(pbt.Invalid, match="decisions are due from step 10"):
        s.report(0, 1.0, step=12, save=False)
    s.report(0, 1.0, step=12)
    with pytest.raises(pbt.Invalid, match="last step"):
        s.report(0, 1.0, step=17, save=False)
    with pytest.raises(pbt.Invalid, match="given back"):
        s.report(0, 1.0, step=13, save=False, release=True)


def test_a_checkpoint_has_the_name_of_its_report(world: World) -> None:
    s = Script(world)
    with pytest.raises(pbt.Invalid, match="not this report's"):
        s.report(0, 1.0, checkpoint="1/1-1")


def test_overshoot_is_allowed(world: World) -> None:
    s = Script(world, steps=10)
    assert s.report(0, 1.0, step=17).stop


def test_an_unknown_member(world: World) -> None:
    s = Script(world)
    s.join(0)
    with pytest.raises(pbt.UnknownMember, match="no member 99"):
        s.send(replace(s.draft(0, 1.0), member=99))
    with pytest.raises(pbt.UnknownMember):
        s.send(replace(s.draft(0, 1.0), member=-1))


@pytest.mark.slow_but_first
@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite_are_kept_as_words(world: World, score: float) -> None:
    s = Script(world)
    s.report(0, [score, 1.0])
    s.report(0, score)
    assert [encode(e) for e in s.entries] == world.bodies
    assert s.population.members[0].score == str(score)


def test_a_ten_megabyte_value_is_refused(world: World) -> None:
    s = Script(world)
    with pytest.raises(pbt.PBTError, match=r"large|characters long"):
        s.report(0, 1.0, used={"lr": "x" * 10_000_000})
    assert s.report(0, 1.0).seq == 1


def test_nothing_is_taken_before_a_population_exists(world: World) -> None:
    coordinator = world.coordinator()
    with pytest.raises(pbt.SettingsError, match="pass space="):
        coordinator.join("n")


def test_a_block_of_reports_is_one_entry_and_the_order_of_seats_does_not_matter(world: World) -> None:
    s = Script(world)
    for member in range(4):
        s.join(member)
    block = [s.draft(member, score) for member, score in enumerate((4, 3, 2, 1))]
    answers = s.coordinator.report(*block)
    assert isinstance(s.entries[-1].event, Reported)
    assert [d.member for d in s.entries[-1].decisions] == [0, 1, 2, 3]
    assert answers[3].checkpoint.member == 0

    other = Script()
    for member in range(4):
        other.join(member)
    other.coordinator.report(*reversed(block))
    assert other.entries[-1].decisions == s.entries[-1].decisions


@pytest.mark.parametrize("world", ["memory", "folder"], indirect=True)
def test_wait_and_refusal_while_a_member_is_not_decided_on(world: World) -> None:
    """A server would hold the question."""
    s = Script(world, synchronous=True, members=2)
    assert s.report(0, 1.0).wait
    with pytest.raises(pbt.errors.Conflict, match="waits for a decision"):
        s.report(0, 1.0, step=2)


def test_owed_hyperparameters_are_explored_once_and_equal_for_everybody(world: World) -> None:
    s = Script(world, strategy="tests.deferring:Deferring", quorum=4)
    answers = s.round(4, 3, 2, 1)
    assert not answers[3].wait
    assert answers[3].hyperparameters
    explored = [e for e in s.entries if isinstance(e.event, Explored)]
    assert len(explored) == 1
    assert s.entries[explored[0].event.entry - 1].decisions[0].owed  # type: ignore[union-attr]
    assert world.coordinator().stand(3, 1) == answers[3]


def test_who_leases_a_member_that_is_owed_explores_for_it(world: World) -> None:
    s = Script(world, strategy="tests.deferring:Deferring")
    s.round(4, 3, 2)
    s.join(3)
    other = world.coordinator()
    answer = s.send(s.draft(3, 1.0), other)
    assert answer.hyperparameters in s.settings.space


def test_a_lost_checkpoint_is_never_parent_best_or_own_again(world: World) -> None:
    s = Script(world, quorum=4)
    s.round(4, 3, 2, 1)
    lost = s.answers[3].checkpoint.id  # type: ignore[union-attr]
    assert s.population.best.id == lost
    answer = s.coordinator.tell(Lost(3, 1, lost))
    p = s.population
    assert answer.checkpoint.id == "1/1-1"  # type: ignore[union-attr]
    assert p.best.id == "1/1-1"
    assert not p.members[0].standing
    world.die(s.coordinator, 0)
    cured = s.join(0, coordinator=world.coordinator())
    assert cured.checkpoint is None or cured.checkpoint.id != lost


def test_whose_checkpoint_another_finds_lost_goes_on_if_it_could_read_it(world: World) -> None:
    """Of a holder that has not reported nobody knows which it is, until it says so itself."""
    s = Script(world, members=3, strategy=pbt.PBT(quantile=0), interval=5)
    for score in (1.0, 2.0):
        s.report(0, score)
    for member in (1, 2):
        s.coordinator.steer(Steer(Clone(0, member), nonce=f"n{member}"))
        s.join(member)
    world.die(s.coordinator, 0)
    lost = s.join(0).checkpoint.id  # type: ignore[union-attr]
    s.coordinator.tell(Lost(1, 1, lost))
    assert s.population.members[0].checkpoint.id == "0/1-1"
    assert s.population.members[0].step == 2
    before = len(s.entries)
    answer = s.coordinator.tell(Lost(0, 2, lost))
    assert (answer.step, answer.checkpoint.id) == (1, "0/1-1")  # type: ignore[union-attr]
    assert s.coordinator.tell(Lost(0, 2, lost)).step == 1
    assert len(s.entries) == before + 1
    s.answers[0] = answer
    assert s.report(0, 3.0).step == 2


def test_finish_stops_a_member(world: World) -> None:
    s = Script(world, steps=None)
    s.report(0, 1.0)
    answer = s.coordinator.finish(0, 1)
    assert answer.stop
    assert s.population.members[0].done
    assert s.coordinator.finish(0, 1).stop
    assert sum(d.stop for e in s.entries for d in e.decisions) == 1
