"""Population-based training (Jaderberg et al. 2017, arXiv 1711.09846, algorithm 1 and section 3.1).

A member that is due may take over the weights and hyperparameters of another (*exploit*: truncation, tournament or
t-test) and then explores: each hyperparameter is perturbed by a factor or redrawn.

Where this departs from the paper, and why:

* the factors are 0.8 and 1.25, whose product is 1 (the paper's 0.8 and 1.2 drift downwards by 2 % in
  the logarithm at each exploration, without any selection);
* the number replaced is max(1, round(qN)), so that small populations exploit at all;
* a member exploits only for a parent that is strictly better;
* parents are the best among the *standing*: a member that has just taken over weights ranks by its own
  last report, and is no parent before it has reported again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from pbt.errors import SettingsError
from pbt.population.entries import Checkpoint, Decision, Why
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.rules import cut, rank
from pbt.space.space import Values
from pbt.strategies.births import birth
from pbt.strategies.explore import check_exploration, perturb_or_resample
from pbt.strategies.selection import Gates, t_test, tournament, truncation
from pbt.strategies.strategy import Memory, Strategy, often


class PBT(Strategy, frozen=True):
    """Exploit, then perturb or resample.

    Args:
        selection: "truncation" (a member of the worst `quantile` takes over one of the best), "tournament" (one other,
            drawn uniformly, is taken over if it is better), or "t-test" (if its evaluations are better with
            `significance`, by Welch's one-sided test; evaluations are lists as scores, or the last ten scores).
        quantile: fraction of the ranking that is replaced, and from which parents come, in [0, 0.5];
            0: with "truncation" no member ever exploits, which is random search.
        significance: of the t-test, in (0, 1).
        factors: perturbation multiplies by one of them.
        resample: probability, per hyperparameter, of a new draw instead of a perturbation, in [0, 1].
        mutate: probability, per hyperparameter, that it is explored at all, in [0, 1].
        inherit: probability that a child explores from its parent's hyperparameters, else from its own, in [0, 1].
        gap_deviations, gap_absolute, gap_relative: a parent must be ahead by more than this many standard deviations of
            the population's scores, this distance, and this share of its own score; 0: by anything.
        grace: further intervals after an exploit before a member is decided on again.
        burn_in: no member is decided on before this step.
    """

    quantile: float = 0.2
    factors: tuple[float, ...] = (0.8, 1.25)
    resample: float = 0.25
    burn_in: int = 0
    selection: Literal["truncation", "tournament", "t-test"] = "truncation"
    significance: float = 0.05
    mutate: float = 1.0
    inherit: float = 1.0
    gap_deviations: float = 0.0
    gap_absolute: float = 0.0
    gap_relative: float = 0.0
    grace: int = 0

    def check(self) -> None:
        """Parameters in their ranges."""
        if not 0 <= self.quantile <= 0.5:
            raise SettingsError(f"quantile is {self.quantile:g}: a fraction from 0 (no member exploits) to 0.5")
        check_exploration(self.factors, resample=self.resample, mutate=self.mutate, inherit=self.inherit)
        if not 0 < self.significance < 1:
            raise SettingsError(f"significance is {self.significance:g}: between 0 and 1, such as 0.05")
        for name in ("gap_deviations", "gap_absolute", "gap_relative"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise SettingsError(f"{name} is {getattr(self, name):g}: a number, 0 or more")
        if self.burn_in < 0:
            raise SettingsError(f"burn_in is {self.burn_in}: a number of steps, 0 or more")
        if self.grace < 0:
            raise SettingsError(f"grace is {self.grace}: a number of intervals, 0 or more")

    def describe(self, population: Population) -> str:
        """Who takes over from whom, and what becomes of the hyperparameters."""
        return (
            f"{self._describe_selection(population)}; {self._describe_exploration()}"
            if self.quantile or self.selection != "truncation"
            else ("random search: nobody takes over anything")
        )

    def _describe_selection(self, population: Population) -> str:
        every, n = population.settings.interval, len(population.members)
        k = cut(n, self.quantile)
        if self.selection == "tournament":
            what = "a member meets one other, drawn by chance, and takes over its weights if it is better"
        elif self.selection == "t-test":
            what = (
                "a member meets one other, drawn by chance, and takes over its weights if its evaluations are better "
                f"with p < {self.significance:g}"
            )
        elif k == 0:
            what = "nobody takes over anything, as there is nobody else"
        else:
            what = f"a member among the last {k:,} of {n:,} takes over the weights of one of the first {k:,}"
        gated = " that is far enough ahead" if self.gap_deviations or self.gap_absolute or self.gap_relative else ""
        return f"{often(every)} {what}{gated}"

    def _describe_exploration(self) -> str:
        factors = " or ".join(f"{f:g}" for f in self.factors)
        whose = "its hyperparameters" if self.inherit == 1 else "its or its own hyperparameters"
        return f"{whose} are then multiplied by {factors} each, or drawn anew with probability {self.resample:g}"

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> Sequence[Decision]:
        """Birth, exploit and explore, or go on, for each member that is due."""
        return [self._decide(population, population.members[id]) for id in due]

    def _decide(self, population: Population, m: MemberState) -> Decision:
        if m.unborn:
            return birth(population, m.id, max(population.settings.interval, self.burn_in))
        why, found = self.selected(population, m)
        if found:
            parent = found[population.chance(m.id).index("parent", len(found))]
            return self.exploit(population, m, parent, why)
        return self.go_on(population, m, why)

    def selected(self, population: Population, m: MemberState) -> tuple[Why, list[Checkpoint]]:
        """The reason of the member's decision, and the parents among which one is drawn."""
        if self.selection == "tournament":
            why, found = tournament(population, m)
        elif self.selection == "t-test":
            why, found = t_test(population, m, self.significance)
        else:
            why, found = truncation(population, m, self.quantile)
        ahead = Gates(self.gap_deviations, self.gap_absolute, self.gap_relative).passed(population, m, found)
        return (replace(why, note="no parent is far enough ahead") if found and not ahead else why), ahead

    def exploit(self, population: Population, m: MemberState, parent: Checkpoint, why: Why) -> Decision:
        """Take over the parent's checkpoint, with explored hyperparameters."""
        values, operations = self.explored(population, m, parent)
        return Decision(
            m.id,
            parent.step + population.settings.interval * (1 + self.grace),
            start="copy",
            parents=(parent,),
            hyperparameters=values,
            why=replace(why, parent_rank=rank(population, population.members[parent.member]), operations=operations),
        )

    def go_on(self, population: Population, m: MemberState, why: Why) -> Decision:
        """Keep weights and hyperparameters."""
        return Decision(m.id, m.step + population.settings.interval, why=why)

    def explored(self, population: Population, m: MemberState, parent: Checkpoint) -> tuple[Values, dict[str, str]]:
        """Hyperparameters for a child of `parent`, and the operation behind each.

        Those with ``explore=False`` are the parent's whatever `inherit` says: the weights' shapes depend on them.
        """
        space, chance = population.settings.space, population.chance(m.id)
        values = parent.hyperparameters
        if self.inherit < 1.0 and m.hyperparameters and chance.uniform("inherit") >= self.inherit:
            values = {n: m.hyperparameters[n] if d.explore else values[n] for n, d in space.domains.items()}
        return perturb_or_resample(space, values, chance, self.factors, self.resample, self.mutate)
