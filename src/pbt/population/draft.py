"""`Draft`: a population being changed. It keeps ranking, references and counts in step with the members.

A draft lives inside one call of the fold and never leaves it; one serves for any number of entries.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from pbt.population.entries import Checkpoint
from pbt.population.losses import can_tell
from pbt.population.member import MemberState
from pbt.population.population import Population, references
from pbt.population.ranking import insert, key_of, remove


class Draft:
    """A population with members being replaced one by one; `freeze` makes the value."""

    __slots__ = (
        "_stale",
        "best",
        "best_key",
        "borrowed",
        "count",
        "due",
        "living",
        "members",
        "pins",
        "ranked",
        "reached",
        "reports",
        "settings",
        "showed",
        "shown",
        "speakers",
        "steered",
        "telling",
        "undone",
    )

    def __init__(self, before: Population) -> None:
        self._stale: list[tuple[int, Checkpoint]] = []
        self.count = before.count
        self.settings = before.settings
        self.members = list(before.members)
        self.ranked = before.ranked
        self.best = before.best
        self.best_key = before.best_key
        self.borrowed = before.borrowed
        self.due = before.due
        self.living = before.living
        self.undone = before.undone
        self.reached = before.reached
        self.reports = before.reports
        self.shown = before.shown
        self.showed = before.showed
        self.telling = before.telling
        self.speakers = before.speakers
        self.steered = before.steered
        self.pins = before.pins

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
        done = after.stopped or (steps is not None and after.step >= steps and after.decisions > 0)
        if done != after.done or (done and after.due):
            after = replace(after, done=done, due=after.due and not done)
        old = self.members[after.id]
        self.members[after.id] = after
        if old.due != after.due:
            if not after.due:
                self.due = tuple([i for i in self.due if i != after.id])
            else:
                self.due = tuple(sorted((*self.due, after.id))) if self.due else (after.id,)
        if old.done != done:
            self.undone += 1 if old.done else -1
        lived, lives = not (old.done or old.absent), not (done or after.absent)
        if lived != lives:
            self.living += 1 if lives else -1
        if old.key is None and after.key is not None:
            self.showed += 1
        told, tells = can_tell(old), can_tell(after)
        if told != tells:
            self.telling += 1 if tells else -1
        before, now = old.key if lived else None, after.key if lives else None
        if before != now:
            if before is not None:
                self.ranked = remove(self.ranked, before, old.id)
            if now is not None:
                self.ranked = insert(self.ranked, now, after.id)

    def hold(self, m: MemberState, *checkpoints: Checkpoint | None) -> None:
        """Member `m` is about to hold these, and no others: to go on from, to fall back on, or to learn from."""
        if self.settings.foreign:
            return
        for c in checkpoints:
            if c is not None and c.member != m.id:
                self._lend(c, 1)
        for c in m.holds:
            if c.member != m.id:
                self._lend(c, -1)
            if not any(c is kept for kept in checkpoints):
                self._stale.append((m.id, c))

    def _lend(self, checkpoint: Checkpoint, change: int) -> None:
        lent = dict(self.borrowed.get(checkpoint.member, {}))
        lent[checkpoint.id] = lent.get(checkpoint.id, 0) + change
        if lent[checkpoint.id] == 0:
            del lent[checkpoint.id]
        self.borrowed = {**self.borrowed, checkpoint.member: lent}
        if not lent:
            del self.borrowed[checkpoint.member]

    def pin(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint until it is unpinned."""
        if all(pin.id != checkpoint.id for pin in self.pins):
            self.pins = (*self.pins, checkpoint)

    def unpin(self, checkpoint: str) -> None:
        """Keep a checkpoint no longer than anybody needs it."""
        for pin in self.pins:
            if pin.id == checkpoint:
                self._stale.append((pin.member, pin))
        self.pins = tuple([pin for pin in self.pins if pin.id != checkpoint])

    def contend(self, checkpoint: Checkpoint, key: float) -> None:
        """`checkpoint` becomes the best so far, if it is."""
        if key < self.best_key:
            if self.best is not None:
                self._stale.append((checkpoint.member, self.best))
            self.best, self.best_key = checkpoint, key

    def lose(self, checkpoint: str) -> None:
        """No pin holds this checkpoint, and the best so far falls to the best current one if it was this one."""
        self.pins = tuple([pin for pin in self.pins if pin.id != checkpoint])
        if self.best is None or self.best.id != checkpoint:
            return
        self.best, self.best_key = None, math.inf
        for m in self.members:
            if m.checkpoint is not None and m.contends and not m.broken:
                self.contend(m.checkpoint, key_of(m.checkpoint.score, self.settings.maximize))

    def settle(self) -> None:
        """Have checkpoints that became stale, by an event or by decisions, deleted if they are referenced no longer."""
        if self._stale:
            if not self.settings.foreign:
                self._drop_unreferenced()
            self._stale = []

    def freeze(self) -> Population:
        """The value."""
        return Population(
            self.settings,
            self.count,
            tuple(self.members),
            self.ranked,
            self.best,
            self.best_key,
            self.borrowed,
            () if self.reached else self.due,
            self.living,
            self.undone,
            self.reached,
            self.reports,
            self.shown,
            self.showed,
            self.telling,
            self.speakers,
            self.steered,
            self.pins,
        )

    def _drop_unreferenced(self) -> None:
        """Put each unreferenced checkpoint on the `drop` list of the member whose report or lease released it.

        If that member did not speak, on the first speaker's.

        A worker deletes its own member's older checkpoints in any case, those that are not in `kept`.
        """
        told = set()
        for id, checkpoint in self._stale:
            teller = id if not self.speakers or id in self.speakers else self.speakers[0]
            if checkpoint.member == teller or checkpoint.id in told:
                continue
            owner = self.members[checkpoint.member]
            if not references(owner, self.best, self.borrowed, self.pins, checkpoint.id):
                told.add(checkpoint.id)
                m = self.members[teller]
                self.members[teller] = replace(m, drop=(*m.drop, checkpoint.id))
