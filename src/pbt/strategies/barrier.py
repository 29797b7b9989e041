"""The barrier: a strategy that does not decide before every living member is due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pbt.population.entries import Decision, Entry
from pbt.population.population import Population
from pbt.space.space import Values
from pbt.strategies.strategy import Memory, Strategy


class Together(Strategy, frozen=True):
    """`inner`, deciding for all members from one snapshot; births pass at once."""

    inner: Strategy

    @property
    def remembers(self) -> bool:  # type: ignore[override]
        """As the inner one."""
        return self.inner.remembers

    @property
    def memory_type(self) -> Any:
        """As the inner one."""
        return self.inner.memory_type

    def remember(self, memory: Memory, before: Population | None, entry: Entry) -> Memory:
        """As the inner one."""
        return self.inner.remember(memory, before, entry)

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> Sequence[Decision]:
        """Decide for the unborn, and for everybody else once all living members are due."""
        unborn = [id for id in due if population.members[id].unborn]
        complete = sum(population.members[id].living for id in due) == population.living
        return self.inner.decide(population, memory, due if complete else unborn) if complete or unborn else ()

    def explore(self, population: Population, memory: Memory, owed: Sequence[Decision]) -> Mapping[int, Values]:
        """As the inner one."""
        return self.inner.explore(population, memory, owed)
