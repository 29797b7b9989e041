"""The interface of a strategy.

A strategy is a frozen `msgspec.Struct`: its fields are its parameters, recorded in the journal's first
entry. A user's own is named ``module:Class`` and needs no registration: subclass `Strategy`. Strategies see
populations, never clocks, files or workers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from pbt.population.entries import Decision, Entry, Why
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.space.space import Values
from pbt.strategies.shown import Table

Memory = Any
"""A strategy's memory beyond the population; a fold of the same entries."""


class Strategy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Decides on members that are due.

    Attributes:
        remembers: whether it has a memory of its own; a strategy without one pays nothing for it.
        needs_barrier: it decides for all members at once: its populations are synchronous.
        several_objectives: it takes scores that are mappings of several objectives; else they are refused. Where it
            does, ranking, best and goal go by the first, and it finds the others in `MemberState.last`.
        advises: it only advises, and the training scripts decide: nothing of its populations is changed by hand.
        memory_type: its type, of plain values and structs, so that a snapshot can hold it; None: then none is
            taken, and start-up folds the whole journal.
    """

    remembers: ClassVar[bool] = False
    needs_barrier: ClassVar[bool] = False
    several_objectives: ClassVar[bool] = False
    advises: ClassVar[bool] = False
    memory_type: ClassVar[Any] = None

    def __init_subclass__(cls, **config: Any) -> None:
        super().__init_subclass__(**config)
        if "remember" in cls.__dict__ and "remembers" not in cls.__dict__:
            cls.remembers = True

    def check(self) -> None:
        """Look at the parameters once, before a population is created.

        Raises:
            SettingsError: naming the parameter and its range.
        """

    def describe(self, population: Population) -> str:
        """What it does with this population, in one plain sentence, for ``pbt explain``.

        By default the first line of the class's docstring.
        """
        return (type(self).__doc__ or type(self).__name__).strip().splitlines()[0]

    def schedules(self, m: MemberState) -> bool:
        """Whether a schedule of its own says the member's hyperparameters, and values set by hand would not last."""
        return False

    def show(self, population: Population, memory: Memory) -> Sequence[Table]:
        """What a user may want to see of the memory, for the page. By default nothing.

        Args:
            population: as it stands.
            memory: what `remember` made of all entries up to there.
        """
        return ()

    def remember(self, memory: Memory, before: Population | None, entry: Entry) -> Memory:
        """The memory after one more entry. A pure function: it is called again when the journal is folded anew.

        Args:
            memory: the memory before this entry; None at the first.
            before: the population to which the entry happened; None at the first.
            entry: the event, with the decisions that it caused.

        Returns:
            The memory, a new value; None where the population says enough.
        """
        return None

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> Sequence[Decision]:
        """Decide on the members that are due. Fast: a lock is held meanwhile.

        Random search, in which no member takes over another's weights::

            def decide(self, population, memory, due):
                interval, members = population.settings.interval, [population.members[id] for id in due]
                return [
                    birth(population, m.id, interval) if m.unborn else Decision(m.id, m.step + interval)
                    for m in members
                ]

        Args:
            population: as it stands after the entry that made a member due.
            memory: what `remember` made of all entries up to that one.
            due: the ids of the members that wait for a decision, ascending. A member is due from its creation
                (`MemberState.unborn`: its birth is a decision like any other), and after each report with a checkpoint
                at or past the step `Decision.ready` of its last decision.

        Returns:
            Decisions on any members, at most one each. A due member without one waits: that is how a barrier is made.
            With new weights and no hyperparameters a decision owes them: see `explore`.
        """
        raise NotImplementedError

    def explore(
        self, population: Population, memory: Memory, owed: Sequence[Decision]
    ) -> Mapping[int, tuple[Values, Why]]:
        """Hyperparameters for the decisions that owe them. May be slow: it runs outside every lock.

        Args:
            population: as it stood right after the entry with these decisions.
            memory: what `remember` made of all entries up to that one.
            owed: the decisions of that entry that give weights without hyperparameters, all together.

        Returns:
            By member, the values, and the reason that the decision will have: its own, `Decision.why`, with an
            addition of the exploration's.
        """
        raise NotImplementedError


def often(interval: int) -> str:
    """How often something is decided, in words."""
    return "every step" if interval == 1 else f"every {interval} steps"


class Wrapper(Strategy, frozen=True):
    """A strategy around another, which remembers and explores as that one does."""

    @property
    def inner(self) -> Strategy:
        """The other one: a field of the subclass, or made of its fields."""
        raise NotImplementedError

    @property
    def remembers(self) -> bool:  # type: ignore[override]
        """As the inner one."""
        return self.inner.remembers

    @property
    def needs_barrier(self) -> bool:  # type: ignore[override]
        """As the inner one."""
        return self.inner.needs_barrier

    @property
    def several_objectives(self) -> bool:  # type: ignore[override]
        """As the inner one."""
        return self.inner.several_objectives

    @property
    def memory_type(self) -> Any:
        """As the inner one."""
        return self.inner.memory_type

    def describe(self, population: Population) -> str:
        """As the inner one."""
        return self.inner.describe(population)

    def show(self, population: Population, memory: Memory) -> Sequence[Table]:
        """As the inner one."""
        return self.inner.show(population, memory)

    def remember(self, memory: Memory, before: Population | None, entry: Entry) -> Memory:
        """As the inner one."""
        return self.inner.remember(memory, before, entry)

    def explore(
        self, population: Population, memory: Memory, owed: Sequence[Decision]
    ) -> Mapping[int, tuple[Values, Why]]:
        """As the inner one."""
        return self.inner.explore(population, memory, owed)
