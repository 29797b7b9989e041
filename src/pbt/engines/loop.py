"""`pbt.train`: a whole population in one process, with no files to handle."""

from __future__ import annotations

import copy as copying
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Unpack

from pbt.coordinator.answer import Answer
from pbt.coordinator.coordinator import Coordinator
from pbt.errors import PBTError, SettingsError
from pbt.journals.memory import MemoryJournal
from pbt.liveness.liveness import SameProcess
from pbt.population.chance import Chance
from pbt.population.entries import Checkpoint, Entry, Report
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.population.schedule import Schedule, schedule
from pbt.settings import RunSettings, wanted
from pbt.space.numbers import real, scores
from pbt.space.space import Space, Values

S = TypeVar("S")


@dataclass(frozen=True)
class Best(Generic[S]):
    """The best member so far.

    Attributes:
        score: as reported; evaluate `state` afresh before you publish it, since the best of many noisy
            scores is biased upwards.
        state: the training state at that report.
        schedule: (from step, hyperparameters) pairs that led to it.
    """

    score: float
    state: S
    schedule: Schedule
    member: int
    step: int
    hyperparameters: Values


@dataclass(frozen=True)
class Result(Generic[S]):
    """What a run of `pbt.train` found.

    Attributes:
        best: the best member so far.
        lineage: who took over whose weights, when.
        journal: every entry, in order.
        population: how it stands at the end.
        states: the members' training states at the end, by id.
    """

    best: Best[S]
    lineage: Lineage
    journal: list[Entry]
    population: Population
    states: list[S]


def train(
    init: Callable[[random.Random], S],
    step: Callable[[S, Values, random.Random], S],
    score: Callable[[S, random.Random], float],
    space: Space | Mapping[str, Any],
    *,
    copy: Callable[[S], S] = copying.deepcopy,
    **settings: Unpack[RunSettings],
) -> Result[S]:
    """Train a population in this process.

    Each member is trained `interval` steps, scored and reported, one member after the other, until all have done
    `steps`.

    Args:
        init: ``init(rng) -> state``.
        step: ``step(state, hyperparameters, rng) -> state``; it may change the state in place.
        score: ``score(state, rng) -> float``, or a list of evaluations, whose mean is the score.
        space: hyperparameters by name: `pbt.Float`, `pbt.Int`, `pbt.Ordinal`, `pbt.Choice`, or a constant.
        copy: how a state is copied at an exploit, and when it is the best so far.
        members: how many models, 1 or more. Needed.
        steps: calls of `step` for each member, 1 or more. Needed, unless there is a goal.
        interval: steps between two decisions on a member, 1 or more. By default a fortieth of `steps`, rounded up.
        maximize: whether a higher score is better. Needed.
        goal: a finite score that ends the run.
        strategy: a name, a dict with a "name" and parameters, or an object. By default ``"pbt"``.
        seed: of all chance, 0 or more. By default drawn. The same seed gives the same run.
        initial: hyperparameters of the first members, a dict each; those left out are drawn from the space.
        quorum: members that must be ranked before a low rank has consequences, 1 or more. By default half of those
            that still train, at least 2.
        synchronous: decide on all members at once, after every round. By default False.

    Returns:
        The best member, the lineage, and every entry of the journal.

    Raises:
        SettingsError, SpaceError: for arguments out of their range, unknown or missing.
        PBTError: if no member ever had a finite score.
    """
    asked = wanted(RunSettings, space=space, **settings)
    if asked.steps is None and asked.goal is None:
        raise SettingsError("say how many steps each member is trained: steps=200, for example")
    coordinator = Coordinator(MemoryJournal(), SameProcess())
    created = coordinator.create(asked)
    seats = [_Seat(coordinator, id, init, created.seed) for id in range(created.members or 0)]
    best: list[S] = []
    while any(seat.trains for seat in seats):
        for seat in filter(lambda seat: seat.trains, seats):
            before = coordinator.population.best
            seat.train(step, score, created)
            if coordinator.population.best is not before:
                best = [copy(seat.state)]
            _exchange(seats, copy, init)
    return _result(coordinator, best, [seat.state for seat in seats])


def _exchange(seats: list[_Seat[S]], copy: Callable[[S], S], init: Callable[[random.Random], S]) -> None:
    """Every member takes over what was decided on it; all from the states before any of them changes."""
    taken = [(seat, seat.taken_over(seats, copy, init)) for seat in seats if seat.was_replaced()]
    for seat, state in taken:
        seat.state = state


class _Seat(Generic[S]):
    """One member's training in this process."""

    def __init__(self, coordinator: Coordinator, id: int, init: Callable[[random.Random], S], seed: int) -> None:
        self._coordinator = coordinator
        self._seed = seed
        self._answer: Answer = coordinator.join(f"seat-{id}", member=id)
        self._known = self._answer
        self._report: Report | None = None
        self.state = init(self._rng("init"))
        self.wrote: str | None = None

    def _rng(self, purpose: str) -> random.Random:
        a = self._answer
        assert a.member is not None
        return Chance(self._seed, a.member, a.decisions).generator(purpose)

    def train(
        self,
        step: Callable[[S, Values, random.Random], S],
        score: Callable[[S, random.Random], Any],
        settings: Settings,
    ) -> None:
        """The steps up to the next decision, or to the end; a score, a report."""
        a = self._answer
        assert a.member is not None
        n = settings.interval if settings.steps is None else min(settings.interval, settings.steps - a.step)
        for i in range(a.step + 1, a.step + n + 1):
            self.state = step(self.state, dict(a.hyperparameters), self._rng(f"step/{i}"))
        now = a.step + n
        scored = score(self.state, self._rng(f"score/{now}"))
        told = scores(scored)
        self.wrote = f"{a.member}/{a.lease}-{a.seq + 1}"
        self._report = Report(
            member=a.member,
            lease=a.lease,
            seq=a.seq + 1,
            decided=a.decisions,
            step=now,
            score=told,
            checkpoint=self.wrote,
        )
        (self._answer,) = self._coordinator.report(self._report)
        self._known = a

    @property
    def trains(self) -> bool:
        """There is something left to train, now."""
        return not (self._answer.stop or self._answer.wait or self._coordinator.population.finished)

    def was_replaced(self) -> bool:
        """A decision has given this member other weights since it was last asked."""
        if self._answer.wait and self._report is not None:
            (self._answer,) = self._coordinator.report(self._report)
        return not self._answer.wait and self._answer.given > self._known.given

    def taken_over(self, seats: list[_Seat[S]], copy: Callable[[S], S], init: Callable[[random.Random], S]) -> S:
        """The state that the decision gives: a copy of the parent's, or a new one."""
        self._known = self._answer
        parent = self._answer.checkpoint
        return init(self._rng("init")) if parent is None else copy(_state_of(parent, seats))


def _state_of(parent: Checkpoint, seats: list[_Seat[S]]) -> S:
    """The parent's state: nobody trains between a decision and its exploit, so it is the one it reported."""
    seat = seats[parent.member]
    if seat.wrote != parent.id:
        raise PBTError(
            f"the strategy chose checkpoint {parent.id}, whose state is gone: pbt.train keeps the latest of each"
        )
    return seat.state


def _result(coordinator: Coordinator, kept: list[S], final: list[S]) -> Result[S]:
    population = coordinator.population
    best = population.best
    if best is None:
        raise PBTError("no member ever had a finite score: look at what score() returns, and widen or lower the space")
    entries = list(coordinator.entries())
    lineage = Lineage.of(entries)
    found = Best(real(best.score), kept[0], schedule(lineage, best), best.member, best.step, best.hyperparameters)
    return Result(found, lineage, entries, population, final)
