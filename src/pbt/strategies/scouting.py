"""The memory of SCOUT: scores by round, probes and their sources, and the success of probes and operators."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from pbt.population.entries import Created, Decision, Entry, Reported, score_of
from pbt.population.population import Population
from pbt.population.ranking import key_of
from pbt.population.recorded import Settings
from pbt.population.used import trained_with
from pbt.space.domains import Choice
from pbt.space.space import Space, Values

PERTURB, MODEL = "perturb", "model"
ROWS = 150
"""Gains remembered for the model."""
FORGETTING, FORGETTING_OPERATORS = 0.9, 0.97
PATIENCE, WITHIN, MOST = 2, 0.25, 0.2
"""Rounds that a probe has at least; it must be on the way to pass within this share of the rounds that are left, and
may take this share of all."""
_KEPT = 256
"""Rounds of a history kept at most."""


class Probe(msgspec.Struct, frozen=True, array_like=True):
    """A running comparison.

    Attributes:
        source, rival: the stints compared: whose weights it has, and whose hyperparameters.
        began: the round at which it began.
        gap: by how much the rival was ahead then.
        seen: the last round at which it was judged.
    """

    source: int
    rival: int
    began: int
    gap: float
    seen: int = -1


class Gain(msgspec.Struct, frozen=True, array_like=True):
    """What a member gained in one round: what the model learns from.

    Attributes:
        round: the round at whose end it reported.
        gain: of the score, higher is better; in its first round, where nothing was scored before, the score.
        values: the hyperparameters in force.
    """

    round: int
    gain: float
    values: Values


class Stint(msgspec.Struct, frozen=True, array_like=True):
    """A member from one copy to the next.

    Attributes:
        id: of the stint; no two are equal.
        history: scores by round along its lineage, higher is better; while it is fresh, those of before the copy.
        inherited: while it has not reported since the copy: the parent's history, and then None.
        base: the score of the weights that it stands on.
        gain: of its last interval.
        status: as a source: 1 confirmed by its last probe, -1 refuted, 0 untried.
        judged: the round of that verdict; -1: none.
        family: a child of a confirmed source.
        operator: the one that made its hyperparameters, until its first report.
        verdict: on its probe, until it is decided on again.
    """

    id: int
    history: dict[int, float] = {}
    inherited: dict[int, float] | None = None
    base: float | None = None
    gain: float | None = None
    status: int = 0
    judged: int = -1
    family: bool = False
    probe: Probe | None = None
    operator: str = ""
    verdict: str = ""

    @property
    def fresh(self) -> bool:
        """It has not reported since the copy."""
        return self.inherited is not None

    @property
    def standing(self) -> bool:
        """It has reported, and its weights have a finite score."""
        return bool(self.history) and self.base is not None and math.isfinite(self.base)

    def at(self, round: int) -> float:
        """The score at the last round up to this one; -infinity before the first."""
        if round in self.history:
            return self.history[round]
        earlier = [k for k in self.history if k <= round]
        return self.history[max(earlier)] if earlier else -math.inf


class Scouted(msgspec.Struct, frozen=True):
    """The memory.

    Attributes:
        won, lost: the parameters of a Beta distribution over a probe's outcome.
        perturbed, modelled: how often the first interval after each operator gained more than the median of the
            others, and how often not; fading.
        rows: the gains of members, the newest last.
    """

    stints: dict[int, Stint] = {}
    stints_so_far: int = 0
    won: float = 2.0
    lost: float = 1.0
    perturbed: tuple[float, float] = (1.0, 1.0)
    modelled: tuple[float, float] = (1.0, 1.0)
    rows: tuple[Gain, ...] = ()

    @property
    def share(self) -> float:
        """The expected outcome of a probe: the share of members protected, and of replacements that are probes."""
        return self.won / (self.won + self.lost)

    @property
    def odds(self) -> float:
        """The probability that the model is asked: by the squares of how often each operator succeeded."""
        perturb, model = (good / (good + not_) for good, not_ in (self.perturbed, self.modelled))
        return model**2 / (perturb**2 + model**2)

    def enough(self, population: Population) -> bool:
        """There are rows enough for a model."""
        explored = sum(domain.explore for domain in population.settings.space.domains.values())
        return len(self.rows) >= 2 * explored + 4

    def after(self, before: Population | None, entry: Entry) -> Scouted:
        """The memory after an entry: reports; where something was decided, verdicts on probes; what was decided."""
        settings = entry.event.settings if isinstance(entry.event, Created) else before.settings if before else None
        assert settings is not None
        memory = self
        if isinstance(entry.event, Reported) and before is not None:
            for r in entry.event.reports:
                if r.checkpoint is not None:
                    score = -key_of(score_of(r), settings.maximize)
                    values = trained_with(before.members[r.member], r)
                    memory = memory._reported(r.member, r.step // settings.interval, score, values)
        if entry.decisions:
            memory = memory.judged(settings)
        for decision in entry.decisions:
            memory = memory.told(settings, decision)
        return memory

    def _reported(self, member: int, round: int, score: float, values: Values | None) -> Scouted:
        stint = self.stints.get(member)
        if stint is None:
            return self
        gain = None if stint.base is None or not math.isfinite(score - stint.base) else score - stint.base
        memory = self._counted(member, stint.operator, gain) if stint.operator else self
        gained = score if stint.base is None and math.isfinite(score) else gain
        if gained is not None and values is not None:
            memory = replace(memory, rows=(*memory.rows, Gain(round, gained, values))[-ROWS:])
        history = {**(stint.history if stint.inherited is None else stint.inherited), round: score}
        if len(history) > _KEPT:
            history = {k: history[k] for k in sorted(history)[-_KEPT:]}
        return memory._with(
            member,
            replace(
                stint, history=history, inherited=None, base=score, operator="",
                gain=gain if gain is not None else stint.gain,
            ),
        )  # fmt: skip

    def _with(self, member: int, stint: Stint) -> Scouted:
        return replace(self, stints={**self.stints, member: stint})

    def _counted(self, member: int, operator: str, gain: float | None) -> Scouted:
        """An operator's success: its first interval gained more than the median of the others' last."""
        others = sorted(s.gain for id, s in self.stints.items() if id != member and s.gain is not None)
        if gain is None or not others:
            return self
        middle = (others[(len(others) - 1) // 2] + others[len(others) // 2]) / 2.0
        counts = {PERTURB: self.perturbed, MODEL: self.modelled}
        fading = {name: (a * FORGETTING_OPERATORS, b * FORGETTING_OPERATORS) for name, (a, b) in counts.items()}
        good, not_ = fading[operator]
        fading[operator] = (good + 1.0, not_) if gain > middle else (good, not_ + 1.0)
        return replace(self, perturbed=fading[PERTURB], modelled=fading[MODEL])

    def judged(self, settings: Settings) -> Scouted:
        """The memory after verdicts: before decisions alone, so that behind a barrier a round is judged when whole."""
        memory = self
        for member in sorted(memory.stints):
            stint = memory.stints[member]
            if stint.probe is not None and not stint.fresh:
                memory = memory._verdict(settings, member, stint, stint.probe)
        return memory

    def _verdict(self, settings: Settings, member: int, stint: Stint, probe: Probe) -> Scouted:
        """Step 1 of the definition: won where it passed, lost where it is not on the way."""
        others = [s for s in self.stints.values() if s.probe is None or s.fresh]
        rivals = [s for s in others if s.id == probe.rival]
        common = [
            k for k in stint.history
            if k > max(probe.began, probe.seen)
            and (k in rivals[0].history if rivals else 2 * sum(k in s.history for s in others) >= len(others))
        ]  # fmt: skip
        if not common or not others:
            return self
        k = max(common)
        rival = rivals[0].history[k] if rivals else max(s.history[k] for s in others if k in s.history)
        behind, age = rival - stint.history[k], k - probe.began
        steps, interval = settings.steps, settings.interval
        left = k if steps is None else steps // interval - max(stint.history)
        if behind < 0:
            won = True
        elif age >= max(PATIENCE, MOST * (left + age)) or not _on_the_way(probe.gap, behind, age, left):
            won = False
        else:
            return self._with(member, replace(stint, probe=replace(probe, seen=k)))
        verdict = 1 if won else -1
        stints = {
            id: replace(s, status=verdict, judged=k) if s.id == probe.source else s for id, s in self.stints.items()
        }
        whose = next((f"member {id}'s" for id, s in stints.items() if s.id == probe.source), "its source's")
        said = f"probe {'won' if won else 'lost'}: {whose} weights are {'' if won else 'not '}better under the same "
        stints[member] = replace(stints[member], probe=None, verdict=f"{said}hyperparameters")
        return replace(
            self, stints=stints,
            won=self.won * FORGETTING + (1.0 if won else 0.0), lost=self.lost * FORGETTING + (0.0 if won else 1.0),
        )  # fmt: skip

    def told(self, settings: Settings, decision: Decision) -> Scouted:
        """The memory after a decision on one member."""
        member, source = decision.member, decision.source
        if decision.stop:
            return replace(self, stints={id: s for id, s in self.stints.items() if id != member})
        old = self.stints.get(member)
        if decision.start == "on":
            return self._with(member, replace(old, verdict="")) if old is not None and old.verdict else self
        fresh = Stint(self.stints_so_far, inherited={})
        if source is not None:
            score = -key_of(source.score, settings.maximize)
            parent = self.stints.get(source.member)
            round = source.step // settings.interval
            lineage = parent.history if parent is not None else {}
            more: Mapping[str, Any] = decision.why.more
            probe = msgspec.convert(more["probe"], Probe) if "probe" in more else None
            fresh = Stint(
                self.stints_so_far, old.history if old else {}, {k: s for k, s in lineage.items() if k <= round},
                base=score, gain=old.gain if old else None, status=-1 if probe else 0, judged=-1,
                family=bool(more.get("family")), probe=probe, operator=more.get("operator", ""),
            )  # fmt: skip
        return replace(self._with(member, fresh), stints_so_far=self.stints_so_far + 1)


def _on_the_way(gap: float, behind: float, age: int, left: int) -> bool:
    """At the pace of so far, the rest of the gap closes within a quarter of the rounds that are left."""
    return (gap - behind) / age * max(1, math.floor(WITHIN * left)) >= behind


def distance(space: Space, a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """The squared distance of two configurations in the unit cube; different choices are one half apart."""
    total = 0.0
    for name, domain in space.domains.items():
        if not domain.explore:
            continue
        if isinstance(domain, Choice):
            total += 0.0 if domain.unit(a[name]) == domain.unit(b[name]) else 0.5
        else:
            total += (domain.unit(a[name]) - domain.unit(b[name])) ** 2
    return total
