"""Whether an entry's decisions are right: PROTOCOL, "Who ranks, who may be a parent", "Leases" 7, and the barrier."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import pbt
from pbt.population.entries import Checkpoint, Decision, Entry
from tests.machine.model import FAILED_AFTER, Member, Model, as_float, owner


def take(model: Model, entry: Entry, strategy: pbt.PBT, by_hand: Sequence[Decision] = ()) -> None:
    """Fold one entry into the model, after a look at each of its decisions; `by_hand` are those told from outside."""
    before = model.referenced() if model.settings is not None else set()
    speakers = model.happen(entry)
    before |= model.referenced()
    rest = list(entry.decisions)
    assert rest[: len(by_hand)] == list(by_hand), "what was decided by hand is not what stands in the entry"
    model.decide(by_hand)
    rest = rest[len(by_hand) :]
    rest = _stops_first(model, rest)
    must = _whose_turn(model)
    assert sorted(d.member for d in rest) == sorted(m.id for m in must), (
        f"decided on {[d.member for d in rest]}, but {[m.id for m in must]} had to be"
    )
    model.cured = [m.id for m in must if m.cure]
    for d in rest:
        _Case(model, strategy, d).judge()
    model.decide(rest)
    _drop(model, speakers, before)


def _stops_first(model: Model, decisions: list[Decision]) -> list[Decision]:
    """Who has failed is stopped, barrier or not; the others are decided on without it."""
    failed = {m.id for m in model.due() if m.cure and m.losses >= FAILED_AFTER and m.id not in model.paused}
    stops = [d for d in decisions if d.stop]
    assert {d.member for d in stops} == failed, f"stopped {[d.member for d in stops]}, failed are {failed}"
    model.decide(stops)
    return [d for d in decisions if not d.stop]


def _whose_turn(model: Model) -> list[Member]:
    """Everybody who is due; with a barrier, births alone until every living member is due; at the end, nobody."""
    assert model.settings is not None
    due = [] if model.finished() else [m for m in model.due() if m.id not in model.paused or not m.born]
    if not model.settings.synchronous:
        return due
    complete = all(m in due for m in model.living())
    return [m for m in due if complete or not m.born]


def _drop(model: Model, speakers: list[int], before: set[str]) -> None:
    """What nobody can need any longer, for whoever spoke last; `Table` looks who of several was told.

    A member's own ones are left out: its worker deletes all of them that are not in `keep`. Where nobody
    spoke, those may be told on whom was decided, or who fell back from a lost one.
    """
    gone = before - model.referenced()
    if len(speakers) == 1:
        model.members[speakers[0]].drop |= {c for c in gone if owner(c) != speakers[0]}
    elif gone:
        model.untold.append((gone, tuple(speakers or range(len(model.members))), bool(speakers)))


class _Case:
    """One decision of truncation selection."""

    def __init__(self, model: Model, strategy: pbt.PBT, decision: Decision) -> None:
        assert model.settings is not None
        self.model, self.strategy, self.decision = model, strategy, decision
        self.settings = model.settings
        self.m = model.members[decision.member]
        self.ranked = model.ranked()
        self.k = model.cut(strategy.quantile)

    def judge(self) -> None:
        d, m = self.decision, self.m
        assert not d.stop and d.role is None
        if not m.born:
            return self._birth()
        bad = m.cure or (m.own is not None and not math.isfinite(as_float(m.own)))
        low = m in self.ranked[len(self.ranked) - self.k :]
        parents = self._parents(low_alone=not bad)
        if (bad or (low and self._quorum())) and parents:
            return self._exploit(parents)
        if m.cure:
            return self._begin_again()
        assert (d.start, d.hyperparameters, d.parents) == ("on", None, ()), f"member {m.id} had to go on: {d}"
        assert d.ready == m.step + self.settings.interval
        self._why()
        return None

    def _quorum(self) -> bool:
        undone = sum(not self.model.done(m) for m in self.model.members)
        return len(self.ranked) >= (self.settings.quorum or max(2, undone / 2))

    def _parents(self, low_alone: bool) -> list[Member]:
        model, m = self.model, self.m
        first = [p for p in self.ranked if model.standing(p) and not p.cure][: self.k]
        first = [p for p in first if p is not m and math.isfinite(as_float(p.own))]
        if not low_alone:
            return first
        sign = 1 if self.settings.maximize else -1
        return [p for p in first if p.saved_step > m.since and sign * as_float(p.own) > sign * as_float(m.own)]

    def _birth(self) -> None:
        d = self.decision
        assert d.start == "fresh" and d.parents == ()
        assert d.hyperparameters in self.settings.space
        assert d.ready == max(self.settings.interval, self.strategy.burn_in)
        if d.member < len(self.settings.initial):
            assert d.hyperparameters is not None
            assert self.settings.initial[d.member].items() <= d.hyperparameters.items()

    def _exploit(self, parents: list[Member]) -> None:
        d, m = self.decision, self.m
        assert d.start == "copy" and len(d.parents) == 1, f"member {m.id} had to exploit one of {parents}: {d}"
        parent = parents[int(draw(self.settings.seed, m.id, m.decisions, "parent") * len(parents))]
        assert d.parents[0] == parent.checkpoint, f"drawn was member {parent.id}: {d}"
        assert parent.checkpoint is not None and parent.checkpoint.member == parent.id
        self._ready_counts_from(parent.checkpoint.step)
        self._explored(parent.checkpoint)
        assert d.why.parent_rank == self.ranked.index(parent) + 1
        self._why()

    def _begin_again(self) -> None:
        """A cure without a parent: its own checkpoint, or birth, with redrawn hyperparameters."""
        d, m = self.decision, self.m
        assert d.hyperparameters in self.settings.space, d
        if m.checkpoint is None or m.checkpoint.id in self.model.lost:
            assert d.start == "fresh" and d.parents == (), d
            self._ready_counts_from(0)
        else:
            assert d.start == "copy" and d.parents == (m.checkpoint,), d
            assert d.hyperparameters is not None
            assert d.hyperparameters["width"] == m.checkpoint.hyperparameters["width"], "its weights have another"
            self._ready_counts_from(m.checkpoint.step)

    def _ready_counts_from(self, step: int) -> None:
        assert self.decision.ready == step + self.settings.interval, self.decision

    def _explored(self, parent: Checkpoint) -> None:
        """Each value in the space, and away from the parent's by what exploring can do."""
        values = self.decision.hyperparameters
        if values is None:
            return
        assert values in self.settings.space
        for name, domain in self.settings.space.domains.items():
            old, new = parent.hyperparameters[name], values[name]
            if not domain.explore:
                assert new == old, f"{name} is never explored"
            elif self.strategy.resample == 0 and isinstance(domain, pbt.Float):
                assert new in [min(max(float(old) * f, domain.min), domain.max) for f in self.strategy.factors]  # type: ignore[arg-type]
            elif self.strategy.resample == 0 and isinstance(domain, pbt.Choice):
                assert new != old

    def _why(self) -> None:
        why, ranked = self.decision.why, self.ranked
        own = ranked.index(self.m) + 1 if self.m in ranked else 0
        assert (why.rank, why.of, why.k) == (own, len(ranked), self.k), why


def draw(seed: int, member: int, decisions: int, purpose: str) -> float:
    """PROTOCOL's chance: a number in [0, 1)."""
    text = f'[{seed},{member},{decisions},"{purpose}"]'
    return (int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11) / 2**53
