"""`Population`: the immutable value that a journal folds to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import msgspec

from pbt.errors import UnknownMember
from pbt.population.chance import Chance
from pbt.population.entries import Checkpoint
from pbt.population.member import MemberState
from pbt.population.ranking import Ranked
from pbt.population.recorded import Settings


class Population(msgspec.Struct, frozen=True, gc=False):
    """How a population stands after `count` entries. `pbt.population.fold.apply` gives the next value.

    Attributes:
        ranked: members neither done nor absent, best first, by their own last report with a checkpoint.
        best: the checkpoint with the best finite score so far.
        best_key: its place in a ranking; infinity while there is none.
        borrowed: by owner, checkpoints that another member holds, with how many do.
        due: members that wait for a decision, in the order of their ids.
        living: how many are neither done nor absent.
        undone: how many are not done.
        reached: the goal was reached.
        reports: how many reports there were.
        shown: how many of them had a checkpoint.
        showed: how many members made one with a checkpoint.
        telling: how many members could tell whether the script is well: see `pbt.population.losses`.
        speakers: members whose reports or leases the last entry carried.
        steered: the nonces of the last changes from outside, each with the number of its entry.
        pins: checkpoints that are kept until they are unpinned.
    """

    settings: Settings
    count: int = 0
    members: tuple[MemberState, ...] = ()
    ranked: Ranked = ()
    best: Checkpoint | None = None
    best_key: float = math.inf
    borrowed: dict[int, dict[str, int]] = {}
    due: tuple[int, ...] = ()
    living: int = 0
    undone: int = 0
    reached: bool = False
    reports: int = 0
    shown: int = 0
    showed: int = 0
    telling: int = 0
    speakers: tuple[int, ...] = ()
    steered: dict[str, int] = {}
    pins: tuple[Checkpoint, ...] = ()

    @property
    def finished(self) -> bool:
        """The goal is reached, or every member is done (or absent, in an open population)."""
        left = self.living if self.settings.members is None else self.undone
        return self.reached or (left == 0 and len(self.members) > 0)

    @property
    def paused(self) -> tuple[int, ...]:
        """The ids of paused members, ascending."""
        return tuple([m.id for m in self.members if m.paused])

    def member(self, id: int) -> MemberState:
        """A member by id.

        Raises:
            UnknownMember: if there is none.
        """
        if not 0 <= id < len(self.members):
            raise UnknownMember(f"no member {id}: the population has members 0 to {len(self.members) - 1}")
        return self.members[id]

    def chance(self, id: int) -> Chance:
        """The draws of a member's next decision."""
        return Chance(self.settings.seed, id, self.members[id].decisions)

    def owing(self) -> Iterator[MemberState]:
        """Members whose hyperparameters are owed."""
        return (m for m in self.members if m.owed)

    def references(self, checkpoint: str, owner: int) -> bool:
        """Whether this checkpoint of `owner` is still referenced."""
        return references(self.members[owner], self.best, self.borrowed, self.pins, checkpoint)

    def kept(self, owner: int) -> tuple[str, ...]:
        """The ids of this member's own checkpoints that are still referenced."""
        best = self.best
        ids = {c.id for c in self.members[owner].holds if c.member == owner}
        ids.update(self.borrowed.get(owner, ()))
        if best is not None and best.member == owner:
            ids.add(best.id)
        ids.update(pin.id for pin in self.pins if pin.member == owner)
        return tuple(ids) if len(ids) < 2 else tuple(sorted(ids))

    def referenced(self) -> frozenset[str]:
        """The ids of all checkpoints that are still referenced."""
        held = {c.id for m in self.members for c in m.holds}.union(pin.id for pin in self.pins)
        return frozenset(held.union(() if self.best is None else (self.best.id,)))


def references(
    owner: MemberState, best: Checkpoint | None, borrowed: Mapping[int, Mapping[str, int]],
    pins: tuple[Checkpoint, ...], checkpoint: str,
) -> bool:  # fmt: skip
    """Whether the member that wrote this checkpoint, another one, the run, as its best, or a user may still need it."""
    if (best is not None and best.id == checkpoint) or any(pin.id == checkpoint for pin in pins):
        return True
    return any(own.id == checkpoint for own in owner.holds) or checkpoint in borrowed.get(owner.id, ())
