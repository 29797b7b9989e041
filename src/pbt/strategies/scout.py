"""SCOUT: sources and probes, a strategy that is not greedy. Our own; see docs/algorithms/scout.md.

Scores under *different* hyperparameters do not tell which weights are better; scores under the *same* ones from the
same step on do. So a few members are *sources*: protected from exploitation however bad their score, chosen for their
distance in the space. Now and then a bad member becomes a *probe*: the weights of a source with the hyperparameters of
the present best. A probe that passes the best has shown what its source's weights are worth: the source stays
protected, and its children become sources too. The share of members protected, and of replacements that are probes, is
how often probes have won lately: where greed is right, next to none.

Everything else is truncation selection as in `PBT`, with hyperparameters perturbed, or from a Gaussian process of
recent gains, whichever has lately done better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from pbt.errors import SettingsError
from pbt.population.chance import Chance
from pbt.population.entries import Decision, Entry, Why
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.rules import bad, quorum
from pbt.space.domains import Choice
from pbt.space.space import Values
from pbt.strategies.births import birth
from pbt.strategies.explore import check_exploration, perturb_or_resample
from pbt.strategies.scout_panels import panels
from pbt.strategies.scouting import MODEL, PERTURB, Probe, Scouted, distance
from pbt.strategies.shown import Table
from pbt.strategies.strategy import Strategy, often

_ROUNDS = 1 << 20
"""The member number of draws that belong to a round as a whole."""


class Scout(Strategy, frozen=True):
    """Sources and probes.

    Args:
        quantile: the share of members that may be replaced, and from which parents come, in (0, 0.5].
        factors: perturbation multiplies by one of them.
        resample: probability, per hyperparameter, of a new draw instead of a perturbation, in [0, 1].
        model: whether hyperparameters may come from a Gaussian process; by default wherever NumPy and SciPy are
            installed when the population is created. With 16 members or more and noisy scores False is safer.
    """

    remembers: ClassVar[bool] = True
    memory_type: ClassVar[Any] = Scouted | None

    quantile: float = 0.25
    factors: tuple[float, ...] = (0.8, 1.25)
    resample: float = 0.25
    model: bool | None = None

    def __post_init__(self) -> None:
        if self.model is None:
            msgspec.structs.force_setattr(self, "model", _has_models())

    def check(self) -> None:
        """Parameters in their ranges, and NumPy and SciPy where the model needs them."""
        if not 0 < self.quantile <= 0.5:
            raise SettingsError(f"quantile is {self.quantile:g}: a fraction above 0, up to 0.5")
        check_exploration(self.factors, resample=self.resample)
        if self.model and not _has_models():
            raise SettingsError("the model of this population needs NumPy and SciPy: pip install 'pbtrain[models]'")

    def describe(self, population: Population) -> str:
        """Victims, sources and probes."""
        every = often(population.settings.interval)
        return (
            f"{every} the worst take over from the best, except that some are protected as sources, and some of the "
            "worst try a source's weights with the best's hyperparameters, as often as such probes have won lately"
        )

    def show(self, population: Population, memory: Scouted) -> list[Table]:
        """Sources and probes, and how often each of its means has been right."""
        return panels(population, memory)

    def remember(self, memory: Scouted | None, before: Population | None, entry: Entry) -> Scouted:
        """Scores by round, running probes, and the success of probes and operators."""
        return (memory or Scouted()).after(before, entry)

    def decide(self, population: Population, memory: Scouted, due: Sequence[int]) -> list[Decision]:
        """Births, and for everybody else one after the other: go on, take over, or become a probe."""
        decisions = []
        memory = memory.judged(population.settings)
        for id in due:
            m = population.members[id]
            decision = (
                birth(population, id, population.settings.interval) if m.unborn else self._decide(population, memory, m)
            )
            memory = memory.told(population.settings, decision)
            decisions.append(decision)
        return decisions

    def _decide(self, population: Population, memory: Scouted, m: MemberState) -> Decision:
        view = View(self, population, memory, m)
        if memory.stints[m.id].probe is not None and not bad(m):
            return view.go_on("a probe, not judged yet")
        if m.id in view.protected or m.id == view.best:
            return view.go_on("protected: a source" if m.id in view.protected else "the best")
        if not bad(m) and (not view.is_victim or view.ranked_members < quorum(population)):
            return view.go_on("")
        wanted = view.to_probe()
        if wanted is not None and population.chance(m.id).uniform("probe") < memory.share:
            return view.probe(wanted)
        return view.take_over()

    def explore(
        self, population: Population, memory: Scouted, owed: Sequence[Decision]
    ) -> Mapping[int, tuple[Values, Why]]:
        """Values from the model, for one child after the other."""
        from pbt.strategies.proposals import Proposals

        proposals = Proposals(population, memory.rows, {d.member for d in owed})
        found = {}
        for d in owed:
            assert d.source is not None
            chance = population.chance(d.member)
            values = proposals.best(d.source.step, d.source.hyperparameters, chance.generator("propose"))
            if values is None:
                values, operations = self.perturbed(population, d.source.hyperparameters, chance)
            else:
                operations = {n: "model" for n, domain in population.settings.space.domains.items() if domain.explore}
            found[d.member] = values, replace(d.why, operations=operations)
        return found

    def perturbed(self, population: Population, values: Values, chance: Chance) -> tuple[Values, dict[str, str]]:
        """As by `PBT`, except that a choice which is not redrawn stays."""
        space = population.settings.space
        return perturb_or_resample(space, values, chance, self.factors, self.resample, unmoved=(Choice,))


class View:
    """How things stand for one member that is decided on: steps 3 to 7 of the definition."""

    def __init__(self, strategy: Scout, population: Population, memory: Scouted, m: MemberState) -> None:
        self._strategy, self._population, self._memory, self._m = strategy, population, memory, m
        self._chance = population.chance(m.id)
        settings = population.settings
        self._round = m.step // settings.interval
        total = None if settings.steps is None else settings.steps // settings.interval
        self._left = max(2, self._round) if total is None else total - self._round
        members = [o for o in population.members if o.living and o.id in memory.stints and o.hyperparameters]
        scores = {o.id: memory.stints[o.id].at(self._round) for o in members}
        candidates = [o.id for o in members if memory.stints[o.id].probe is None or memory.stints[o.id].fresh]
        order = sorted(candidates, key=lambda id: (scores[id], -id))
        self._scores = scores
        self.ranked_members = sum(math.isfinite(s) for s in scores.values())
        n = len(members)
        self._many = max(1, min(math.ceil(strategy.quantile * n), n // 2)) if n > 1 else 0
        self.best = order[-1] if order else -1
        self._top = [id for id in order[len(order) - self._many :] if math.isfinite(scores[id])] if self._many else []
        self._candidates = candidates
        self.protected = self._protect(n)
        open_ = [id for id in order if id not in self.protected and id not in self._top]
        self.is_victim = self._may_follow(self.best) and m.id in open_[: self._many]

    def _may_follow(self, parent: int) -> bool:
        """Whether the parent is strictly better, or a double, which loses nothing where it explores.

        Without noise members to which the model gave the same values, at a bound say, have the same scores; nobody
        would ever explore again. Scores that have not moved are no sign of doubles: a reward that nobody has found yet.
        """
        own, score = (self._scores.get(id, -math.inf) for id in (self._m.id, parent))
        if bad(self._m) or own != score:
            return bad(self._m) or own < score
        moved = bool(self._memory.stints[self._m.id].gain)
        members = self._population.members
        return moved and parent >= 0 and members[parent].hyperparameters == self._m.hyperparameters

    def _protect(self, n: int) -> list[int]:
        """Sources: those that probes have confirmed, their children, and the farthest of the untried."""
        memory, population = self._memory, self._population
        if self._left < 2 or self._many == 0:
            return []
        share = n * memory.share
        chance = Chance(population.settings.seed, _ROUNDS, self._round)
        many = int(share) + (chance.uniform("protect") < share - int(share))
        many = min(many, n - 2 * self._many if n > 3 else n - self._many - 1)
        stints = memory.stints
        able = [
            id for id in self._candidates
            if id != self.best and not stints[id].fresh and stints[id].probe is None and stints[id].status >= 0
            and stints[id].standing and not bad(population.members[id])
        ]  # fmt: skip
        found = sorted((id for id in able if stints[id].status > 0), key=lambda id: (-stints[id].judged, id))[:many]
        found += [id for id in able if stints[id].status == 0 and stints[id].family][: max(0, many - len(found))]
        untried = [id for id in able if stints[id].status == 0 and not stints[id].family]
        values = {id: population.members[id].hyperparameters or {} for id in (*untried, *found, self.best)}
        space = population.settings.space
        far = {id: min(distance(space, values[id], values[o]) for o in (self.best, *found)) for id in untried}
        while len(found) < many and far:
            chosen = max(far, key=lambda id: (far[id], -id))
            found.append(chosen)
            del far[chosen]
            far = {id: min(d, distance(space, values[id], values[chosen])) for id, d in far.items()}
        return found

    def to_probe(self) -> int | None:
        """The source whose turn it is: the confirmed first, then whose verdict is oldest; none has two probes."""
        stints = self._memory.stints
        running = {s.probe.source for s in stints.values() if s.probe is not None}
        waiting = [
            id for id in self.protected
            if stints[id].id not in running and id != self._m.id and self._population.members[id].checkpoint is not None
        ]  # fmt: skip
        known = math.isfinite(self._scores.get(self.best, -math.inf))  # else it lags behind everybody's history
        if self._left < 2 or not waiting or not known:
            return None
        return min(waiting, key=lambda id: (stints[id].status != 1, stints[id].judged, id))

    def probe(self, source: int) -> Decision:
        """The source's weights with the best's hyperparameters."""
        members, stints = self._population.members, self._memory.stints
        values, base = members[self.best].hyperparameters, stints[source].base
        assert values is not None and base is not None
        gap = self._scores[self.best] - base
        note = f"probe of member {source} with the hyperparameters of the best, member {self.best}"
        probe = Probe(
            stints[source].id, stints[self.best].id, members[source].step // self._population.settings.interval, gap
        )
        return self._copy(source, dict(values), note, {"probe": msgspec.to_builtins(probe)})

    def take_over(self) -> Decision:
        """One of the best, or now and then a confirmed source; hyperparameters perturbed, or from the model."""
        memory, chance, strategy, population = self._memory, self._chance, self._strategy, self._population
        confirmed = [id for id in self.protected if memory.stints[id].status > 0]
        family = bool(confirmed) and chance.uniform("family") < memory.share
        better = [id for id in self._top if population.members[id].standing and self._may_follow(id)]
        if bad(self._m) and not better:
            better = self._best_standing()
        pool = [
            id for id in (confirmed if family else better) if population.members[id].checkpoint and id != self._m.id
        ]
        if not pool:
            return self.go_on("no member is better")
        parent = pool[chance.index("parent", len(pool))]
        modelled = bool(strategy.model) and memory.enough(population) and chance.uniform("operator") < memory.odds
        more = {"operator": MODEL if modelled else PERTURB, "family": family}
        note = f"child of the source {parent}" if family else ""
        if modelled:
            return self._copy(parent, None, note, more)
        values, operations = strategy.perturbed(population, _values(population, parent), chance)
        return self._copy(parent, values, note, more, operations)

    def _best_standing(self) -> list[int]:
        """For a member that must exploit and lags behind everybody's history: the best by their last scores."""
        stints = self._memory.stints
        able = [id for id in self._candidates if stints[id].standing and self._population.members[id].standing]
        return sorted(able, key=lambda id: (-(stints[id].base or 0.0), id))[: self._many]

    def go_on(self, note: str) -> Decision:
        """Keep weights and hyperparameters."""
        ready = self._m.step + self._population.settings.interval
        return Decision(self._m.id, ready, why=self._why(note, {}))

    def _copy(
        self,
        parent: int,
        values: Values | None,
        note: str,
        more: dict[str, Any],
        operations: dict[str, str] | None = None,
    ) -> Decision:
        checkpoint = self._population.members[parent].checkpoint
        assert checkpoint is not None
        ready = checkpoint.step + self._population.settings.interval
        why = replace(self._why(note, more), operations=operations or {}, parent_rank=self._place(parent), low=True)
        return Decision(self._m.id, ready, start="copy", parents=(checkpoint,), hyperparameters=values, why=why)

    def _why(self, note: str, more: dict[str, Any]) -> Why:
        share = {"share": round(self._memory.share, 3)}
        verdict = self._memory.stints[self._m.id].verdict
        note = "; ".join(filter(None, (verdict, note)))
        return Why(self._place(self._m.id), len(self._scores), self._many, note=note, more={**share, **more})

    def _place(self, id: int) -> int:
        own = (self._scores.get(id, -math.inf), -id)
        return 1 + sum((score, -other) > own for other, score in self._scores.items())


def _values(population: Population, parent: int) -> Values:
    checkpoint = population.members[parent].checkpoint
    assert checkpoint is not None
    return checkpoint.hyperparameters


def _has_models() -> bool:
    try:
        import pbt.strategies.gp  # noqa: F401
    except ImportError:
        return False
    return True
