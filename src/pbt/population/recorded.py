"""What a population is: its settings, fixed by the first entry, as the journal records them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from pbt.space.numbers import LARGEST
from pbt.space.space import Space, Values

Count = Annotated[int, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
"""Below 0 is refused where it is understood, with a sentence that says more."""

Word = Annotated[str, msgspec.Meta(max_length=200)]
"""Something short that somebody else chose."""


OWN, FOREIGN = "own", "foreign"
"""Checkpoints that are kept and collected with the population, and strings that only the user understands."""


class Part(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Values in values: no cycle can come about, so the garbage collector need not look (a third of a cycle's cost)."""


class StrategyRecord(Part, frozen=True, gc=False):
    """A strategy's name, or ``module:Class``, with its parameters."""

    name: str
    parameters: dict[str, Any] = {}


class Settings(Part, frozen=True, gc=False, kw_only=True, omit_defaults=False):
    """What a population is, fixed by its first entry. All of it is written: a later default changes no old run.

    Attributes:
        members: how many; None: open, every join makes one more.
        interval: steps between decisions.
        steps: how many each member is to do; None: until a goal or `finish`.
        goal: a score that ends the run.
        initial: values with which the first members are born.
        quorum: nobody is exploited for a low rank before this many members are ranked;
            None: max(2, half of the members that are not done).
        synchronous: decide for all members at once, at a barrier.
        barrier_timeout: seconds without a living holder after which the barrier goes on without a member.
        turn_steps: steps that a worker trains a member before it may go to one further behind.
        checkpoints: "own": kept and collected in the population's folder; a URL: kept and collected in the object
            store there; "foreign": strings that only the user understands.
        overrides: names of the settings that a command line decided, which scripts say nothing about any longer;
            absent where there are none.
    """

    space: Space
    maximize: bool
    seed: int
    interval: int
    strategy: StrategyRecord = StrategyRecord("pbt")
    members: int | None = None
    steps: int | None = None
    goal: float | None = None
    initial: tuple[Values, ...] = ()
    quorum: int | None = None
    synchronous: bool = False
    barrier_timeout: float = 600.0
    turn_steps: int = 1
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
