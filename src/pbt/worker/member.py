"""`Member`: the handle of a training script on the member that it trains."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from msgspec.structs import replace

from pbt import preempt
from pbt.checkpoints.store import CheckpointStore
from pbt.coordinator.answer import Answer
from pbt.coordinator.interface import AnyCoordinator
from pbt.coordinator.seat import Outcome, Seat
from pbt.disk.waiting import LAST_POLL, Waiting
from pbt.errors import CheckpointError, DiskFull, LeaseLost, NotLoaded, OutOfReach, PBTError, Stopped, refuses
from pbt.population.entries import Released, Report
from pbt.space.numbers import whole
from pbt.worker.checkpointer import Checkpointer, Save
from pbt.worker.outbox import Outbox, WhenAway
from pbt.worker.progress import Progress
from pbt.worker.report import Readings, draft, warn_if_unsaved
from pbt.worker.standing import Standing

_log = logging.getLogger("pbt")
_open: weakref.WeakSet[Member] = weakref.WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _open.clear())  # a forked child holds none of them


def held_here(where: str) -> list[int]:
    """The members of one population that this process holds."""
    return sorted(member.id for member in list(_open) if member._where == where)


class Member(Standing):
    """One member, from `pbt.join`: ``member["lr"]``, `steps`, `report`, until it is finished.

    Used from one thread of one process. As a context manager it gives the member back at the end.

    Attributes:
        finished: this worker trained it to its end, or saw the goal reached. False where there was nothing left to do.
        lost: another worker has taken it over.
        interrupted: training was asked to stop (SIGTERM, Ctrl-C, `preempt`).
    """

    def __init__(
        self,
        coordinator: AnyCoordinator,
        store: CheckpointStore | None,
        answer: Answer,
        when_away: WhenAway = "wait",
        where: str = "",
    ) -> None:
        self._checkpointer = Checkpointer(coordinator, store)
        super().__init__(Seat(answer), self._checkpointer.fetch)
        self._coordinator = coordinator
        self._where = where
        self._outbox = Outbox(where, coordinator, when_away)
        self._progress = Progress()
        self._process = os.getpid()
        self._readings = Readings()
        self._preempted = self._asked = False
        self.lost = False
        self.reported = 0
        self._showed = False
        if not self._over:
            preempt.watch()
            _open.add(self)
            self._take(answer)
        self.finished = self._exploited = False

    @property
    def stop(self) -> bool:
        """There is nothing left to train."""
        return self._over or self._answer.stop

    @property
    def interrupted(self) -> bool:
        """Training was asked to stop."""
        return self._preempted or preempt.requested()

    # --- training ---

    def steps(self) -> Iterator[int]:
        """The steps from where the member stands to its last one, following it through exploits."""
        preempt.renew()
        while not self._ends():
            yield self._next_step()

    def _next_step(self) -> int:
        self._seat.step += 1
        return self._seat.step

    def _ends(self) -> bool:
        last = self._answer.steps
        return self._over or (last is not None and self.step >= last)

    def due(self, step: int) -> bool:
        """Whether a report at `step` needs a checkpoint (a goal reached comes on top)."""
        self._asked = True
        last = self._answer.steps
        return step >= self._answer.ready or (last is not None and step >= last) or self.interrupted

    def staging(self) -> Path:
        """A new empty folder to save into from anywhere; ``report(…, checkpoint=folder)`` publishes it by rename."""
        self._asked = True
        return self._checkpointer.staging(self._answer)

    def report(
        self,
        score: Any,
        *,
        step: int | None = None,
        save: Save | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        metrics: Mapping[str, Any] | None = None,
        used: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Report a score, and learn the decision on the member.

        Args:
            score: a number, or a list of evaluations whose mean is the score.
            step: the member's step; by default the one that `steps()` gave.
            save: ``save(folder)`` writes the training state into the folder; called only when a checkpoint is due.
            checkpoint: instead of `save`: a folder from `staging`, or a path of your own, which is copied.
            metrics: further numbers to keep.
            used: hyperparameters read back from the training code, to find those that a load has undone.

        Raises:
            NotLoaded: the checkpoint that an exploit or a take-over gave was never read.
            LeaseLost: another worker has taken the member (in `turns`, `member.lost` says so instead).
            Invalid: the step does not go forward, a score is no number, or a due checkpoint is missing.
        """
        self._check_usable()
        preempt.renew()
        at = self.step if step is None else whole(step, "step")
        report = draft(self._seat, at, score, metrics, used)
        self._readings.compare(self._answer, report.used)
        warn_if_unsaved(self._answer, at, save is not None or checkpoint is not None or self._asked)
        changed = False
        if self._outbox.pending is not None:
            outcome = self._send(self._outbox.pending, self._may_go_on(report), went_on=True)
            if outcome is None:
                self._outbox.keep(report)
                self._seat.step = at
                return Outcome(False, False, self._answer.why)
            if outcome.exploit or at <= self.step or self._over:
                self._outbox.drop("the one before them led to another decision")
                return outcome
            changed, self._seat.step = outcome.changed, at
        give_back = self.interrupted
        if give_back and (save is not None or checkpoint is not None):
            report = replace(report, release=True)
        report = self._outbox.with_history(self._saved(report, save, checkpoint))
        outcome = self._send(report, self._may_go_on(report))
        if outcome is None:
            return Outcome(False, changed, self._answer.why)
        if give_back and not self._over:
            self.close()
        return outcome._replace(changed=True) if changed else outcome

    def _may_go_on(self, report: Report) -> bool:
        return not self.interrupted and self._outbox.may_go_on(report, self._answer)

    def _saved(self, report: Report, save: Save | None, checkpoint: Any) -> Report:
        """The report with its checkpoint; while the disk is full it waits, unless this process is asked to stop.

        If the lease was lost while saving, the new holder has deleted the staging folder: that is said, not the error.
        """
        waiting = Waiting(after=0, first=LAST_POLL, last=LAST_POLL)
        while True:
            try:
                return self._checkpointer.with_checkpoint(report, self._answer, save, checkpoint)
            except (OSError, CheckpointError) as error:
                if self._coordinator.stand(self.id, self._answer.lease).released:
                    raise LeaseLost(
                        f"member {self.id}: another worker has taken it while this one was saving"
                    ) from error
                if isinstance(error, DiskFull) and not self.interrupted:
                    waiting.pause(f"member {self.id} waits: {error}")
                    continue
                raise

    def _check_usable(self) -> None:
        if os.getpid() != self._process:
            raise PBTError("this member belongs to the process that joined: call pbt.join in the forked one")
        if self._over:
            raise LeaseLost(
                f"member {self.id} is no longer this worker's: report inside the loop over steps(), "
                "or in one that ends when member.stop is true"
            )
        if self._seat.unread:
            raise NotLoaded(
                f"member {self.id} was given a checkpoint and went on without it: load member.checkpoint before "
                "training, then set the hyperparameters"
            )

    def _send(self, report: Report, go_on: bool = False, went_on: bool = False) -> Outcome | None:
        """Send a report and take its answer; None: it has no answer yet and stays pending, and training may go on."""
        try:
            answer = self._answered(report, go_on)
        except PBTError as error:
            if not refuses(error):
                raise
            self._outbox.pending = None
            self._outbox.drop(str(error))
            self._checkpointer.unpublish(report, self._coordinator.stand(self.id, self._answer.lease))
            raise
        if answer is None:
            self._seat.step = max(self.step, report.step)
            return None
        self._outbox.pending = None
        self.reported += 1
        if self._seat.recorded(report, answer, went_on):
            self._showed = self._showed or report.checkpoint is not None
        else:
            self._checkpointer.unpublish(report, answer)
        self._progress.show(self.id, report.step, answer.steps, report.score)
        return self._take(answer)

    def _answered(self, report: Report, go_on: bool) -> Answer | None:
        """The answer once there is a decision; the member is given back if this process is asked to stop meanwhile."""
        try:
            return self._outbox.answer(report, go_on, lambda: self.interrupted)
        except Stopped:
            return self._coordinator.tell(Released(self.id, self._answer.lease))

    def _take(self, answer: Answer) -> Outcome:
        """Go on from how the member stands now."""
        try:
            answer, self._path = self._checkpointer.whole(answer, self._seat)
        except OutOfReach:
            self._end()
            raise
        outcome = self._seat.take(answer)
        if outcome.exploit or outcome.changed:
            self._readings.begin()
        if outcome.exploit:
            self._read = None
        self._exploited = outcome.exploit
        self._checkpointer.collect(answer)
        if answer.stop or answer.released:
            self.lost = self._checkpointer.gave_back
            self.finished = answer.stop and not answer.failed
            self._end()
        return outcome

    # --- ending ---

    def preempt(self) -> None:
        """The next report saves, gives the member back and ends `steps()`; for handlers of your own."""
        self._preempted = True

    def finish(self) -> None:
        """This member is trained enough; for populations without a number of steps."""
        self._check_usable()
        if self._outbox.pending is not None:
            self._send(self._outbox.pending, went_on=True)
        self._outbox.drop("the member is finished before the next report, with which they would have been said")
        if not self._over:
            self._take(self._coordinator.finish(self.id, self._answer.lease))

    def close(self, failed: bool = False) -> None:
        """Give the member back, so that another worker can take it at once.

        Without a checkpoint reported since it was taken, and unless training was asked to stop, that counts as
        `failed`, whatever the reason: three times, while other members do well, and the member is given other
        weights and hyperparameters.
        """
        if self._over or os.getpid() != self._process:
            return
        self._outbox.drop("the member is given back before the next report, with which they would have been said")
        if self._outbox.waits:
            _log.warning(
                "member %d can not be given back while the coordinator is away: its lease will expire", self.id
            )
            self._end()
            return
        try:
            nothing = failed or not self._showed
            self._coordinator.tell(Released(self.id, self._answer.lease, nothing and not self.interrupted))
        except PBTError as error:
            _log.warning("member %d could not be given back: %s", self.id, error)
        self._end()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._progress.end()
            self._checkpointer.end()
            _open.discard(self)
            preempt.unwatch()
            self._coordinator.let_go(self.id)

    def __enter__(self) -> Member:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=kind is not None and issubclass(kind, Exception))


@atexit.register
def _give_back_at_exit() -> None:
    uncaught = isinstance(getattr(sys, "last_value", None), Exception)
    for member in list(_open):
        member.close(failed=uncaught)
