"""Bounds that were moved from outside: values from before are brought in when a decision passes them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from pbt.population.entries import Decision, Why
from pbt.population.population import Population
from pbt.space.domains import Float, Int
from pbt.space.numbers import plain
from pbt.space.space import Space, Values
from pbt.strategies.strategy import Memory, Strategy, Wrapper


class Bounded(Wrapper, frozen=True):
    """`inner`, whose values are inside the bounds as they are now."""

    inner: Strategy

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> Sequence[Decision]:
        """As the inner one, with values that it took over brought in."""
        decisions = self.inner.decide(population, memory, due)
        space = _moved(population)
        if space is None:
            return decisions
        return [
            d if d.hyperparameters is None else replace(d, hyperparameters=_inside(space, d.hyperparameters))
            for d in decisions
        ]

    def explore(
        self, population: Population, memory: Memory, owed: Sequence[Decision]
    ) -> Mapping[int, tuple[Values, Why]]:
        """As the inner one, with values that it took over brought in."""
        found = self.inner.explore(population, memory, owed)
        space = _moved(population)
        return found if space is None else {id: (_inside(space, values), why) for id, (values, why) in found.items()}


def _moved(population: Population) -> Space | None:
    """The space, if it was changed since the population was created."""
    settings = population.settings
    return settings.space if "space" in (settings.overrides or ()) else None


def _inside(space: Space, values: Values) -> Values:
    """The nearest values inside the ranges; what is no number at all stays, to be refused."""
    found = dict(values)
    for name, domain in space.domains.items():
        if name in found and isinstance(domain, Float | Int) and type(plain(found[name])) in (int, float):
            found[name] = domain.clip(found[name])
    return found
