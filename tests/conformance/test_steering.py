"""Changes from outside: each is one decision, applied once, on the member as its teller knew it; in every journal."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

import pbt
from pbt.coordinator.commands import SaveCommand
from pbt.coordinator.coordinator import Coordinator
from pbt.population.entries import Decision, Reported, Steered, Why
from pbt.views.judge import state_of
from tests.support.population import Script
from tests.support.worlds import MemoryWorld, World

GOOD: dict[str, Any] = {"lr": 0.25, "layers": 1, "act": "a"}


def changed(s: Script, member: int, **more: Any) -> Decision:
    m = s.population.members[member]
    return Decision(member, m.ready, hyperparameters=GOOD, why=Why(note="by hand"), decided=m.decisions, **more)


def test_what_two_tell_is_applied_once(world: World) -> None:
    s = Script(world)
    s.round(1, 2, 3, 4)
    decision = changed(s, 2)
    n = len(s.entries)
    for who, teller in (("a", s.coordinator), ("b", world.coordinator())):
        teller.tell(Steered({"set": [2]}, by=who), [decision])
    assert len(s.entries) == n + 1
    assert (s.entries[-1].event.by, s.population.members[2].hyperparameters) == ("a", GOOD)


def test_what_was_told_before_the_member_was_decided_on_again_is_not_applied(world: World) -> None:
    s = Script(world)
    s.round(1, 2, 3, 4)
    decision = changed(s, 2)
    s.report(2, 5)
    before = s.population.members[2].hyperparameters
    s.coordinator.tell(Steered({"set": [2]}), [decision])
    assert s.population.members[2].hyperparameters == before


def test_of_several_decisions_all_are_applied_or_none(world: World) -> None:
    s = Script(world)
    s.round(1, 2, 3, 4)
    both = [changed(s, 1), changed(s, 2)]
    s.report(2, 5)
    n = len(s.entries)
    with pytest.raises(pbt.errors.Conflict, match=r"members \[2\] have been decided on since"):
        s.coordinator.tell(Steered({"set": [1, 2]}), both)
    assert len(s.entries) == n


def test_two_launchers_revive_a_failed_member_once(world: World) -> None:
    s = Script(world)
    s.round(1, 2, 3, 4)
    m = s.population.members[1]
    stop = Decision(1, m.ready, stop=True, failed=True, decided=m.decisions)
    s.coordinator.tell(Steered({"set": [1]}), [stop])
    assert s.population.members[1].failed
    n = len(s.entries)
    for nonce, teller in (("a", s.coordinator), ("b", world.coordinator())):
        teller.tell(Steered({"again": [1]}, by="pbt run", nonce=nonce))
    assert len(s.entries) == n + 1
    assert not s.population.members[1].failed


def test_who_had_trained_to_the_end_holds_no_lease_once_steps_are_raised(world: World) -> None:
    """Its worker went on to something else: nobody trains the member until it is leased anew."""
    s = Script(world, steps=2)
    s.round(1, 2, 3, 4)
    s.round(1, 2, 3, 4)
    assert s.population.finished
    s.coordinator.tell(Steered({"steps": 4}, by="me", nonce="more"))
    assert [state_of(s.population, m) for m in s.population.members] == ["free"] * 4
    s.coordinator.let_go(2)
    answer = s.join(2)
    assert (answer.lease, answer.step) == (2, 2)


def test_steps_raised_by_one_stay_told_when_others_steer_in_between(world: World) -> None:
    s = Script(world)
    s.round(1, 2, 3, 4)
    raised = Steered({"steps": s.settings.steps + 10}, by="pbt run", nonce="once")
    s.coordinator.tell(raised)
    s.coordinator.tell(Steered({"set": [2]}), [changed(s, 2)])
    n = len(s.entries)
    s.coordinator.tell(raised)
    assert len(s.entries) == n


def saved(s: Script, decision: Decision | None, **more: Any) -> SaveCommand:
    known = s.population.members[0]
    report = s.draft(0, 9.0, decided=known.decisions + (decision is not None), **more)
    return SaveCommand(report, decision)


def test_a_save_brings_its_decision_and_its_report_together() -> None:
    s = Script(MemoryWorld())
    s.round(1, 2, 3, 4)
    n, decision = len(s.entries), changed(s, 0)
    command = saved(s, decision)
    for teller in (
        s.coordinator,
        Coordinator(s.coordinator.journal, s.coordinator.alive),
    ):  # the second time it is known
        teller.catch_up()
        (answers,) = teller.serve([command])
        assert [a.hyperparameters for a in answers] == [GOOD]
    steered, reported = s.entries[n:]
    assert (steered.event, steered.decisions[0]) == (Steered({"set": [0]}, "client", "0/1-2"), decision)
    assert isinstance(reported.event, Reported)


@pytest.mark.parametrize("more", [{"step": 1}, {"used": {"nobody": 1}}, {"lease": 7}])
def test_a_save_whose_report_is_refused_decides_nothing(more: dict[str, Any]) -> None:
    s = Script(MemoryWorld())
    s.round(1, 2, 3, 4)
    n = len(s.entries)
    (refused,) = s.coordinator.serve([saved(s, changed(s, 0), **more)])
    assert isinstance(refused, pbt.PBTError)
    assert len(s.entries) == n


def test_a_save_decides_on_its_own_member_alone() -> None:
    s = Script(MemoryWorld())
    s.round(1, 2, 3, 4)
    (refused,) = s.coordinator.serve([saved(s, changed(s, 1))])
    assert isinstance(refused, pbt.Invalid)


@pytest.mark.parametrize("weights", [False, True])
def test_a_save_does_not_pass_a_decision_for_its_own_that_somebody_else_took_meanwhile(weights: bool) -> None:
    s = Script(MemoryWorld())
    s.round(1, 2, 3, 4)
    command = saved(s, changed(s, 0))
    other = changed(s, 0)
    if weights:
        best = s.population.best
        other = replace(other, start="copy", parents=(best,), ready=best.step + 1)
    s.coordinator.tell(Steered({"set": [0]}, by="hand"), [other])
    n = len(s.entries)
    (answers,) = s.coordinator.serve([command])
    assert len(s.entries) == n
    assert [(a.seq, a.decisions) for a in answers] == [(1, 3)]


def test_a_save_decides_nothing_once_the_goal_is_reached() -> None:
    s = Script(MemoryWorld(), goal=4.0)
    s.round(1, 2, 3, 4)
    n = len(s.entries)
    (answers,) = s.coordinator.serve([saved(s, changed(s, 0))])
    assert len(s.entries) == n
    assert answers[0].stop


def test_a_save_does_not_begin_a_stopped_member_anew() -> None:
    s = Script(MemoryWorld())
    s.round(1, 2, 3, 4)
    s.answers[0] = s.coordinator.finish(0, 1)
    n, best = len(s.entries), s.population.best
    (answers,) = s.coordinator.serve([saved(s, replace(changed(s, 0), start="copy", parents=(best,)))])
    assert len(s.entries) == n
    assert s.population.members[0].stopped and answers[0].stop


def test_a_save_does_not_pass_a_barrier() -> None:
    s = Script(MemoryWorld(), synchronous=True)
    s.round(1, 2)
    n = len(s.entries)
    (refused,) = s.coordinator.serve([saved(s, changed(s, 0))])
    assert isinstance(refused, pbt.errors.Conflict)
    assert len(s.entries) == n


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("change", "members"),
    [
        ({}, []),
        ({"finish": 2}, []),
        ({"set": []}, []),
        ({"set": [1, "a"]}, [1]),
        ({"set": [1, 1]}, [1, 1]),
        ({"again": [1], "set": [2]}, [2]),
        ({"again": [1], "steps": 150}, []),
    ],
)
def test_a_change_carries_the_decisions_that_it_names_or_is_refused(
    world: World, change: dict[str, Any], members: list[int]
) -> None:
    s = Script(world)
    s.round(1, 2, 3, 4)
    n = len(s.entries)
    with pytest.raises(pbt.Invalid, match=r"a change from outside|names|are on the members that are named"):
        s.coordinator.tell(Steered(change), [changed(s, member) for member in members])
    assert len(s.entries) == n


def test_two_launchers_raise_the_steps_once(world: World) -> None:
    s = Script(world)
    s.round(1, 2, 3, 4)
    n = len(s.entries)
    for nonce, teller in (("a", s.coordinator), ("b", world.coordinator())):
        teller.tell(Steered({"steps": 150}, by="pbt run", nonce=nonce))
    assert (len(s.entries), s.population.settings.steps) == (n + 1, 150)
