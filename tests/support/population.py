"""Populations for tests, built by saying what happened: `Script` plays workers against a coordinator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pbt
from pbt.coordinator.answer import Answer
from pbt.population.entries import Entry, Report, encode, number
from pbt.settings import wanted
from tests.support.worlds import MemoryWorld, World

SPACE = {"lr": pbt.Float(1e-4, 1.0, log=True), "layers": pbt.Int(1, 8), "act": pbt.Choice(["a", "b", "c"])}


class Script:
    """Workers of one population, each a lease on one member."""

    def __init__(self, world: World | None = None, **given: Any) -> None:
        self.world = MemoryWorld() if world is None else world
        self.coordinator = self.world.coordinator()
        defaults = {"space": SPACE, "members": 4, "steps": 100, "interval": 1, "maximize": True, "seed": 7}
        self.settings = self.coordinator.create(wanted(**(defaults | given)))
        self.answers: dict[int, Answer] = {}
        self.joins = 0

    def join(self, member: int | None, turn: bool = False, coordinator: Any = None) -> Answer:
        self.joins += 1
        answer: Answer = (coordinator or self.coordinator).join(f"nonce-{self.joins}", member=member, turn=turn)
        if answer.member is not None:
            self.answers[answer.member] = answer
        return answer

    def draft(self, member: int, score: Any, step: int | None = None, save: bool = True, **more: Any) -> Report:
        """The next report of a member that has joined."""
        known = self.answers[member]
        seq = more.pop("seq", known.seq + 1)
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
        return Report(**(fields | more))

    def report(self, member: int, score: Any, step: int | None = None, save: bool = True, **more: Any) -> Answer:
        """One report of a member, joined when it first reports; by default its next step, with a checkpoint."""
        if member not in self.answers:
            self.join(member)
        return self.send(self.draft(member, score, step, save, **more))

    def send(self, report: Report, coordinator: Any = None) -> Answer:
        (answer,) = (coordinator or self.coordinator).report(report)
        self.answers[report.member] = answer
        return answer

    def round(self, *scores: Any) -> list[Answer]:
        """Every member reports once, in order."""
        return [self.report(member, score) for member, score in enumerate(scores)]

    @property
    def population(self) -> Any:
        return self.world.population

    @property
    def entries(self) -> list[Entry]:
        return self.world.entries


class Recorded:
    """Entries in memory, to be read like a journal."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.bodies = [encode(entry) for entry in entries]

    def read(self, after: int) -> list[bytes]:
        return self.bodies[after:]
