"""What is told from outside is checked, and a refused command leaves those beside it alone."""

from __future__ import annotations

from typing import Any

import pytest

import pbt
from pbt.coordinator.commands import StandCommand
from pbt.coordinator.telling import TellCommand
from pbt.population.entries import Decision, Steered
from tests.support.population import Script
from tests.support.worlds import MemoryWorld, World


def test_what_is_told_from_outside_is_checked(world: World) -> None:
    s = Script(world)
    s.round(1, 2, 3, 4)
    n, now = len(s.entries), s.population.members[0].decisions
    good = {"lr": 0.5, "layers": 1, "act": "a"}
    told: list[tuple[dict[str, Any], list[Decision]]] = [
        ({"set": [0]}, [Decision(-1, 5, hyperparameters={"lr": 1e9}, decided=now)]),
        ({"set": [0]}, [Decision(99, 5, decided=now)]),
        ({"set": [0]}, [Decision(0, 5, hyperparameters={"lr": 1e9}, decided=now)]),
        ({"set": [0]}, [Decision(0, 5, start="copy", hyperparameters=good, decided=now)]),
        ({"set": [0]}, [Decision(0, 5, hyperparameters=good)]),
        ({"set": [0]}, [Decision(0, 5, hyperparameters=good, decided=now + 1)]),
        ({"set": [0, 1]}, [Decision(0, 5, hyperparameters=good, decided=now)]),
        ({"again": [0]}, [Decision(0, 5, hyperparameters=good, decided=now)]),
        ({"steps": 250.5}, []),
        ({"steps": "x"}, []),
        ({"steps": 1}, []),
        ({"magic": True}, []),
    ]
    for change, decisions in told:
        with pytest.raises(pbt.PBTError):
            s.coordinator.tell(Steered(change), decisions)
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
    steered = Steered({"set": [1]})
    before = s.population.members[1].decisions
    decision = Decision(1, 9, hyperparameters={"lr": 0.5, "layers": 1, "act": "a"}, decided=before)
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
