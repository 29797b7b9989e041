"""Multiple-frequencies PBT, MF-PBT (Doulazmi et al. 2025, arXiv 2506.03225).

Sub-populations of equal size evolve at different frequencies: group k decides in every f_k-th interval, so that what
pays off late is not bred out by what pays off at once. In a round in which a group evolves, its members are ranked
among themselves, from one snapshot of all:

* the last quarter take over weights and hyperparameters of the first quarter, in order, and explore;
* the third quarter is open to migrants: the best members of the other groups, each for one member that scores less.
  Weights are the migrant's. Hyperparameters are the migrant's too if it comes from a slower group; from a faster one
  only weights come, with the hyperparameters of the best of the group itself (asymmetric migration).

All groups are scored in every interval, behind a barrier: migration compares them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from msgspec.structs import replace

from pbt.errors import SettingsError, StrategyError
from pbt.population.entries import Checkpoint, Decision, Why
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.ranking import Ranked
from pbt.population.rules import bad, ranked_in, standing
from pbt.space.numbers import real
from pbt.space.space import Values
from pbt.strategies.births import birth
from pbt.strategies.explore import check_exploration, perturb_or_resample
from pbt.strategies.shown import Table
from pbt.strategies.strategy import Memory, Strategy


class MFPBT(Strategy, frozen=True):
    """Sub-populations that evolve at different frequencies.

    Args:
        frequencies: in intervals, one for each group, the smallest first; the members are dealt out in equal groups
            of at least four, by id. Groups that would be smaller are left out, the slowest first.
        factors: perturbation multiplies by one of them.
        resample: probability, per hyperparameter, of a new draw instead of a perturbation, in [0, 1].
        migration: "asymmetric", or "symmetric": hyperparameters always come with the weights (a control).
        tune: False: no hyperparameters ever change, so that selection alone acts (a control).
    """

    needs_barrier: ClassVar[bool] = True

    frequencies: tuple[int, ...] = (1, 2, 5, 10)
    factors: tuple[float, ...] = (0.8, 1.25)
    resample: float = 0.25
    migration: Literal["asymmetric", "symmetric"] = "asymmetric"
    tune: bool = True

    def check(self) -> None:
        """Parameters in their ranges."""
        if not self.frequencies or list(self.frequencies) != sorted(set(self.frequencies)) or self.frequencies[0] < 1:
            raise SettingsError(
                f"frequencies are {list(self.frequencies)}: different numbers of intervals, the smallest first"
            )
        check_exploration(self.factors, resample=self.resample)

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> list[Decision]:
        """Births, and what a round means for each group that evolves in it."""
        if population.settings.members is None:
            raise StrategyError("groups are dealt out among all members: say how many, members=…")
        members = [population.members[id] for id in due]
        taken = self._evolved(population, members) if not all(m.unborn for m in members) else {}
        return [self._birth(population, m) if m.unborn else taken.get(m.id) or _go_on(population, m) for m in members]

    def describe(self, population: Population) -> str:
        """The groups, and how often each evolves."""
        every, found = population.settings.interval, self.groups(len(population.members))
        steps = ", ".join(str(every * frequency) for frequency in found)
        return (
            f"{len(found)} groups of about {len(population.members) // len(found)} members evolve every {steps} steps "
            "by truncation among themselves, and take in better members of the other groups"
        )

    def show(self, population: Population, memory: Memory) -> list[Table]:
        """The groups, and how each stands."""
        rows = []
        for role in sorted({m.role for m in population.members if m.role is not None}, key=_frequency):
            ranked = ranked_in(population, role)
            best = population.members[ranked[0][1]] if ranked else None
            members = sum(m.role == role for m in population.members)
            every = _frequency(role) * population.settings.interval
            rows.append((every, members, *((None, None) if best is None else (best.id, real(best.score)))))
        return [Table("Groups", ("evolves every … steps", "members", "best member", "its score"), tuple(rows))]

    def groups(self, members: int) -> tuple[int, ...]:
        """The frequencies of the groups that so many members make."""
        return self.frequencies[: max(1, min(len(self.frequencies), members // 4))]

    def _birth(self, population: Population, m: MemberState) -> Decision:
        groups = self.groups(len(population.members))
        frequency = groups[m.id * len(groups) // len(population.members)]
        return replace(birth(population, m.id, population.settings.interval), role=f"every {frequency}")

    def _evolved(self, population: Population, members: Sequence[MemberState]) -> dict[int, Decision]:
        taken: dict[int, Decision] = {}
        for role in sorted({m.role for m in members if m.role is not None}, key=_frequency):
            group = [m for m in members if m.role == role]
            ranked = ranked_in(population, role)
            now = max((_round(population, m) for m in group if not bad(m)), default=0)
            evolves = now > 0 and now % _frequency(role) == 0
            losers = {d.member: d for d in self._losers(population, ranked)}
            taken.update({id: d for id, d in losers.items() if evolves or bad(population.members[id])})
            if evolves:
                taken.update({d.member: d for d in self._migrations(population, role, ranked)})
        return {id: d for id, d in taken.items() if id in {m.id for m in members}}

    def _losers(self, population: Population, ranked: Ranked) -> list[Decision]:
        """The j-th of the last quarter takes over the j-th of the first; whose score is not finite, the first."""
        n = len(ranked)
        quarter = min(max(1, n // 4), n // 2)
        keys = {id: key for key, id in ranked}
        places = {id: place for place, (_, id) in enumerate(ranked, 1)}
        winners = [(keys[m.id], m.id) for m in standing(population, ranked)]
        found = []
        for place, (_, id) in enumerate(ranked, 1):
            m = population.members[id]
            j = place - (n - quarter) - 1
            if (j < 0 and not bad(m)) or max(j, 0) >= len(winners):
                continue
            better, winner = winners[max(j, 0)]
            parent = population.members[winner].checkpoint
            if (
                parent is None
                or not math.isfinite(better)
                or winner == id
                or not (bad(m) or better < ranked[place - 1][0])
            ):
                continue
            values, operations = self._explored(population, m, parent)
            why = Why(place, n, quarter, j >= 0, places[winner], operations)
            found.append(_copy(population, m, parent, values, why))
        return found

    def _migrations(self, population: Population, role: str, ranked: Ranked) -> list[Decision]:
        """Migrants for the third quarter, best first on both sides."""
        n = len(ranked)
        quarter = max(1, n // 4)
        keys = {id: key for key, id in population.ranked}
        others = [(keys[m.id], m.id) for m in standing(population) if m.role != role]
        best = population.members[ranked[0][1]] if ranked else None
        found = []
        for place in range(n - 2 * quarter + 1, n - quarter + 1) if n >= 4 else ():
            key, id = ranked[place - 1]
            m = population.members[id]
            if not others or bad(m) or not others[0][0] < key:
                continue
            migrant = population.members[others.pop(0)[1]]
            if migrant.checkpoint is None or best is None:
                continue
            slower = _frequency(migrant.role) > _frequency(role)
            donor = migrant if slower or self.migration == "symmetric" else best
            values = donor.hyperparameters if self.tune else m.hyperparameters
            if values is None:
                continue
            note = f"migrant of the group {migrant.role}" + ("" if donor is migrant else "; weights alone")
            found.append(_copy(population, m, migrant.checkpoint, values, Why(place, n, quarter, note=note)))
        return found

    def _explored(self, population: Population, m: MemberState, parent: Checkpoint) -> tuple[Values, dict[str, str]]:
        if not self.tune:
            return m.hyperparameters or parent.hyperparameters, {}
        space, chance = population.settings.space, population.chance(m.id)
        return perturb_or_resample(space, parent.hyperparameters, chance, self.factors, self.resample)


def _frequency(role: str | None) -> int:
    if role is None or not role.startswith("every "):
        raise StrategyError(f"a member has the role {role!r}, which is no frequency")
    return int(role.removeprefix("every "))


def _round(population: Population, m: MemberState) -> int:
    return m.step // population.settings.interval


def _go_on(population: Population, m: MemberState) -> Decision:
    ranked = ranked_in(population, m.role)
    place = next((i for i, (_, id) in enumerate(ranked, 1) if id == m.id), 0)
    return Decision(m.id, m.step + population.settings.interval, why=Why(place, len(ranked)))


def _copy(population: Population, m: MemberState, parent: Checkpoint, values: Values, why: Why) -> Decision:
    space = population.settings.space
    shaped = {name: values[name] if d.explore else parent.hyperparameters[name] for name, d in space.domains.items()}
    ready = parent.step + population.settings.interval
    return Decision(m.id, ready, start="copy", parents=(parent,), hyperparameters=shaped, why=why)
