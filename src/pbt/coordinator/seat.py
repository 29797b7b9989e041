"""`Seat`: one member under one lease, as its trainer follows it: a process, the loop of `pbt.train`, a block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pbt.coordinator.answer import Answer
from pbt.population.entries import Checkpoint, Number, Report, Score, Why
from pbt.space.space import Values


class Outcome(NamedTuple):
    """The effect of an answer on a member.

    Attributes:
        exploit: other weights were given: load `member.checkpoint`, then set the hyperparameters.
        changed: the hyperparameters are not what they were.
        why: the reason of the member's last decision.
    """

    exploit: bool
    changed: bool
    why: Why


class Seat:
    """A trainer's view of its member. Pure: it builds reports and takes answers; it sends, saves and loads nothing.

    A new seat has taken up no weights yet, so that the first answer that it takes gives it some, as an exploit does.

    Args:
        answer: how the member stands, said for the holder of the lease.

    Attributes:
        answer: how the member stands, as last taken.
        seq: the number of the last report that was built or committed.
        step: the step that the weights in memory have reached.
        have: the id of the checkpoint that these weights were last saved in or loaded from.
        unread: a checkpoint was given, and was not loaded yet.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.seq = answer.seq
        self.step = answer.step
        self.have: str | None = None
        self.unread = False
        self._given = 0

    def report(
        self, step: int, score: Score, used: Values | None = None,
        metrics: Mapping[str, Number] | None = None,
    ) -> Report:  # fmt: skip
        """The next report, without a checkpoint. Each has a number of its own, also if it is never sent."""
        assert self.answer.member is not None
        self.seq += 1
        return Report(
            member=self.answer.member, lease=self.answer.lease, seq=self.seq, decided=self.answer.decisions,
            step=step, score=score, used=used or {}, metrics=dict(metrics or {}),
        )  # fmt: skip

    def recorded(self, report: Report, answer: Answer, went_on: bool = False) -> bool:
        """Note that `report` was answered; whether it was recorded. False: a decision had replaced its weights.

        Args:
            went_on: the weights in memory were trained past the report, while it had no answer.
        """
        recorded = answer.seq >= report.seq
        if recorded and report.checkpoint is not None:
            self.have = None if went_on else report.checkpoint
        self.step = report.step
        return recorded

    def lacks(self, answer: Answer) -> Checkpoint | None:
        """The checkpoint to load before training goes on as `answer` says; None: the weights in memory are right.

        Where no decision has given weights, those in memory are right or newer, whatever the current checkpoint is:
        another member's worker may have found the newest one lost.
        """
        given = answer.checkpoint
        if given is None or answer.given <= self._given or answer.stop or answer.released:
            return None
        return None if (given.id, given.step) == (self.have, self.step) else given

    def take(self, answer: Answer) -> Outcome:
        """Go on from how the member stands now."""
        exploit = answer.given > self._given and not (answer.stop or answer.released)
        changed = answer.hyperparameters != self.answer.hyperparameters
        if exploit:
            self.unread = self.lacks(answer) is not None
            self.step, self._given = answer.step, answer.given
        self.answer = answer
        return Outcome(exploit, changed, answer.why)

    def loaded(self, checkpoint: str) -> None:
        """Note that the current checkpoint was loaded; an earlier one, with its path still in use, changes nothing."""
        current = self.answer.checkpoint
        if current is not None and current.id == checkpoint:
            self.unread, self.have = False, checkpoint
