"""PB2 with choices: PB2-Rand, PB2-Mult and PB2-Mix (Parker-Holder et al. 2021, arXiv 2106.15883).

The choices of a child come first, then the rest, from a Gaussian process given them:

* PB2-Rand: each choice is drawn anew with probability one half, else the parent's; the process knows no choices.
* PB2-Mult: choices by TV.EXP3.M; a process for each combination of choices, of its own rows alone.
* PB2-Mix: choices by TV.EXP3.M; one process, whose covariance mixes choices and the rest.

The published code asks its process about the parent's choices; here it is asked about those that were drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from pbt.population.entries import Decision
from pbt.population.population import Population
from pbt.space.domains import Choice
from pbt.space.space import Space, Values
from pbt.space.values import index
from pbt.strategies.exp3 import Rates, drawn, probabilities
from pbt.strategies.pb2 import PB2
from pbt.strategies.rows import Row, Rows
from pbt.strategies.shown import Table, cell


def choices(space: Space) -> dict[str, Choice]:
    """The explored choices of a space."""
    return {name: d for name, d in space.domains.items() if isinstance(d, Choice) and d.explore}


class PB2Rand(PB2, frozen=True):
    """PB2 whose choices are drawn at random.

    Args:
        redraw: probability in [0, 1] with which each choice of a child is drawn anew.
    """

    redraw: float = 0.5

    def chosen(self, population: Population, memory: Rows, owed: Sequence[Decision]) -> dict[int, Values]:
        """The parent's values, with some choices drawn anew."""
        found = super().chosen(population, memory, owed)
        domains = choices(population.settings.space)
        for member, values in found.items():
            chance = population.chance(member)
            anew = {
                name: domain.sample(chance.uniform(f"choice/{name}"))
                for name, domain in domains.items()
                if chance.uniform(f"redraw/{name}") < self.redraw
            }
            found[member] = {**values, **anew}
        return found


class PB2Mult(PB2, frozen=True):
    """PB2 whose choices are drawn by their gains, with a process for each combination of them."""

    def show(self, population: Population, memory: Rows) -> list[Table]:
        """How likely each choice is, and the newest rows."""
        rounds = _rounds(population, memory.rows)
        rows = [
            (name, cell(value), round(chance, 4))
            for name, domain in choices(population.settings.space).items()
            for value, chance in zip(domain.values, _chances(population, rounds, name, domain), strict=True)
        ]
        head = ("hyperparameter", "value", "probability")
        return [Table("How choices are drawn", head, tuple(rows)), *super().show(population, memory)]

    def _describe_exploration(self) -> str:
        return f"choices are then drawn by what they have gained, and {super()._describe_exploration()}"

    def chosen(self, population: Population, memory: Rows, owed: Sequence[Decision]) -> dict[int, Values]:
        """The parent's values, with choices by TV.EXP3.M."""
        found = super().chosen(population, memory, owed)
        rounds = _rounds(population, memory.rows)
        if not rounds:
            return found
        members = list(found)
        draw = population.chance(members[0]).generator("choices").random
        for name, domain in choices(population.settings.space).items():
            chances = _chances(population, rounds, name, domain)
            for member, i in zip(members, drawn(chances, len(members), draw), strict=True):
                found[member] = {**found[member], name: domain.values[i]}
        return found

    def rows_for(self, population: Population, rows: Sequence[Row], values: Values) -> Sequence[Row]:
        """Those with the same choices."""
        same = self.model_of(population, values)
        return [r for r in rows if self.model_of(population, r.values) == same]

    def model_of(self, population: Population, values: Values) -> Any:
        """The combination of choices."""
        return tuple(index(d.values, values[name]) for name, d in choices(population.settings.space).items())


class PB2Mix(PB2Mult, frozen=True):
    """PB2 whose choices are drawn by their gains, with one process over choices and the rest."""

    joint: ClassVar[bool] = True

    def rows_for(self, population: Population, rows: Sequence[Row], values: Values) -> Sequence[Row]:
        """All."""
        return rows

    def model_of(self, population: Population, values: Values) -> Any:
        """One model for all."""
        return None


def _chances(population: Population, rounds: list[list[tuple[Row, float]]], name: str, domain: Choice) -> list[float]:
    """How likely each value of a choice is to be drawn, after so many rounds."""
    settings, plays, n = population.settings, max(1, population.living), len(domain.values)
    total = (settings.steps or 0) // settings.interval or len(rounds)
    played = [[(index(domain.values, row.values[name]), reward) for row, reward in one] for one in rounds]
    return probabilities(n, plays, Rates.of(n, plays, total), played)


def _rounds(population: Population, rows: Sequence[Row]) -> list[list[tuple[Row, float]]]:
    """Rows by the interval in which they began, each with its gain scaled to [0, 1] over all of them."""
    if not rows:
        return []
    sign = 1.0 if population.settings.maximize else -1.0
    gains = [sign * (r.after - r.before) / (r.ended - r.began) for r in rows]
    low, width = min(gains), max(gains) - min(gains) or 1.0
    rounds: dict[int, list[tuple[Row, float]]] = {}
    for row, gain in zip(rows, gains, strict=True):
        rounds.setdefault(row.began // population.settings.interval, []).append((row, (gain - low) / width))
    return [rounds[t] for t in sorted(rounds)]
