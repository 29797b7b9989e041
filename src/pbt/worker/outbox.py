"""The outbox: reports while the coordinator can not record them; the worker waits, or goes on and reports later.

Either way a report that was once sent is sent again, the same bytes, until it is answered. With ``"continue"``,
later reports are kept in order and travel as the `history` of the next report. They are kept in memory: a
worker that dies can say nothing more under its lease.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from pbt.coordinator.admission import HISTORY_LIMIT, ends
from pbt.coordinator.answer import Answer
from pbt.coordinator.interface import AnyCoordinator
from pbt.disk.waiting import Waiting, tick
from pbt.errors import Stopped, Unavailable, Unreachable
from pbt.population.entries import Past, Report, size_of
from pbt.worker.waits import for_a_decision

WhenAway = Literal["wait", "continue"]
ANSWER_TIMEOUT = 2.0
"""Seconds for which a report that may go on without its answer is waited for."""
FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0
"""Seconds before a report is sent again: after the first attempt, and at most."""
_log = logging.getLogger("pbt")


class Outbox:
    """Carries a worker's reports, one at a time.

    Args:
        where: the population's folder or URL, for messages.

    Attributes:
        pending: the report that was sent and has no answer yet.
    """

    def __init__(self, where: str, coordinator: AnyCoordinator, when_away: WhenAway = "wait") -> None:
        self._where = where
        self._coordinator = coordinator
        self._goes_on = when_away == "continue"
        self._under_way: _Asking | None = None
        self._past: list[Past] = []
        self._size = 0
        self.pending: Report | None = None

    def may_go_on(self, report: Report, known: Answer) -> bool:
        """Whether training may go on although this report, or the one before it, has no answer."""
        full = self._size >= HISTORY_LIMIT
        return self._goes_on and not full and not ends(report, known.steps, known.goal, known.maximize)

    def answer(self, report: Report, go_on: bool, asked_to_stop: Callable[[], bool]) -> Answer | None:
        """The answer to `report` once there is a decision; None if training may `go_on` and nothing is answered yet.

        Raises:
            Stopped: this process was asked to stop while a decision was waited for.
            PBTError: see `ask`.
        """
        with Waiting(lambda: for_a_decision(self._where, self._coordinator, report.member)) as waiting:
            while True:
                answer = self.ask(report, go_on)
                if answer is None or not answer.wait or answer.released:
                    return answer
                if asked_to_stop():
                    raise Stopped(f"member {report.member} waits for a decision, and this process was asked to stop")
                waiting.pause()

    def ask(self, report: Report, go_on: bool) -> Answer | None:
        """The answer to `report`; None if training may `go_on` and there is none yet.

        Raises:
            PBTError: it is refused; or nothing could be recorded, and this process was asked to stop.
        """
        self.pending = report
        if not self._goes_on:
            return until_recorded(self._coordinator, report)
        patience = 0.0
        if self._under_way is None or self._under_way.report is not report:
            self._under_way, patience = _Asking(self._coordinator, report), ANSWER_TIMEOUT
        try:
            return self._under_way.answer(patience if go_on else None)
        finally:
            if self._under_way.done:
                self._under_way = None

    @property
    def waits(self) -> bool:
        """A report is still being asked for, in vain, while training goes on."""
        return self._under_way is not None and not self._under_way.done

    def keep(self, report: Report) -> None:
        """Remember a report that can not be sent yet."""
        if not self._past:
            _log.warning("the coordinator is away: training goes on from step %d without its answer", report.step)
        past = Past(report.step, report.score, report.metrics)
        self._past.append(past)
        self._size += size_of(past)

    def with_history(self, report: Report) -> Report:
        """The report, with the kept ones as its history."""
        if not self._past:
            return report
        report = replace(report, history=tuple(self._past))
        self._past, self._size = [], 0
        return report

    def drop(self, why: str) -> None:
        """Discard the kept reports, with a warning that says why."""
        if self._past:
            _log.warning("%d reports made while the coordinator was away are dropped: %s", len(self._past), why)
        self._past, self._size = [], 0


def until_recorded(coordinator: AnyCoordinator, report: Report) -> Answer:
    """Send until there is an answer, however long nothing can be recorded, unless this process is asked to stop.

    Raises:
        PBTError: the report is refused; or nothing could be recorded, and this process was asked to stop.
    """
    waiting = Waiting(after=0, first=FIRST_PAUSE, last=LAST_PAUSE)
    while True:
        try:
            (answer,) = coordinator.report(report)
            return answer
        except (Unavailable, Unreachable) as error:
            if waiting.over():
                raise
            waiting.pause(f"member {report.member} waits: {error}")


class _Asking:
    """One report, sent from a thread of its own until it is answered."""

    def __init__(self, coordinator: AnyCoordinator, report: Report) -> None:
        self.report = report
        self._coordinator = coordinator
        self._outcome: Answer | BaseException | None = None
        self._done = threading.Event()
        threading.Thread(target=self._ask, name="pbt-courier", daemon=True).start()

    def _ask(self) -> None:
        try:
            self._outcome = until_recorded(self._coordinator, self.report)
        except BaseException as error:
            self._outcome = error
        self._done.set()

    @property
    def done(self) -> bool:
        """There is an answer, or a refusal."""
        return self._done.is_set()

    def answer(self, patience: float | None) -> Answer | None:
        """The answer, if it comes within `patience` seconds."""
        while not self._done.wait(patience if patience is not None else 1.0) and patience is None:
            tick()
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome
