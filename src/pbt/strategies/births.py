"""Births: the first decision on a member."""

from __future__ import annotations

from pbt.population.chance import Chance
from pbt.population.entries import Decision, Why
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.space.space import Values


def birth(population: Population, member: int, ready: int) -> Decision:
    """Weights from the user's own initialisation, hyperparameters as `first_values` says."""
    values = first_values(population.settings, population.chance(member))
    note = "initial" if member < len(population.settings.initial) else ""
    return Decision(member, ready, start="fresh", hyperparameters=values, why=Why(note=note))


def first_values(settings: Settings, chance: Chance) -> Values:
    """Hyperparameters from the space; the first members get the configurations of `initial`, completed from it.

    Args:
        chance: of the member's first decision.
    """
    values = settings.space.birth(lambda name: chance.uniform(f"birth/{name}"))
    if chance.member < len(settings.initial):
        values.update(settings.initial[chance.member])
    return values
