"""The toy quadratic of Jaderberg et al. 2017, figure 2, with the exploration variants that it needs.

Q(w) = 1.2 - (w1² + w2²) is scored; gradient ascent goes on the surrogate 1.2 - (h1 w1² + h2 w2²).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import islice

import pbt
from pbt.population.entries import Decision
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.rules import cut, standing
from pbt.space.space import Values

LR = 0.01
STEPS = 200
INTERVAL = 4
SPACE = {"h1": pbt.Float(0, 1e9), "h2": pbt.Float(0, 1e9)}
START = [{"h1": 1.0, "h2": 0.0}, {"h1": 0.0, "h2": 1.0}]

GRID = 1.2 - 0.81 - 0.81 * 0.98**400
EXPLOIT_ONLY = 1.2 - 2 * 0.81 * 0.98**200


class Toy(pbt.PBT, frozen=True):
    """Truncation with additive exploration; optionally weights-only copying, or one half alone."""

    quantile: float = 0.5
    sigma: float = 0.1
    weights_only: bool = False
    exploits: bool = True
    all_explore: bool = False

    def decide(self, population: Population, memory: object, due: Sequence[int]) -> list[Decision]:
        decisions = []
        for decision in super().decide(population, memory, due):
            m = population.members[decision.member]
            if decision.start == "on" and decision.why.low:
                decision = self._tie_broken(population, m, decision)
            if decision.start == "copy" and not self.exploits:
                decision = self.go_on(population, m, decision.why)
            if self.all_explore and decision.start == "on":
                assert m.hyperparameters is not None
                values = self._noisy(population, m, m.hyperparameters)
                decision = Decision(m.id, decision.ready, hyperparameters=values)
            decisions.append(decision)
        return decisions

    def _tie_broken(self, population: Population, m: MemberState, decision: Decision) -> Decision:
        """Both members of the exactly symmetric toy always score the same: the second in line copies all the same."""
        first = islice(standing(population), cut(len(population.ranked), self.quantile))
        tied = [p.checkpoint for p in first if p.id != m.id and p.checkpoint and p.checkpoint.step > m.since]
        if not tied:
            return decision
        parent = tied[population.chance(m.id).index("parent", len(tied))]
        return self.exploit(population, m, parent, decision.why)

    def explored(self, population: Population, m: MemberState, parent: pbt.Checkpoint) -> tuple[Values, dict[str, str]]:
        values = m.hyperparameters if self.weights_only else parent.hyperparameters
        assert values is not None
        return self._noisy(population, m, values), {}

    def _noisy(self, population: Population, m: MemberState, values: Values) -> Values:
        rng = population.chance(m.id).generator("explore")
        moved = {name: value + rng.gauss(0, self.sigma) for name, value in values.items()}  # type: ignore[operator]
        return population.settings.space.clip(moved)


def weights(rng: random.Random) -> list[float]:
    return [0.9, 0.9]


def step(w: list[float], h: Values, rng: random.Random) -> list[float]:
    return [w[0] - 2 * LR * h["h1"] * w[0], w[1] - 2 * LR * h["h2"] * w[1]]  # type: ignore[operator]


def score(w: list[float], rng: random.Random | None = None) -> float:
    return 1.2 - w[0] * w[0] - w[1] * w[1]


def run(strategy: Toy | str, seed: int, **given: object) -> pbt.Result[list[float]]:
    options = {"members": 2, "steps": STEPS, "interval": INTERVAL, "synchronous": True, "initial": START,
               "maximize": True}  # fmt: skip
    return pbt.train(weights, step, score, SPACE, strategy=strategy, seed=seed, **(options | given))  # type: ignore[arg-type]


def final(strategy: Toy | str, seed: int, **given: object) -> float:
    """The best score at the end."""
    return max(score(w) for w in run(strategy, seed, **given).states)
