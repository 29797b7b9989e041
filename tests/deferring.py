"""A strategy that owes its explorations, as model-based ones do, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

import pbt
from pbt.population.entries import Decision, Entry, Why
from pbt.population.population import Population
from pbt.space.space import Values


class Deferring(pbt.PBT, frozen=True):
    """PBT whose hyperparameters come later; it also counts the exploits that it has seen, as a memory."""

    memory_type: ClassVar[Any] = int | None

    def remember(self, memory: int | None, before: Population | None, entry: Entry) -> int:
        return (memory or 0) + sum(d.start == "copy" for d in entry.decisions)

    def decide(self, population: Population, memory: Any, due: Sequence[int]) -> list[Decision]:
        found = super().decide(population, memory, due)
        return [replace(d, hyperparameters=None) if d.start == "copy" else d for d in found]

    def explore(
        self, population: Population, memory: Any, owed: Sequence[Decision]
    ) -> Mapping[int, tuple[Values, Why]]:
        space = population.settings.space
        count = memory % 10 / 10
        return {
            d.member: ({n: domain.perturb(d.parents[0].hyperparameters[n], count, (0.8, 1.25))[0]
                        if domain.explore else d.parents[0].hyperparameters[n]
                        for n, domain in space.domains.items()}, replace(d.why, note=f"the {memory}th exploit"))
            for d in owed
        }  # fmt: skip
