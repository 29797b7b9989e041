"""The answer: how a member stands. Never a recorded message, so asking twice is asking once."""

from __future__ import annotations

import msgspec

from pbt.population.entries import Checkpoint, Why
from pbt.population.population import Population
from pbt.population.recorded import FOREIGN, OWN
from pbt.space.space import Values


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """How a member stands, said for the holder of one lease.

    Attributes:
        member: its id; None: there was no member to lease.
        seq: the number of this lease's last committed report.
        decided: it has been born; else everything below is empty.
        seed: the population's.
        wait: ask again: a decision or an exploration is not there yet, or no member is free.
        stop: there is nothing left to train: the member is done, or the population is finished.
        released: the asker's lease is over.
        failed: the member was stopped because its workers keep dying.
        keep: this member's own checkpoints that are still referenced.
        drop: ids of checkpoints, of any member, that are referenced no longer.
        referenced: once the population is finished, all checkpoint ids that stay.
        former: the hyperparameters before the last change.
        start: how to begin: see `Decision.start`; "on": from its own checkpoint, if it has one.
        role: its kind of member, where the strategy has several.
        parents: the checkpoints that its last decision which gave weights named, as far as they are held for it: the
            one taken over, until it has saved its own, and its teachers.
        offer: the original client alone: a checkpoint that it may take over.
        checkpoints: where they are kept; see `Settings`.
    """

    member: int | None = None
    lease: int = 0
    seq: int = 0
    steps: int | None = None
    goal: float | None = None
    maximize: bool = True
    seed: int = 0
    step: int = 0
    hyperparameters: Values = {}
    checkpoint: Checkpoint | None = None
    ready: int = 0
    decisions: int = 0
    given: int = 0
    wait: bool = False
    stop: bool = False
    released: bool = False
    failed: bool = False
    fresh: bool = False
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    referenced: tuple[str, ...] | None = None
    why: Why = Why()
    former: Values | None = None
    start: str = "on"
    role: str | None = None
    parents: tuple[Checkpoint, ...] = ()
    offer: Checkpoint | None = None
    checkpoints: str = OWN

    @property
    def foreign(self) -> bool:
        """Checkpoints are neither kept nor collected here."""
        return self.checkpoints == FOREIGN


def answer(population: Population, member: int, lease: int) -> Answer:
    """How `member` stands, for the holder of `lease`."""
    m = population.members[member]
    settings = population.settings
    newest = m.lease
    finished = population.finished
    stop = finished or m.done
    return Answer(
        member=member,
        lease=lease,
        seq=m.last.seq if m.last is not None and m.last.lease == lease else 0,
        steps=settings.steps,
        goal=settings.goal,
        maximize=settings.maximize,
        seed=settings.seed,
        step=m.step,
        hyperparameters=m.hyperparameters or {},
        checkpoint=m.checkpoint,
        ready=m.ready,
        decisions=m.decisions,
        given=m.given,
        wait=(m.due or m.owed > 0) and not stop,
        stop=stop,
        released=newest is None or newest.number != lease or newest.ended != "",
        failed=m.failed,
        fresh=population.reports == 0,
        keep=() if settings.foreign else population.kept(member),
        drop=m.drop,
        referenced=_at_the_end(population) if finished else None,
        why=m.why,
        former=m.former,
        start=m.start,
        role=m.role,
        parents=(m.checkpoint, *m.teachers) if m.start != "on" and m.checkpoint is not None else m.teachers,
        offer=m.offer,
        checkpoints=settings.checkpoints,
    )


def _at_the_end(population: Population) -> tuple[str, ...] | None:
    """All checkpoints that stay in a finished population; an open one may always grow again."""
    settings = population.settings
    over = population.reached or settings.members is not None
    return tuple(sorted(population.referenced())) if over and not settings.foreign else None


def no_member(population: Population) -> Answer:
    """There is no member to lease: wait for one, or stop because there is nothing left to train."""
    return Answer(wait=not population.finished, stop=population.finished)
