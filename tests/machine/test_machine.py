"""The machine under hypothesis: short histories, drawn and shrunk. ``python -m tests.machine`` plays long ones."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from pbt.coordinator import snapshot
from tests.machine.journals import JOURNALS
from tests.machine.moves import Moves

EXAMPLES = {"memory": 60, "sqlite": 20, "files": 15, "postgres": 8}
"""How many histories are played on each journal; disks are slow."""


class Drawn:
    """Chance that hypothesis knows how to shrink."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data

    def integer(self, low: int, high: int) -> int:
        return self.data.draw(st.integers(low, high))


class Machine(RuleBasedStateMachine):
    """Workers, accidents and hands against a few coordinators and the model."""

    journal = "memory"
    moves: Moves

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.moves = Moves(Drawn(data), JOURNALS[self.journal](Path(self._folder.name)))

    def _move(self, name: str, data: st.DataObject, *intruder: Any) -> None:
        self.moves.draw = Drawn(data)
        getattr(self.moves, name)(*intruder)

    @rule(data=st.data())
    def join(self, data: st.DataObject) -> None:
        self._move("join", data)

    @rule(data=st.data())
    def report(self, data: st.DataObject) -> None:
        self._move("report", data)

    @rule(data=st.data())
    def report_again(self, data: st.DataObject) -> None:
        """Twice as often as anything else."""
        self._move("report", data)

    @rule(data=st.data(), name=st.sampled_from(["report", "join", "block"]))
    def meet_somebody_else(self, data: st.DataObject, name: str) -> None:
        self._move(name, data, self.moves.report)

    @rule(data=st.data())
    def block(self, data: st.DataObject) -> None:
        self._move("block", data)

    @rule(data=st.data(), name=st.sampled_from(["die", "release", "lose", "absent", "finish", "crash"]))
    def end(self, data: st.DataObject, name: str) -> None:
        self._move(name, data)

    @rule(data=st.data(), name=st.sampled_from(["longer", "steer", "change", "change"]))
    def steer(self, data: st.DataObject, name: str) -> None:
        self._move(name, data)

    @rule(data=st.data(), name=st.sampled_from(["begin_anew", "look", "stand"]))
    def look(self, data: st.DataObject, name: str) -> None:
        self._move(name, data)

    def teardown(self) -> None:
        if hasattr(self, "moves"):
            self.moves.table.check_journal()
            self.moves.table.close()
        self._folder.cleanup()


@pytest.mark.slow_but_first
@pytest.mark.parametrize("journal", list(EXAMPLES))
def test_whatever_happens_every_coordinator_sees_what_the_protocol_says(
    journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "SNAPSHOT_EVERY", 10)
    machine: Any = type(journal, (Machine,), {"journal": journal})
    # Shrinking on a disk takes longer than a test may; what is wrong in memory, too, is shrunk there.
    phases = [p for p in settings.default.phases if journal == "memory" or p is not Phase.shrink]
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES[journal],
            stateful_step_count=40,
            suppress_health_check=checks,
            phases=phases,
        ),
    )
