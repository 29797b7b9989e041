"""The settings of a population, fixed by the first entry, as the journal records them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from pbt.space.numbers import LARGEST
from pbt.space.space import Space, Values

Count = Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
"""Below 0 is refused where it is understood, with a sentence that says more."""

LONGEST_WORD = 200
Word = Annotated[str, msgspec.Meta(max_length=LONGEST_WORD)]
"""A short text from a user or a client."""


OWN, FOREIGN = "own", "foreign"
"""Checkpoints that are kept and collected with the population, and strings that only the user understands."""


class Part(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Values in values: no cycle can come about, so the garbage collector need not look (a third of a cycle's cost)."""


class StrategyRecord(Part, frozen=True, gc=False):
    """A strategy's name, or ``module:Class``, with its parameters."""

    name: str
    parameters: dict[str, Any] = {}


class Settings(Part, frozen=True, gc=False, kw_only=True, omit_defaults=False):
    """The settings of a population, fixed by its first entry. All are written: a later default changes no old run.

    Attributes:
        space: hyperparameters by name, each with its domain.
        maximize: whether a higher score is better.
        seed: of all chance, 0 or more.
        interval: steps between two decisions on a member, 1 or more.
        strategy: the strategy that decides, with all its parameters.
        members: how many, 1 or more; None: open, every join makes one more.
        steps: how many each member is to do, 1 or more; None: until a goal or `finish`.
        goal: a finite score that ends the run once a checkpoint reaches it.
        initial: hyperparameters with which the first members are born.
        quorum: no member exploits for a low rank before this many members, 1 or more, are ranked;
            None: max(2, half of the members that are not done).
        synchronous: decide for all members at once, at a barrier.
        barrier_timeout: seconds, above 0, without a living holder after which the barrier goes on without a member.
        turn_steps: steps that a worker trains a member, 1 or more, before it may go to one further behind.
        checkpoints: "own": kept and collected in the population's folder; a URL: kept and collected in the object
            store there; "foreign": strings that only the user understands.
        overrides: names of the settings that a command line decided, which scripts say nothing about any longer;
            absent where there are none.
    """

    space: Space
    maximize: bool
    seed: Count
    interval: Count
    strategy: StrategyRecord = StrategyRecord("pbt")
    members: Count | None = None
    steps: Count | None = None
    goal: float | None = None
    initial: tuple[Values, ...] = ()
    quorum: Count | None = None
    synchronous: bool = False
    barrier_timeout: float = 600.0
    turn_steps: Count = 1
    checkpoints: str = OWN
    overrides: tuple[Word, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def overridden(self) -> frozenset[str]:
        """Names of the settings that a command line decided."""
        return frozenset(self.overrides or ())

    @property
    def foreign(self) -> bool:
        """Checkpoints are neither kept nor collected here."""
        return self.checkpoints == FOREIGN
