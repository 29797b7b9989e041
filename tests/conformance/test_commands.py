"""What is told from outside is checked, and a refused command leaves those beside it alone."""

from __future__ import annotations

from typing import Any

import pytest

import pbt
from pbt.coordinator.commands import StandCommand, TellCommand
from pbt.population.entries import Decision, Steered
from tests.support.population import Script
from tests.support.worlds import MemoryWorld, World


def test_what_is_told_from_outside_is_checked(world: World) -> None:
    s = Script(world)
    s.round(1, 2, 3, 4)
    n = len(s.entries)
    told: list[tuple[dict[str, Any], list[Decision]]] = [
        ({"again": [0]}, [Decision(-1, 5, hyperparameters={"lr": 1e9})]),
        ({"again": [0]}, [Decision(99, 5)]),
        ({"again": [0]}, [Decision(0, 5, hyperparameters={"lr": 1e9})]),
        ({"again": [0]}, [Decision(0, 5, start="copy", hyperparameters={"lr": 0.5, "layers": 1, "act": "a"})]),
        ({"steps": 250.5}, []),
        ({"steps": "x"}, []),
        ({"steps": 1}, []),
        ({"magic": True}, []),
    ]
    for change, decisions in told:
        with pytest.raises(pbt.PBTError):
            s.coordinator.tell(Steered(change), decisions)
    for hyperparameters in ({"lr": "boom"}, {"lr": 0.5, "layers": 1, "act": "a"}):
        with pytest.raises(pbt.Invalid, match="original client"):
            s.report(0, 1.0, hyperparameters=hyperparameters)
    first, second = s.draft(0, 1.0, step=9), s.draft(0, 1.0, step=3)
    with pytest.raises(pbt.Invalid, match="two reports of one member"):
        s.coordinator.report(first, second)
    assert len(s.entries) == n
    for _ in range(2):
        s.coordinator.tell(Steered({"steps": 200}, nonce="once"))
    assert len(s.entries) == n + 1


def test_what_one_ask_is_refused_does_not_touch_the_others() -> None:
    world = MemoryWorld()
    s = Script(world)
    s.round(1, 2, 3, 4)
    s.report(0, 5)
    steered = Steered({"again": [1]})
    decision = Decision(1, 9, hyperparameters={"lr": 0.5, "layers": 1, "act": "a"})
    before = s.population.members[1].decisions
    outcomes = s.coordinator.serve(
        [
            TellCommand(steered, [decision]),
            StandCommand(0, 1),
            TellCommand(steered, [Decision(50, 1)]),
            StandCommand(1, 1),
        ]
    )
    assert [isinstance(o, pbt.PBTError) for o in outcomes] == [False, False, True, False]
    assert s.population.members[1].decisions == before + 1
    assert sum(isinstance(e.event, Steered) for e in s.entries) == 1
