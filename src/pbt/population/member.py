"""How one member and its newest lease stand: plain values, changed only by the fold."""

from __future__ import annotations

import msgspec

from pbt.population.entries import Checkpoint, Number, Report, Why
from pbt.space.space import Values


class Lease(msgspec.Struct, frozen=True, gc=False):
    """A member's newest lease.

    Attributes:
        began: the member's step when it began.
        shown: reports with a checkpoint, of whichever member, up to its beginning: to see whether any came since.
        saved: it committed a report with a checkpoint.
        ended: "" while it runs, else "orderly" or "failed".
    """

    number: int
    nonce: str
    turn: bool
    sign: str
    began: int
    shown: int
    saved: bool = False
    ended: str = ""


class Unheard(msgspec.Struct, frozen=True, gc=False):
    """A change of a member's hyperparameters since its last report, of which its worker may not have heard.

    Attributes:
        decision: how many decisions a worker knows of that has heard of it.
        values: what a worker trains with that has not.
    """

    decision: int
    values: Values | None


class MemberState(msgspec.Struct, frozen=True, gc=False):
    """How one member stands.

    Attributes:
        hyperparameters: None before birth, and while they are owed.
        checkpoint: the current one: its own last, or the one that it took over and has not yet replaced.
        before: the one that it had before the current one, since it was last given weights: the one to fall back on.
        teachers: further checkpoints that its last decision which gave it weights named: they stay loadable.
        start: how its worker begins: the word of the decision that gave it its weights; "on" once it has saved.
        contends: its checkpoints may become the best, and reach the goal.
        ready: a report at or past this step makes the member due.
        decisions: how many were taken on it.
        given: the count of the last one that gave it weights or stopped it.
        since: the step at which its present segment began.
        due: it waits for a decision.
        owed: the entry whose decision owes it hyperparameters, or 0.
        standing: it has reported with a checkpoint since its last exploit or birth.
        key: its place in the ranking (smaller is better), or None if it never reported with a checkpoint.
        broken: its current checkpoint is lost.
        cure: it is due because its workers keep dying, and is decided on as if its score were nan.
        losses: leases that ended with nothing to show, and counted, since the last that had something.
        misses: further such leases that did not count, one after another, for want of evidence that the script is
            well.
        drop: checkpoint ids that its last report or lease made unreferenced.
        paused: nothing is decided on it, and nobody takes it up, until somebody resumes it.
        native: it trains the weights of its birth: it took over none, nor began again with other hyperparameters.
        former: its own hyperparameters before the last decision that changed them.
        unheard: the changes of its hyperparameters, since its lease or weights, that its last report's worker had not
            heard of.
        reports: how many it has made.
    """

    id: int
    hyperparameters: Values | None = None
    checkpoint: Checkpoint | None = None
    before: Checkpoint | None = None
    teachers: tuple[Checkpoint, ...] = ()
    start: str = "on"
    contends: bool = True
    step: int = 0
    score: Number | None = None
    evaluations: tuple[Number, ...] = ()
    ready: int = 0
    decisions: int = 0
    given: int = 0
    since: int = 0
    due: bool = True
    owed: int = 0
    standing: bool = False
    key: float | None = None
    broken: bool = False
    cure: bool = False
    losses: int = 0
    misses: int = 0
    stopped: bool = False
    failed: bool = False
    absent: bool = False
    done: bool = False
    lease: Lease | None = None
    last: Report | None = None
    drop: tuple[str, ...] = ()
    offer: Checkpoint | None = None
    why: Why = Why()
    former: Values | None = None
    unheard: tuple[Unheard, ...] = ()
    role: str | None = None
    reports: int = 0
    paused: bool = False
    native: bool = True

    @property
    def newest(self) -> int:
        """The number of its newest lease; 0 before the first."""
        return self.lease.number if self.lease is not None else 0

    @property
    def holds(self) -> tuple[Checkpoint, ...]:
        """The checkpoints that it may go on from, or learn from."""
        return tuple([c for c in (self.checkpoint, self.before, *self.teachers) if c is not None])

    @property
    def saved_step(self) -> int:
        """The step at which the next holder begins: that of the current checkpoint, or 0."""
        return self.checkpoint.step if self.checkpoint is not None else 0

    @property
    def began_with_lost(self) -> bool:
        """Its holder, which has not reported, was given a checkpoint that another worker has found lost since."""
        lease, last = self.lease, self.last
        reported = lease is not None and last is not None and last.lease == lease.number
        return not reported and self.checkpoint is not None and self.step > self.checkpoint.step

    @property
    def unborn(self) -> bool:
        """No decision has given it hyperparameters yet."""
        return self.decisions == 0

    @property
    def waits(self) -> bool:
        """It can not be trained before a decision or an exploration."""
        return self.due or self.owed > 0

    @property
    def living(self) -> bool:
        """Neither done nor absent: a barrier waits for it."""
        return not (self.done or self.absent)
