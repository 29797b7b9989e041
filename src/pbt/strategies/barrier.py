"""The barrier: a strategy that does not decide before every living member is due."""

from __future__ import annotations

from collections.abc import Sequence

from pbt.population.entries import Decision
from pbt.population.population import Population
from pbt.strategies.strategy import Memory, Strategy, Wrapper


class Barrier(Wrapper, frozen=True):
    """`inner`, deciding for all members from one snapshot; births pass at once."""

    inner: Strategy

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> Sequence[Decision]:
        """Decide for the unborn, and for everybody else once all living members are due."""
        unborn = [id for id in due if population.members[id].unborn]
        complete = sum(population.members[id].living for id in due) == population.living
        return self.inner.decide(population, memory, due if complete else unborn) if complete or unborn else ()
