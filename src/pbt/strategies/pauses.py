"""The pause: a strategy that does not decide yet on the members that somebody has paused."""

from __future__ import annotations

from collections.abc import Sequence

from pbt.population.entries import Decision
from pbt.population.population import Population
from pbt.strategies.strategy import Memory, Strategy, Wrapper


class Pauses(Wrapper, frozen=True):
    """`inner`, which is not asked about paused members until they are resumed; births pass at once."""

    inner: Strategy

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> Sequence[Decision]:
        """Decide on the members that are not paused."""
        left = [id for id in due if not population.members[id].paused or population.members[id].unborn]
        return self.inner.decide(population, memory, left) if left else ()
