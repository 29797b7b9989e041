"""Populations for tests, built by saying what happened: `Script` plays workers against a coordinator in memory."""

from __future__ import annotations

from typing import Any

import pbt
from pbt.alive import Here
from pbt.coordinator.answer import Answer
from pbt.coordinator.coordinator import Coordinator
from pbt.journals.memory import MemoryJournal
from pbt.population.entries import Entry, Report, number
from pbt.settings import wanted

SPACE = {"lr": pbt.Float(1e-4, 1.0, log=True), "layers": pbt.Int(1, 8), "act": pbt.Choice(["a", "b", "c"])}


class Script:
    """Workers of one population, each a lease on one member."""

    def __init__(self, journal: Any = None, **given: Any) -> None:
        self.journal = MemoryJournal() if journal is None else journal
        self.coordinator = Coordinator(self.journal, Here())
        defaults = {"space": SPACE, "members": 4, "steps": 100, "interval": 1, "maximize": True, "seed": 7}
        self.coordinator.create(wanted(**(defaults | given)))
        self.answers: dict[int, Answer] = {}

    def join(self, member: int, turn: bool = False) -> Answer:
        n = (self.population.members[member].lease.number if self.population.members[member].lease else 0) + 1  # type: ignore[union-attr]
        self.answers[member] = self.coordinator.join(f"nonce-{member}-{n}", member=member, turn=turn)
        return self.answers[member]

    def report(self, member: int, score: Any, step: int | None = None, save: bool = True, **more: Any) -> Answer:
        """One report of a member, joined when it first reports; by default its next step, with a checkpoint."""
        known = self.answers.get(member) or self.join(member)
        seq = known.seq + 1
        scores = tuple(number(s) for s in score) if isinstance(score, list) else number(score)
        fields: dict[str, Any] = {
            "member": member,
            "lease": known.lease,
            "seq": seq,
            "decided": known.decisions,
            "step": known.step + 1 if step is None else step,
            "score": scores,
            "checkpoint": f"{member}/{known.lease}-{seq}" if save else None,
        }
        (self.answers[member],) = self.coordinator.report(Report(**(fields | more)))
        return self.answers[member]

    def round(self, *scores: Any) -> list[Answer]:
        """Every member reports once, in order."""
        return [self.report(member, score) for member, score in enumerate(scores)]

    @property
    def population(self) -> Any:
        return self.coordinator.population

    @property
    def entries(self) -> list[Entry]:
        return list(self.coordinator.entries())
