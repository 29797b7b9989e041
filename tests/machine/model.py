"""A population as PROTOCOL.md describes it, in plain words: everything is looked up anew whenever somebody asks.

It shares the words of the journal with the code under test (`pbt.population.entries`) and nothing else: not the
fold, not the ranking, not the rules. It applies the decisions that the journal records; `judge.py` says whether
they are right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pbt
from pbt.population.entries import (
    Absent,
    Checkpoint,
    Created,
    Decision,
    Entry,
    Explored,
    Leased,
    Lost,
    Past,
    Released,
    Report,
    Reported,
    Steered,
)
from pbt.population.recorded import Settings

CURED_AFTER = 3
FAILED_AFTER = 6


def as_float(written: Any) -> float:
    """A number of the journal: "nan", "inf" and "-inf" are words there."""
    return math.nan if written is None else float(written)


def as_written(x: float) -> Any:
    """A float as the journal has it."""
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    return x


def list_of(report: Report | Past) -> list[Any]:
    """The evaluations of a report: a number counts as a list of one."""
    return list(report.score) if isinstance(report.score, tuple) else [report.score]


def mean_of(report: Report | Past) -> Any:
    """The score of a report, as written: a list counts as its mean."""
    if not isinstance(report.score, tuple):
        return report.score
    return as_written(sum(as_float(x) for x in report.score) / len(report.score))


def owner(checkpoint: str) -> int:
    """The member that wrote it."""
    return int(checkpoint.split("/")[0])


@dataclass
class Lease:
    """A member's newest lease."""

    number: int
    nonce: str
    turn: bool
    began: int
    saved: bool = False
    ended: str = ""
    others_saved: bool = False  # somebody's report had a checkpoint since it began


@dataclass
class Member:
    """One member: what was last said of it."""

    id: int
    born: bool = False
    hyperparameters: dict[str, Any] | None = None
    checkpoint: Checkpoint | None = None
    before: Checkpoint | None = None  # the one that it stood on before, whole as far as anybody knows
    step: int = 0
    score: Any = None
    evaluations: list[Any] = field(default_factory=list)
    ready: int = 0
    decisions: int = 0
    given: int = 0
    since: int = 0
    reached_ready: bool = True  # nobody has decided on it since it came to `ready`
    cure: bool = False
    owed: int = 0
    own: Any = None  # the score of its own last report with a checkpoint
    saved_since: bool = False  # a report with a checkpoint since its last exploit or birth
    broken: bool = False
    losses: int = 0
    misses: int = 0  # leases with nothing to show that are nobody's fault so far
    stopped: bool = False
    failed: bool = False
    absent: bool = False
    lease: Lease | None = None
    last: Report | None = None
    values: dict[int, Any] = field(default_factory=dict)  # hyperparameters by the number of the decision they are from
    heard: int = 0  # of how many decisions its workers are known to have heard
    drop: set[str] = field(default_factory=set)

    @property
    def saved_step(self) -> int:
        return 0 if self.checkpoint is None else self.checkpoint.step


class Model:
    """Folds entries, one after the other."""

    def __init__(self) -> None:
        self.settings: Settings | None = None
        self.members: list[Member] = []
        self.count = 0
        self.lost: set[str] = set()
        self.best: Checkpoint | None = None
        self.goal_reached = False
        self.steered: list[str] = []
        self.paused: set[int] = set()
        self.pins: list[Checkpoint] = []
        self.cured: list[int] = []  # by the last entry
        self.untold: list[tuple[set[str], tuple[int, ...], bool]] = []  # dropped; by one of these; must it be?

    # Who is what

    def done(self, m: Member) -> bool:
        assert self.settings is not None
        steps = self.settings.steps
        return m.stopped or m.failed or (steps is not None and m.step >= steps)

    def living(self) -> list[Member]:
        return [m for m in self.members if not self.done(m) and not m.absent]

    def due(self) -> list[Member]:
        """Members that somebody must decide on; nothing is decided once the goal is reached."""
        if self.goal_reached:
            return []
        return [m for m in self.members if (m.reached_ready or m.cure) and not self.done(m)]

    def waits(self, m: Member) -> bool:
        return m in self.due() or m.owed > 0

    def are_replaced(self, m: Member, r: Report) -> bool:
        """The weights behind a report, by others; or by some that nobody trains: a stop came before their values."""
        return r.decided < m.given or (m.hyperparameters is None and not self.waits(m))

    def finished(self) -> bool:
        assert self.settings is not None
        if self.goal_reached:
            return True
        left = self.living() if self.settings.members is None else [m for m in self.members if not self.done(m)]
        return bool(self.members) and not left

    def value(self, score: Any) -> float:
        """The larger the better, whatever is optimised; what is not finite is worst."""
        assert self.settings is not None
        x = as_float(score)
        if not math.isfinite(x):
            return -math.inf
        return x if self.settings.maximize else -x

    def ranked(self) -> list[Member]:
        """Best first; equal scores: the lower id ranks higher."""
        seen = [m for m in self.living() if m.own is not None]
        return sorted(seen, key=lambda m: (-self.value(m.own), m.id))

    def standing(self, m: Member) -> bool:
        return m.own is not None and m.saved_since and not m.broken

    def cut(self, quantile: float) -> int:
        n = len(self.ranked())
        return 0 if quantile == 0 else min(max(1, math.floor(quantile * n + 0.5)), n // 2)

    def referenced(self) -> set[str]:
        ids = {c.id for m in self.members for c in (m.checkpoint, m.before) if c is not None}
        return ids | ({self.best.id} if self.best is not None else set()) | {pin.id for pin in self.pins}

    def keep(self, m: Member) -> set[str]:
        return {i for i in self.referenced() if owner(i) == m.id}

    def held(self, m: Member, gone: set[tuple[int, int]]) -> bool:
        """A living worker has it."""
        return m.lease is not None and not m.lease.ended and (m.id, m.lease.number) not in gone

    def available(self, gone: set[tuple[int, int]]) -> list[Member]:
        """In the order in which they are taken: the unexplained last, furthest behind, standing first, lowest id."""
        if self.goal_reached:
            return []
        idle = [m for m in self.members if not self.done(m) and m not in self.due() and m.id not in self.paused]
        free = [m for m in idle if not self.held(m, gone)]
        return sorted(free, key=lambda m: (self.unexplained(m), m.saved_step, not self.standing(m), m.id))

    def empty_handed(self, m: Member) -> bool:
        """Its newest lease, if it is over, saved nothing, and nobody said that this means nothing."""
        return m.lease is not None and not m.lease.saved and m.lease.ended != "orderly"

    def suspect(self, m: Member) -> bool:
        return not self.standing(m) or m.losses > 0

    def is_loss(self, m: Member) -> bool:
        """Its newest lease, if it is over, speaks against the member rather than the script."""
        if not self.empty_handed(m):
            return False
        assert m.lease is not None
        if m.lease.others_saved:
            return True
        others = [o for o in self.members if o is not m]
        told = [o for o in others if not (self.done(o) or self.waits(o) or o.id in self.paused)]
        witness = [o for o in told if not self.suspect(o)]
        return self.suspect(m) and not witness and any(o.own is not None for o in others)

    def unexplained(self, m: Member) -> int:
        return m.misses + 1 if self.empty_handed(m) and not self.is_loss(m) else 0

    def reaches_goal(self, score: Any) -> bool:
        assert self.settings is not None
        goal, x = self.settings.goal, as_float(score)
        if goal is None or not math.isfinite(x):
            return False
        return x >= goal if self.settings.maximize else x <= goal

    # What happens

    def happen(self, entry: Entry) -> list[int]:
        """What the event says, without the decisions; returns whose report or lease it was."""
        event = entry.event
        self.count += 1
        speakers: list[int] = []
        if isinstance(event, Created):
            self.settings = event.settings
            self.members = [Member(i) for i in range(event.settings.members or 0)]
        elif isinstance(event, Leased):
            self._leased(event)
            speakers = [event.member]
        elif isinstance(event, Released):
            self._released(event.member, event.lease, event.failed)
        elif isinstance(event, Reported):
            for report in event.reports:
                self._reported(report)
            speakers = [r.member for r in event.reports]
        elif isinstance(event, Explored):
            for id, values in event.values.items():
                if self.members[id].owed == event.entry:
                    m = self.members[id]
                    m.hyperparameters, m.owed = values, 0
                    m.values[m.given] = values
        elif isinstance(event, Lost):
            self._lost(event)
        elif isinstance(event, Absent):
            for id, number in event.members:
                newest = self.members[id].lease
                if number == (0 if newest is None else newest.number):
                    self.members[id].absent = True
        elif isinstance(event, Steered):
            self.steered = [*self.steered, event.nonce][-32:] if event.nonce else self.steered
            self._steered(event.change)
        return speakers

    def _steered(self, change: dict[str, Any]) -> None:
        if "steps" in change:
            from msgspec.structs import replace

            assert self.settings is not None
            # Nobody but a command line raises them: what a script says of them is not compared any longer.
            for m in self.members:  # who trained to the end has gone
                if self.done(m) and not (m.stopped or m.failed) and m.lease is not None:
                    m.lease.ended = m.lease.ended or "orderly"
            overrides = tuple(sorted({"steps", *(self.settings.overrides or ())}))
            self.settings = replace(self.settings, steps=change["steps"], overrides=overrides)
        self.paused = (self.paused | {*change.get("pause", ())}) - {*change.get("resume", ())}
        for id in change.get("pin", ()):
            self.pins.append(next(c for c in self.kept() if c.id == id))
        self.pins = [pin for pin in self.pins if pin.id not in change.get("unpin", ())]
        for name, (low, high) in change.get("bound", {}).items():
            self._bound(name, low, high)

    def kept(self) -> list[Checkpoint]:
        """Checkpoints that are kept and, as far as anybody knows, can be read."""
        held = [c for m in self.members for c in (m.checkpoint, m.before) if c is not None and c.id not in self.lost]
        return held + self.pins + ([self.best] if self.best is not None else [])

    def _bound(self, name: str, low: float, high: float) -> None:
        """Nothing but exploration knows of them; the first members, should one be born again, are born inside."""
        from msgspec.structs import replace

        assert self.settings is not None
        domains = self.settings.space.domains
        space = pbt.Space({**domains, name: replace(domains[name], min=low, max=high)}, self.settings.space.constraints)
        initial = tuple(
            {n: min(max(v, low), high) if n == name else v for n, v in values.items()}  # type: ignore[type-var]
            for values in self.settings.initial
        )
        more = {"space"} | ({"initial"} if initial != self.settings.initial else set())
        overrides = tuple(sorted({*more, *(self.settings.overrides or ())}))
        self.settings = replace(self.settings, space=space, initial=initial, overrides=overrides)

    def _leased(self, event: Leased) -> None:
        if event.member == len(self.members):
            self.members.append(Member(event.member))
        m = self.members[event.member]
        if self.is_loss(m):
            m.losses, m.misses = m.losses + 1, 0
            m.cure = m.cure or m.losses == CURED_AFTER or m.losses >= FAILED_AFTER
        elif self.empty_handed(m):
            m.misses += 1
        m.cure = m.cure or m.broken
        m.step = m.saved_step
        m.score = None if m.checkpoint is None else m.checkpoint.score
        m.evaluations = [] if m.checkpoint is None else list(m.checkpoint.evaluations)
        m.absent, m.heard = False, m.decisions
        m.lease = Lease(event.number, event.nonce, event.turn, m.step)

    def _released(self, id: int, number: int, failed: bool) -> None:
        m = self.members[id]
        assert m.lease is not None and m.lease.number == number and not m.lease.ended
        m.lease.ended = "failed" if failed else "orderly"

    def _reported(self, r: Report) -> None:
        m = self.members[r.member]
        assert m.lease is not None
        if r.checkpoint is not None:
            for other in self.members:
                if other is not m and other.lease is not None:
                    other.lease.others_saved = True
        for said in (*r.history, r):
            m.step, m.score = said.step, mean_of(said)
            m.evaluations = [*m.evaluations, *list_of(said)][-10:]
        m.last = r
        m.drop = set()
        if r.checkpoint is not None:
            assert m.hyperparameters is not None
            m.before = None if m.checkpoint is None or m.checkpoint.id in self.lost else m.checkpoint
            known = max(n for n in m.values if n <= max(r.decided, m.heard))
            m.checkpoint = Checkpoint(r.checkpoint, m.id, m.step, m.score, m.values[known], tuple(m.evaluations))
            m.own, m.saved_since, m.broken, m.losses, m.lease.saved = m.score, True, False, 0, True
            m.misses, m.cure = 0, False
            self._best_of([m.checkpoint])
        m.heard = max(m.heard, r.decided)
        if m.step >= m.ready:
            m.reached_ready = True
        if self.reaches_goal(m.score):
            self.goal_reached = True
        if r.release:
            self._released(m.id, r.lease, failed=False)

    def _best_of(self, candidates: Iterable[Checkpoint]) -> None:
        for c in candidates:
            if self.value(c.score) > (-math.inf if self.best is None else self.value(self.best.score)):
                self.best = c

    def _lost(self, event: Lost) -> None:
        self.lost.add(event.checkpoint)
        self.pins = [pin for pin in self.pins if pin.id != event.checkpoint]
        for m in self.members:
            if m.before is not None and m.before.id == event.checkpoint:
                m.before = None
            if m.checkpoint is not None and m.checkpoint.id == event.checkpoint:
                self._stands_on_lost(m, m.id == event.member)
            elif m.id == event.member and self.began_with_lost(m):
                assert m.checkpoint is not None
                self._set_back(m, m.checkpoint)
        if self.best is not None and self.best.id == event.checkpoint:
            self.best = None
            current = [m.checkpoint for m in self.members if m.checkpoint is not None]
            self._best_of(c for c in current if c.id not in self.lost)

    def _stands_on_lost(self, m: Member, says_so: bool) -> None:
        """One step back where there is one, else it needs a cure: who said so at once, another at its next lease.

        Another holder has the weights in memory, or will say that it has not.
        """
        back = m.before
        if back is None:
            m.broken, m.cure = True, m.cure or says_so
            return
        m.checkpoint, m.before, m.saved_since = back, None, back.member == m.id
        if back.member == m.id:
            m.own = back.score
        if says_so or m.lease is None or m.lease.ended:
            self._set_back(m, back)

    def began_with_lost(self, m: Member) -> bool:
        """Its holder was given a checkpoint that somebody else has found lost since, and has not reported."""
        reported = m.last is not None and m.lease is not None and m.last.lease == m.lease.number
        return not reported and m.checkpoint is not None and m.step > m.checkpoint.step

    def _set_back(self, m: Member, to: Checkpoint) -> None:
        """What it did since is undone; what was decided for a later step is decided again."""
        m.step, m.score, m.evaluations = to.step, to.score, list(to.evaluations)
        m.reached_ready = m.step >= m.ready or (to.member == m.id and to.hyperparameters != m.hyperparameters)

    # What is decided

    def decide(self, decisions: Sequence[Decision]) -> None:
        for d in decisions:
            m = self.members[d.member]
            waits_on = d.decided is not None and d.start == "on" and not d.stop and m in self.due()
            m.decisions += 1
            m.born, m.ready = True, d.ready
            if not waits_on:
                m.reached_ready, m.cure = False, False
            if d.start != "on" or d.stop:
                m.given = m.decisions
            if d.stop:
                m.stopped, m.failed, m.owed = True, d.failed, 0
            elif d.start != "on":
                self._begin_anew(m, d)
            if d.hyperparameters is not None:
                m.hyperparameters, m.owed = d.hyperparameters, 0
                m.values[m.decisions] = d.hyperparameters
            elif d.start != "on" and not d.stop:
                m.hyperparameters, m.owed = None, self.count

    def _begin_anew(self, m: Member, d: Decision) -> None:
        """A new segment, from a checkpoint or from nothing."""
        parent = d.parents[0] if d.start == "copy" else None
        m.checkpoint, m.before = parent, None
        m.step = 0 if parent is None else parent.step
        m.score = None if parent is None else parent.score
        m.evaluations = [] if parent is None else list(parent.evaluations)
        m.since, m.saved_since, m.broken = m.step, False, False
        m.misses = 0
        if m.stopped:
            m.losses = 0
        m.stopped = m.failed = False
