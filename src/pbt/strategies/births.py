"""Births: the first decision on a member."""

from __future__ import annotations

from pbt.population.entries import Decision, Why
from pbt.population.population import Population


def birth(population: Population, member: int, ready: int) -> Decision:
    """Weights from the user's own initialisation, hyperparameters from `initial` or the space.

    The first members get the configurations of the setting `initial`, completed from the space.
    """
    settings = population.settings
    chance = population.chance(member)
    values = settings.space.sample(lambda name: chance.uniform(f"birth/{name}"))
    note = ""
    if member < len(settings.initial):
        values.update(settings.initial[member])
        note = "initial"
    return Decision(member, ready, start="fresh", hyperparameters=values, why=Why(note=note))
