"""Turns: members that a worker trains one after the other, each for as long as nothing has to be set up anew."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from pbt import preempt
from pbt.coordinator.seat import Outcome
from pbt.errors import LeaseLost, PBTError
from pbt.population.fold import FAILED_AFTER
from pbt.worker.member import Member

_Stands = tuple[str | None, int]
"""Where a member stands: its current checkpoint, and its count of decisions."""


class Turn(Member):
    """A member for as long as this worker trains it without setting anything up anew, from `pbt.turns`."""

    _through = False

    def steps(self) -> Iterator[int]:
        """As `Member.steps`; ends at an exploit too, and at the end of the turn."""
        preempt.renew()
        self._exploited = self._through = False
        while not self._ends() and not self._exploited:
            yield self._next_step()
        self._through = True

    @property
    def through(self) -> bool:
        """The body went through all of `steps()`, so nothing has kept it from reporting."""
        return self._through

    def report(self, score: Any, **more: Any) -> Outcome:
        """As `Member.report`; a lease lost meanwhile sets `lost` and ends `steps()`: a generator can not catch it.

        Raises:
            LeaseLost: the turn was over before.
        """
        self._check_usable()
        try:
            return super().report(score, **more)
        except LeaseLost:
            self.lost = True
            self._end()
            return Outcome(False, False, self._answer.why)

    @property
    def goes_on(self) -> bool:
        """The same worker goes on with the same member, from the checkpoint that an exploit gave."""
        return not self._over and self._exploited

    def _stands(self) -> _Stands:
        current = self._answer.checkpoint
        return None if current is None else current.id, self._answer.decisions


class Turns(Iterator[Turn]):
    """The turns of one worker. However its loop is left, the member that it holds is given back.

    Args:
        take: leases a member; returns a Turn with id -1 when nothing is left to train.
    """

    def __init__(self, take: Callable[[], Turn]) -> None:
        self._take = take
        self._turn: Turn | None = None
        self._reports = -1
        self._idle: dict[int, int] = {}
        self._blind = 0
        self._worked = False
        self._began: _Stands = None, 0
        self._left: dict[int, tuple[_Stands, int]] = {}
        self._process = os.getpid()

    def __iter__(self) -> Turns:
        return self

    def __next__(self) -> Turn:
        if os.getpid() != self._process:
            raise PBTError("these turns belong to the process that began them: call pbt.turns in the forked one")
        self._check_body()
        if self._turn is not None and self._turn.goes_on:
            return self._turn
        self.close()
        while not preempt.requested():
            turn = self._take()
            if turn.id < 0:
                break
            if not turn.stop:
                self._turn, self._reports, self._began = turn, -1, turn._stands()
                return turn
        raise StopIteration

    def _check_body(self) -> None:
        turn = self._turn
        if turn is not None and turn.reported:
            self._worked = True
        if turn is None or turn.stop or turn.reported > max(self._reports, 0):
            self._idle, self._blind = {}, 0
        else:
            self._idle[turn.id] = self._idle.get(turn.id, 0) + 1
            self._blind = self._blind + 1 if turn.through else 0
        if turn is None or turn.stop:
            return
        self._reports = turn.reported
        # A body that catches its errors comes back from a member that can not be trained, until that is stopped.
        often = FAILED_AFTER if self._worked else 1
        if self._blind >= 2 or self._idle.get(turn.id, 0) > often:
            self.close(failed=True)
            raise PBTError(
                "the body of the loop over pbt.turns came back twice without a report: loop over member.steps() in it, "
                "and call member.report there"
            )
        if turn.reported and not (turn.goes_on or turn.interrupted):
            self._check_progress(turn)

    def _check_progress(self, turn: Turn) -> None:
        """A body that leaves `steps()` before there is a new checkpoint would be given the same steps for ever."""
        stands = turn._stands()
        before, times = self._left.get(turn.id, (self._began, 0))
        times = 0 if stands != self._began else times + 1 if stands == before else 1
        self._left[turn.id] = stands, times
        if times >= 2:
            self.close(failed=True)
            raise PBTError(
                f"member {turn.id} was left twice where it stood: the loop over member.steps() ended at step "
                f"{turn.step} without a newer checkpoint, so the next turn would train the same steps again. If it is "
                "trained enough, call member.finish(); if its training failed, member.close(failed=True); else go on "
                "to the end of member.steps()"
            )

    def close(self, failed: bool = False) -> None:
        """Give back the member that is held, if any."""
        turn, self._turn = self._turn, None
        if turn is not None and os.getpid() == self._process:
            if turn.interrupted:
                preempt.request()
            turn.close(failed)

    def __del__(self) -> None:
        if self._turn is not None and not sys.is_finalizing():
            self.close()
