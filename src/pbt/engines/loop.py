"""`pbt.train`: a whole population in one process, with no files to handle."""

from __future__ import annotations

import copy as copying
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar, Unpack

from msgspec.structs import replace

from pbt.coordinator.answer import Answer
from pbt.coordinator.coordinator import Coordinator
from pbt.coordinator.seat import Seat
from pbt.errors import PBTError, SettingsError
from pbt.journals.memory import MemoryJournal
from pbt.liveness.liveness import SameProcess
from pbt.population.chance import Chance
from pbt.population.entries import Entry, Report
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.schedules.found import of_best
from pbt.schedules.replay import Replay, replay_of
from pbt.schedules.schedule import Schedule
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
        schedule: the hyperparameters over steps that led to it.
    """

    score: float
    state: S
    schedule: Schedule
    member: int
    step: int
    hyperparameters: Values


@dataclass(frozen=True)
class Result(Generic[S]):
    """The result of a run of `pbt.train`.

    Attributes:
        best: the best member so far.
        lineage: the tree of segments: which member took over whose weights, and when.
        journal: every entry, in order.
        population: how it stands at the end.
        states: the members' training states at the end, by id.
    """

    best: Best[S]
    lineage: Lineage
    journal: list[Entry]
    population: Population
    states: list[S]
    again: Callable[..., Result[S]] = field(repr=False, compare=False)
    """`train` with the same functions and space, and other settings."""

    def replay(self, seeds: int = 5, seed: int | None = None) -> Replay:
        """Train with the schedule of the best from fresh beginnings, without selection: what part of it was luck.

        Args:
            seeds: how many runs, 1 or more.
            seed: of all their chance, 0 or more. By default drawn.

        Raises:
            SettingsError: for arguments out of their range.
            PBTError: no run had a finite score.
        """
        found, settings = self.best.schedule, self.population.settings
        origin = found.origin
        assert origin is not None
        run = self.again(
            members=seeds, steps=origin.step, interval=settings.interval, maximize=settings.maximize, seed=seed,
            strategy={"name": "follow", "schedule": found, "until": origin.step, "origin": origin.plain()},
        )  # fmt: skip
        replay = replay_of(run.population, run.lineage)
        assert replay is not None
        return replay


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
        copy: how a state is copied before it is trained on. The states that decisions may name are kept: of each
            member its current one and the one before, the best, and those of teachers.
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
    for name, given in {"init": init, "step": step, "score": score, "copy": copy}.items():
        if not callable(given):
            raise SettingsError(f"{name} is {given!r}: it must be a function")
    asked = wanted(RunSettings, space=space, **settings)
    if asked.steps is None and asked.goal is None:
        raise SettingsError("say how many steps each member is trained: steps=200, for example")
    coordinator = Coordinator(MemoryJournal(), SameProcess())
    loop = _Loop(coordinator, coordinator.create(asked), _Calls(init, step, score, copy))
    loop.run()
    return loop.result(partial(train, init, step, score, space, copy=copy))


class _Calls(NamedTuple, Generic[S]):
    """The user's functions."""

    init: Callable[[random.Random], S]
    step: Callable[[S, Values, random.Random], S]
    score: Callable[[S, random.Random], Any]
    copy: Callable[[S], S]


class _Loop(Generic[S]):
    """All members of a population, trained one after the other from states that are kept by checkpoint id."""

    def __init__(self, coordinator: Coordinator, settings: Settings, calls: _Calls[S]) -> None:
        self._coordinator = coordinator
        self._settings = settings
        self._calls = calls
        self._seats = [Seat(coordinator.join(_nonce(id), member=id)) for id in range(settings.members or 0)]
        self._last: dict[int, Report] = {}
        self._states: dict[str, S] = {}
        self._own: list[list[str]] = [[] for _ in self._seats]

    def run(self) -> None:
        """Train all members as long as there is something left to train."""
        while any([self._trained(id) for id in range(len(self._seats))]):
            pass

    def _trained(self, id: int) -> bool:
        """Train a member up to its next decision and report, if it can be trained now; whether it could."""
        answer = self._stands(id)
        if answer.wait or answer.stop or self._coordinator.population.finished:
            return False
        ends = (answer.step + self._settings.interval, answer.ready, self._settings.steps)
        now = min(end for end in ends if end is not None and end > answer.step)
        state = self._begun(answer)
        for i in range(answer.step + 1, now + 1):
            state = self._calls.step(state, dict(answer.hyperparameters), self._rng(answer, f"step/{i}"))
        report = self._seats[id].report(now, scores(self._calls.score(state, self._rng(answer, f"score/{now}"))))
        self._say(replace(report, checkpoint=report.checkpoint_id), state)
        return True

    def _say(self, report: Report, state: S) -> None:
        """Report with a state, and forget the states that the population refers to no longer."""
        id = report.member
        self._states[report.checkpoint_id] = state
        self._last[id] = report
        (answer,) = self._coordinator.report(report)
        self._seats[id].recorded(report, answer)
        self._seats[id].take(answer)
        own = [*self._own[id], report.checkpoint_id]
        self._own[id] = [checkpoint for checkpoint in own if checkpoint in answer.keep]
        for checkpoint in {*own, *answer.drop}.difference(answer.keep):
            self._states.pop(checkpoint, None)

    def _stands(self, id: int) -> Answer:
        """How a member stands: asked again where it waits, or something was decided since."""
        seat = self._seats[id]
        if seat.answer.wait or seat.answer.decisions < self._coordinator.population.members[id].decisions:
            if id in self._last:
                (answer,) = self._coordinator.report(self._last[id])
            else:
                answer = self._coordinator.join(_nonce(id), member=id)
            seat.take(answer)
        return seat.answer

    def _begun(self, answer: Answer) -> S:
        """The state that a member trains on from: a copy of its current one, which others may need, or a new one."""
        current = answer.checkpoint
        if current is None:
            return self._calls.init(self._rng(answer, "init"))
        return self._calls.copy(self._states[current.id])

    def _rng(self, answer: Answer, purpose: str) -> random.Random:
        assert answer.member is not None
        return Chance(self._settings.seed, answer.member, answer.decisions).generator(purpose)

    def result(self, again: Callable[..., Result[S]]) -> Result[S]:
        """The result of the run.

        Args:
            again: see `Result`.

        Raises:
            PBTError: no member ever had a finite score.
        """
        population = self._coordinator.population
        best = population.best
        if best is None:
            raise PBTError(
                "no member ever had a finite score: look at what score() returns, and widen or lower the space"
            )
        entries = list(self._coordinator.entries())
        lineage = Lineage.of(entries)
        state, found = self._states[best.id], of_best(population, lineage, None)
        assert found is not None
        return Result(
            Best(real(best.score), state, found, best.member, best.step, best.hyperparameters),
            lineage,
            entries,
            population,
            [self._begun(self._stands(id)) for id in range(len(self._seats))],
            again,
        )


def _nonce(id: int) -> str:
    return f"seat-{id}"
