"""The constraints of a space, kept for whatever a strategy decides.

Where the values of a decision break one, the member gets those that its weights come with (or, at birth, others drawn),
moved as far towards the decided ones as the constraints allow. The reason names those that had to stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from pbt.population.entries import Decision, Why
from pbt.population.population import Population
from pbt.space.space import Values
from pbt.strategies.births import first_values
from pbt.strategies.strategy import Memory, Strategy, Wrapper

STAYS = "stays: constraints"
"""The operation of a hyperparameter that had to stay."""


class Constrained(Wrapper, frozen=True):
    """`inner`, whose values satisfy the constraints of the space."""

    inner: Strategy

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> Sequence[Decision]:
        """As the inner one, with values that satisfy the constraints."""
        return [_kept(population, d) for d in self.inner.decide(population, memory, due)]

    def explore(
        self, population: Population, memory: Memory, owed: Sequence[Decision]
    ) -> Mapping[int, tuple[Values, Why]]:
        """As the inner one, with values that satisfy the constraints."""
        found = self.inner.explore(population, memory, owed)
        decisions = {d.member: d for d in owed}
        kept = {}
        for member, (values, why) in found.items():
            d = replace(decisions[member], hyperparameters=values, why=why) if member in decisions else None
            kept[member] = (values, why) if d is None else _values_of(_kept(population, d))
        return kept


def _values_of(d: Decision) -> tuple[Values, Why]:
    assert d.hyperparameters is not None
    return d.hyperparameters, d.why


def _kept(population: Population, d: Decision) -> Decision:
    space, wanted = population.settings.space, d.hyperparameters
    if wanted is None or not 0 <= d.member < len(population.members) or space.fault(wanted) is None:
        return d
    if not all(name in wanted and wanted[name] in domain for name, domain in space.domains.items()):
        return d  # refused for that, with a sentence that says so
    values, stay = space.towards(_from(population, d), wanted)
    return replace(
        d, hyperparameters=values, why=replace(d.why, operations={**d.why.operations, **dict.fromkeys(stay, STAYS)})
    )


def _from(population: Population, d: Decision) -> Values:
    """Values that satisfy the constraints, and fit the weights: those that the weights were trained with."""
    if d.source is not None:
        return d.source.hyperparameters
    now = population.members[d.member].hyperparameters
    if d.start == "on" and now is not None:
        return now
    return first_values(population.settings, population.chance(d.member))
