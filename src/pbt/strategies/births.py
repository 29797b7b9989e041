"""Births: the first decision on a member."""

from __future__ import annotations

from pbt.population.chance import Chance
from pbt.population.entries import Decision, Why
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.space.space import TRIES, Values
from pbt.strategies.explore import first_good


def birth(population: Population, member: int, ready: int) -> Decision:
    """Weights from the user's own initialisation, hyperparameters as `first_values` says."""
    values = first_values(population.settings, population.chance(member))
    note = "initial" if member < len(population.settings.initial) else ""
    return Decision(member, ready, start="fresh", hyperparameters=values, why=Why(note=note))


def first_values(settings: Settings, chance: Chance) -> Values:
    """Hyperparameters from the space; the first members get the configurations of `initial`, completed from it.

    They are drawn until all constraints hold.

    Args:
        chance: of the member's first decision.
    """
    given = settings.initial[chance.member] if chance.member < len(settings.initial) else {}

    def drawn(purpose: str) -> Values:
        return {**settings.space.birth(lambda name: chance.uniform(f"{purpose}/{name}")), **given}

    values = first_good(drawn, settings.space.holds, "birth", TRIES)
    return values if given or settings.space.holds(values) else settings.space.example() or values
