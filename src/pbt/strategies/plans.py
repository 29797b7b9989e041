"""Random monotone schedules without any copying: the honest baseline for methods that find schedules.

Each member draws, for each explored number, a first and a last value and two times: the value stays at the first until
a time in the first half, and moves evenly, on the domain's own scale, to the last, which it reaches at a second time.
Where decay is what pays, this is hard to beat; where something must be followed, it is hopeless.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pbt.errors import StrategyError
from pbt.population.chance import Chance
from pbt.population.entries import Decision, Why
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.space.domains import Choice, Constant, Domain
from pbt.space.space import Values
from pbt.space.values import Value
from pbt.strategies.births import birth, first_values
from pbt.strategies.strategy import Memory, Strategy

_LAST = math.nextafter(1.0, 0.0)


class Plans(Strategy, frozen=True):
    """Each member follows a random schedule of its own. Choices and unexplored values stay as they were at birth."""

    def describe(self, population: Population) -> str:
        """Nothing is copied."""
        return "each member follows a random monotone schedule of its own; nobody takes over anything"

    def schedules(self, m: MemberState) -> bool:
        """All of them."""
        return True

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> list[Decision]:
        """Birth, or the next values of the member's plan.

        Raises:
            StrategyError: the number of steps is not known.
        """
        if population.settings.steps is None:
            raise StrategyError("a plan runs from the first step to the last: say how many, steps=…")
        return [self._decide(population, population.members[id]) for id in due]

    def _decide(self, population: Population, m: MemberState) -> Decision:
        if m.unborn:
            return birth(population, m.id, population.settings.interval)
        assert m.hyperparameters is not None
        values = self._planned(population, m, m.hyperparameters)
        return Decision(m.id, m.step + population.settings.interval, hyperparameters=values, why=Why(note="as planned"))

    def _planned(self, population: Population, m: MemberState, values: Values) -> Values:
        settings = population.settings
        chance = Chance(settings.seed, m.id, 0)
        first = first_values(settings, chance)
        part = m.step / max(1, (settings.steps or 1) - settings.interval)
        return {
            name: _at(domain, first[name], chance, name, part) if _moves(domain) else values[name]
            for name, domain in settings.space.domains.items()
        }


def _moves(domain: Domain) -> bool:
    return domain.explore and not isinstance(domain, Choice | Constant)


def _at(domain: Domain, first: Value, chance: Chance, name: str, part: float) -> Value:
    """The value at this part of the training, in [0, 1]."""
    leaves = 0.5 * chance.uniform(f"plan/leaves/{name}")
    arrives = leaves + (1.0 - leaves) * chance.uniform(f"plan/arrives/{name}")
    moved = min(max((part - leaves) / max(arrives - leaves, 1e-9), 0.0), 1.0)
    begin, end = domain.unit(first), chance.uniform(f"plan/last/{name}")
    return domain.sample(min(begin + moved * (end - begin), _LAST))
