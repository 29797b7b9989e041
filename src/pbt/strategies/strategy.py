"""What a strategy is.

A strategy is a frozen `msgspec.Struct`: its fields are its parameters, recorded in the journal's first
entry. A user's own is named ``module:Class`` and needs no registration; subclass `Strategy` or give the
three methods. Strategies see populations, never clocks, files or workers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from pbt.population.entries import Decision, Entry, Why
from pbt.population.population import Population
from pbt.space.space import Values

Memory = Any
"""What a strategy remembers beyond the population; a fold of the same entries."""


class Strategy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Decides what becomes of members that are due.

    Attributes:
        remembers: whether it has a memory of its own; who has none pays nothing for it.
        needs_barrier: it decides for all members at once: its populations are synchronous.
        several_objectives: it takes scores that are mappings of several objectives; else they are refused. Where it
            does, ranking, best and goal go by the first, and it finds the others in `MemberState.last`.
        memory_type: its type, of plain values and structs, so that a snapshot can hold it; None: then none is
            taken, and start-up folds the whole journal.
    """

    remembers: ClassVar[bool] = False
    needs_barrier: ClassVar[bool] = False
    several_objectives: ClassVar[bool] = False
    memory_type: ClassVar[Any] = None

    def __init_subclass__(cls, **config: Any) -> None:
        super().__init_subclass__(**config)
        if "remember" in cls.__dict__ and "remembers" not in cls.__dict__:
            cls.remembers = True

    def check(self) -> None:
        """Look at the parameters once, before a population is created.

        Raises:
            SettingsError: naming the parameter and what it may be.
        """

    def remember(self, memory: Memory, before: Population | None, entry: Entry) -> Memory:
        """The memory after `entry`, which happened to `before`. Pure; None where the population says enough."""
        return None

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> Sequence[Decision]:
        """Decisions for members that are `due` (or any other), at once; due members left out wait.

        An unborn member is due from the beginning; its birth is a decision like any other.
        """
        raise NotImplementedError

    def explore(
        self, population: Population, memory: Memory, owed: Sequence[Decision]
    ) -> Mapping[int, tuple[Values, Why]]:
        """Hyperparameters for all decisions of one entry that owe them, on the fold right after it.

        May be slow: it runs outside every lock.

        Returns:
            By member, the values, and the reason that the decision will have: its own, `Decision.why`, with what
            the exploration adds.
        """
        raise NotImplementedError


class Wrapper(Strategy, frozen=True):
    """A strategy around another, which remembers and explores as that one does."""

    inner: Strategy

    @property
    def remembers(self) -> bool:  # type: ignore[override]
        """As the inner one."""
        return self.inner.remembers

    @property
    def several_objectives(self) -> bool:  # type: ignore[override]
        """As the inner one."""
        return self.inner.several_objectives

    @property
    def memory_type(self) -> Any:
        """As the inner one."""
        return self.inner.memory_type

    def remember(self, memory: Memory, before: Population | None, entry: Entry) -> Memory:
        """As the inner one."""
        return self.inner.remember(memory, before, entry)

    def explore(
        self, population: Population, memory: Memory, owed: Sequence[Decision]
    ) -> Mapping[int, tuple[Values, Why]]:
        """As the inner one."""
        return self.inner.explore(population, memory, owed)
