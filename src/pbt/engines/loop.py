"""`pbt.train`: a whole population in one process, with no files to handle."""

from __future__ import annotations

import copy as copying
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pbt.coordinator.answer import Answer
from pbt.coordinator.coordinator import Coordinator
from pbt.errors import PBTError
from pbt.journals.memory import MemoryJournal
from pbt.liveness.liveness import SameProcess
from pbt.population.chance import Chance
from pbt.population.entries import Checkpoint, Entry, Report
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.population.schedule import Schedule, schedule
from pbt.settings import wanted
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
    members: int = 16,
    steps: int,
    interval: int | None = None,
    strategy: Any = "pbt",
    seed: int | None = None,
    maximize: bool,
    copy: Callable[[S], S] = copying.deepcopy,
    goal: float | None = None,
    initial: Any = None,
    synchronous: bool = False,
    quorum: int | None = None,
) -> Result[S]:
    """Train a population in this process.

    Each member is trained `interval` steps, scored and reported, one member after the other, until all have done
    `steps`.

    Args:
        init: ``init(rng) -> state``.
        step: ``step(state, hyperparameters, rng) -> state``; it may change the state in place.
        score: ``score(state, rng) -> float``, or a list of evaluations.
        space: name to domain.
        members: how many models.
        steps: calls of `step` for each member.
        interval: steps between two decisions; by default a fortieth of `steps`, rounded up.
        strategy: a name, a dict with "name" and parameters, or a strategy.
        seed: of all chance; drawn if None. The same seed gives the same run.
        maximize: whether a higher score is better.
        copy: how a state is copied at an exploit, and when it is the best so far.
        goal: a score that ends the run.
        initial: configurations with which the first members begin.
        synchronous: decide for all members at once, after every round.
        quorum: see `pbt.Settings`.

    Raises:
        SettingsError, SpaceError: for arguments out of their range.
        PBTError: if no member ever had a finite score.
    """
    asked = wanted(
        space=space, strategy=strategy, initial=initial, members=members, steps=steps, interval=interval,
        seed=secrets.randbelow(2**32) if seed is None else seed, maximize=maximize, goal=goal,
        synchronous=synchronous, quorum=quorum,
    )  # fmt: skip
    coordinator = Coordinator(MemoryJournal(), SameProcess())
    settings = coordinator.create(asked)
    seats = [_Seat(coordinator, id, init, settings.seed) for id in range(settings.members or 0)]
    best: list[S] = []
    while any(seat.trains for seat in seats):
        for seat in filter(lambda seat: seat.trains, seats):
            before = coordinator.population.best
            seat.train(step, score, settings)
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
