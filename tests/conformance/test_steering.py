"""Changes from outside: each is one decision, applied once, on the member as its teller knew it; in every journal."""

from __future__ import annotations

from typing import Any

import pytest

import pbt
from pbt.coordinator.commands import SaveCommand
from pbt.coordinator.coordinator import Coordinator
from pbt.population.entries import Decision, Reported, Steered, Why
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
    with pytest.raises(pbt.Conflict, match=r"members \[2\] have been decided on since"):
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
    assert (steered.event, steered.decisions[0]) == (Steered({"set": [0]}, by="client"), decision)
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
