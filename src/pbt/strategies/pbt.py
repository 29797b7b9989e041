"""Population-based training (Jaderberg et al. 2017, arXiv 1711.09846) with truncation selection.

A member among the worst fraction q of the ranking takes over weights and hyperparameters of one drawn
uniformly from the best fraction q, and explores: each hyperparameter is perturbed by a factor or redrawn.

Where this departs from the paper, and why:

* the factors are 0.8 and 1.25, whose product is 1 (the paper's 0.8 and 1.2 drift downwards by 2 % in
  the logarithm at each exploration, without any selection);
* the number replaced is max(1, round(qN)), so that small populations exploit at all;
* parents are the best among the *standing*: who has just taken over weights ranks by its own last
  report, and is nobody's parent before it has reported again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import replace

from pbt.errors import SettingsError
from pbt.population.entries import Checkpoint, Decision, Why
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.rules import bad, cut, parents, quorum, rank
from pbt.space.space import Values
from pbt.strategies.births import birth
from pbt.strategies.explore import perturb_or_resample
from pbt.strategies.strategy import Memory, Strategy


class PBT(Strategy, frozen=True):
    """Truncation selection, perturb or resample.

    Args:
        quantile: fraction of the ranking that is replaced, and from which parents come, in [0, 0.5];
            0: nobody ever exploits, which is random search.
        factors: what perturbation multiplies by.
        resample: probability, per hyperparameter, of a new draw instead of a perturbation, in [0, 1].
        burn_in: no member is decided on before this step.
    """

    quantile: float = 0.2
    factors: tuple[float, ...] = (0.8, 1.25)
    resample: float = 0.25
    burn_in: int = 0

    def check(self) -> None:
        """Parameters in their ranges."""
        if not 0 <= self.quantile <= 0.5:
            raise SettingsError(f"quantile is {self.quantile:g}: a fraction from 0 (nobody exploits) to 0.5")
        if not self.factors or not all(math.isfinite(f) and f > 0 for f in self.factors):
            raise SettingsError(f"factors are {list(self.factors)}: give positive numbers, such as 0.8 and 1.25")
        if not 0 <= self.resample <= 1:
            raise SettingsError(f"resample is {self.resample:g}: a probability from 0 to 1")
        if self.burn_in < 0:
            raise SettingsError(f"burn_in is {self.burn_in}: a number of steps, 0 or more")

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> Sequence[Decision]:
        """Birth, exploit and explore, or go on, for each member that is due."""
        return [self._decide(population, population.members[id]) for id in due]

    def _decide(self, population: Population, m: MemberState) -> Decision:
        if m.unborn:
            return birth(population, m.id, max(population.settings.interval, self.burn_in))
        why = self.reason(population, m)
        if why.low or bad(m):
            candidates = parents(population, m, self.quantile)
            if candidates:
                parent = candidates[population.chance(m.id).index("parent", len(candidates))]
                return self.exploit(population, m, parent, why)
        return self.go_on(population, m, why)

    def exploit(self, population: Population, m: MemberState, parent: Checkpoint, why: Why) -> Decision:
        """Take over the parent's checkpoint, with hyperparameters explored from its decided ones."""
        values, operations = self.explored(population, m, parent)
        return Decision(
            m.id,
            parent.step + population.settings.interval,
            start="copy",
            parents=(parent,),
            hyperparameters=values,
            why=replace(why, parent_rank=rank(population, population.members[parent.member]), operations=operations),
        )

    def go_on(self, population: Population, m: MemberState, why: Why) -> Decision:
        """Keep weights and hyperparameters."""
        return Decision(m.id, m.step + population.settings.interval, why=why)

    def explored(self, population: Population, m: MemberState, parent: Checkpoint) -> tuple[Values, dict[str, str]]:
        """Hyperparameters for a child of `parent`, and the operation behind each."""
        space = population.settings.space
        return perturb_or_resample(space, parent.hyperparameters, population.chance(m.id), self.factors, self.resample)

    def reason(self, population: Population, m: MemberState) -> Why:
        """The member's rank, of how many, how many are replaced, and whether it is low."""
        n = len(population.ranked)
        k, place = cut(n, self.quantile), rank(population, m)
        return Why(place, n, k, place > n - k and n >= quorum(population))
