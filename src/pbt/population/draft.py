"""`Draft`: a population being changed. It keeps ranking, references and counts in step with the members.

A draft lives inside one call of the fold and never leaves it.
"""

from __future__ import annotations

import math
from bisect import insort

from msgspec.structs import replace

from pbt.population.entries import Checkpoint
from pbt.population.member import MemberState
from pbt.population.ranking import insert, key_of, remove
from pbt.population.value import Population


class Draft:
    """A population with members being replaced one by one; `freeze` makes the value."""

    __slots__ = ("_before", "_stale", "best", "borrowed", "due", "living", "members", "ranked", "reached", "reports",
                 "settings", "speakers", "undone")  # fmt: skip

    def __init__(self, before: Population) -> None:
        self._before = before
        self._stale: list[tuple[int, Checkpoint]] = []
        self.settings = before.settings
        self.members = list(before.members)
        self.ranked = before.ranked
        self.best = before.best
        self.borrowed = before.borrowed
        self.due = before.due
        self.living = before.living
        self.undone = before.undone
        self.reached = before.reached
        self.reports = before.reports
        self.speakers = before.speakers

    def __getitem__(self, id: int) -> MemberState:
        return self.members[id]

    def grow(self, m: MemberState) -> None:
        """One member more, not yet born."""
        self.members.append(m)
        self.due = (*self.due, m.id)
        self.living += 1
        self.undone += 1

    def put(self, after: MemberState) -> None:
        """Replace a member, with everything that is counted about it."""
        steps = self.settings.steps
        done = after.stopped or (steps is not None and after.step >= steps and not after.unborn)
        if done != after.done or (done and after.due):
            after = replace(after, done=done, due=after.due and not done)
        old = self.members[after.id]
        self.members[after.id] = after
        if old.due != after.due:
            self._recount_due(after)
        if old.done != after.done:
            self.undone += 1 if old.done else -1
        if old.living != after.living:
            self.living += 1 if after.living else -1
        here, there = old.living and old.key is not None, after.living and after.key is not None
        if here != there or old.key != after.key:
            if here:
                self.ranked = remove(self.ranked, old.key, old.id)  # type: ignore[arg-type]
            if there:
                self.ranked = insert(self.ranked, after.key, after.id)  # type: ignore[arg-type]

    def _recount_due(self, m: MemberState) -> None:
        if m.due:
            due = list(self.due)
            insort(due, m.id)
            self.due = tuple(due)
        else:
            self.due = tuple(i for i in self.due if i != m.id)

    def hold(self, m: MemberState, checkpoint: Checkpoint | None) -> None:
        """Member `m` is about to have `checkpoint` as its current one instead of its present one."""
        if self.settings.checkpoints == "foreign":
            return
        if checkpoint is not None and checkpoint.member != m.id:
            self._lend(checkpoint, 1)
        if m.checkpoint is not None:
            if m.checkpoint.member != m.id:
                self._lend(m.checkpoint, -1)
            self._stale.append((m.id, m.checkpoint))

    def _lend(self, checkpoint: Checkpoint, change: int) -> None:
        lent = dict(self.borrowed.get(checkpoint.member, {}))
        lent[checkpoint.id] = lent.get(checkpoint.id, 0) + change
        if lent[checkpoint.id] == 0:
            del lent[checkpoint.id]
        self.borrowed = {**self.borrowed, checkpoint.member: lent}
        if not lent:
            del self.borrowed[checkpoint.member]

    def contend(self, checkpoint: Checkpoint, key: float) -> None:
        """`checkpoint` becomes the best so far, if it is."""
        if key < (math.inf if self.best is None else key_of(self.best.score, self.settings.maximize)):
            if self.best is not None:
                self._stale.append((checkpoint.member, self.best))
            self.best = checkpoint

    def lose(self, checkpoint: str) -> None:
        """The best so far falls to the best current one if it was this checkpoint."""
        if self.best is None or self.best.id != checkpoint:
            return
        self.best = None
        for m in self.members:
            if m.checkpoint is not None and not m.broken:
                self.contend(m.checkpoint, key_of(m.checkpoint.score, self.settings.maximize))

    def freeze(self, count: int) -> Population:
        """The value."""
        after = Population(
            settings=self.settings,
            count=count,
            members=tuple(self.members),
            ranked=self.ranked,
            best=self.best,
            borrowed=self.borrowed,
            due=() if self.reached else self.due,
            living=self.living,
            undone=self.undone,
            reached=self.reached,
            reports=self.reports,
            pins=self._before.pins,
            speakers=self.speakers if count == self._before.count else (),
        )
        dropped = {c.id: id for id, c in self._stale if not after.references(c.id, c.member)}
        if not dropped or self.settings.checkpoints == "foreign":
            return after
        for checkpoint, id in dropped.items():
            teller = id if not self.speakers or id in self.speakers else self.speakers[0]
            m = self.members[teller]
            self.members[teller] = replace(m, drop=(*m.drop, checkpoint))
        return replace(after, members=tuple(self.members))
