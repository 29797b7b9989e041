"""`pbt.train`: a population in one process."""

from __future__ import annotations

import random
import weakref
from collections.abc import Sequence
from typing import Any

import pytest

import pbt
from pbt.population.entries import Decision, encode
from pbt.population.fold import refold
from pbt.population.population import Population
from pbt.strategies.births import birth
from tests.support import toy

SPACE = {"lr": pbt.Float(0.001, 1.0, log=True)}


def ascend(state: dict[str, float], h: dict[str, Any], rng: random.Random) -> dict[str, float]:
    state["x"] += h["lr"] * rng.random()
    return state


def train(**given: Any) -> pbt.Result[dict[str, float]]:
    options: dict[str, Any] = {"members": 5, "steps": 30, "interval": 3, "seed": 1, "maximize": True}
    return pbt.train(lambda rng: {"x": rng.random()}, ascend, lambda s, rng: s["x"], SPACE, **(options | given))


def test_the_same_seed_gives_the_same_run() -> None:
    a, b, c = train(), train(), train(seed=2)
    assert a.states == b.states
    assert a.best.schedule == b.best.schedule
    assert a.states != c.states


@pytest.mark.parametrize("name", ["init", "step", "score", "copy"])
def test_what_must_be_a_function_is_refused_before_training_if_it_is_none(name: str) -> None:
    given: dict[str, Any] = {"init": lambda rng: 0.0, "step": lambda x, h, rng: x, "score": lambda x, rng: x}
    with pytest.raises(pbt.SettingsError, match=f"{name} is 1.0: it must be a function"):
        pbt.train(**{**given, name: 1.0}, space=SPACE, members=2, steps=2, maximize=True)


def test_a_state_changed_in_place_is_not_shared_after_an_exploit() -> None:
    result = train()
    assert any(d.start == "copy" for e in result.journal for d in e.decisions)
    assert len({id(state) for state in result.states}) == 5
    assert len({state["x"] for state in result.states}) == 5


def test_copy_says_how_a_state_is_copied() -> None:
    copied = []

    def copy(state: dict[str, float]) -> dict[str, float]:
        copied.append(state["x"])
        return dict(state)

    train(copy=copy)
    assert copied


@pytest.mark.parametrize("synchronous", [False, True])
def test_the_states_equal_what_the_journal_says_of_them(synchronous: bool) -> None:
    result = train(synchronous=synchronous)
    for m, state in zip(result.population.members, result.states, strict=True):
        assert m.score == state["x"]
        assert m.done
    assert refold(result.journal) == result.population


def test_the_schedule_replays_to_the_same_score() -> None:
    """On the toy, which is deterministic, replaying the schedule along the lineage gives the value exactly."""
    result = toy.run(toy.Toy(), seed=3)
    w = [0.9, 0.9]
    for step in range(result.best.step):
        w = toy.step(w, result.best.schedule[step], random.Random())
    assert toy.score(w) == pytest.approx(result.best.score, abs=1e-12)


def test_a_goal_ends_it_early() -> None:
    result = train(goal=1.5, steps=3000)
    assert 1.5 <= result.best.score < 3


def test_the_last_stretch_is_shorter_where_the_interval_does_not_divide_the_steps() -> None:
    result = train(steps=31)
    assert {m.step for m in result.population.members} == {31}


def test_minimising_finds_the_lowest() -> None:
    result = train(maximize=False)
    scores = [s for segment in result.lineage.segments for _, s in segment.scores]
    assert result.best.score == min(scores)  # type: ignore[type-var]


def test_the_rng_depends_on_nobody_else() -> None:
    """One hyperparameter more, or one member more, shifts nobody's draws."""
    first = {m.id: m.hyperparameters for m in train(steps=3).population.members}
    more = {m.id: m.hyperparameters for m in train(steps=3, members=7).population.members}
    assert all(more[id] == values for id, values in first.items())


def test_only_bad_scores_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(pbt.PBTError, match="finite score"):
        pbt.train(
            lambda rng: 0, lambda s, h, rng: s, lambda s, rng: float("nan"), SPACE, members=16, steps=2, maximize=True
        )


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(pbt.Invalid, match="score is 'good'"):
        pbt.train(lambda rng: 0, lambda s, h, rng: s, lambda s, rng: "good", SPACE, members=16, steps=2, maximize=True)  # type: ignore[arg-type, return-value]


def test_journals_of_two_runs_are_equal_byte_for_byte_but_for_times() -> None:
    def bodies(result: pbt.Result[Any]) -> list[bytes]:
        return [encode(type(e)(0.0, e.event, e.decisions)) for e in result.journal]

    assert bodies(train()) == bodies(train())


class FromBest(pbt.PBT, frozen=True):
    """Every member but the best's own takes over the best of the run, however long ago that was, four times."""

    def decide(self, population: Population, memory: Any, due: Sequence[int]) -> list[Decision]:
        members, best = population.members, population.best
        return [
            self.exploit(population, members[d.member], best, d.why)
            if best is not None and best.member != d.member and 0 < members[d.member].decisions < 5
            else d
            for d in super().decide(population, memory, due)
        ]


class Reborn(pbt.PBT, frozen=True):
    """Member 1 is stopped at its first decision, and born anew with member 0's third."""

    def decide(self, population: Population, memory: Any, due: Sequence[int]) -> list[Decision]:
        found = {d.member: d for d in super().decide(population, memory, due)}
        first, second = population.members[:2]
        if 1 in found and second.decisions == 1:
            found[1] = Decision(1, second.ready, stop=True)
        if 0 in found and first.decisions == 3:
            found[1] = birth(population, 1, population.settings.interval)
        return list(found.values())


class Behind(pbt.PBT, frozen=True):
    """Member 1 takes over what member 0 had before its newest checkpoint, and goes back to what it had itself."""

    def decide(self, population: Population, memory: Any, due: Sequence[int]) -> list[Decision]:
        found = {d.member: d for d in super().decide(population, memory, due)}
        first, second = population.members[:2]
        before = (first.before, None, second.before)[second.decisions % 3]
        if 1 in found and 1 < second.decisions < 12 and before is not None:
            found[1] = Decision(1, before.step + 3, "copy", (before,), {"lr": 0.5})
        return list(found.values())


def falling(state: dict[str, float], h: dict[str, Any], rng: random.Random) -> dict[str, float]:
    """Rises, then falls for ever: the best is soon far behind everybody."""
    state["n"] = state.get("n", 0) + 1
    state["x"] += h["lr"] * (1 if state["n"] <= 4 else -1)
    return state


def states_are_what_the_journal_says(result: pbt.Result[dict[str, float]]) -> None:
    for m, state in zip(result.population.members, result.states, strict=True):
        assert m.score == state["x"]
    assert result.best.state["x"] == result.best.score


def test_a_strategy_may_always_copy_the_best_however_old() -> None:
    result = pbt.train(
        lambda rng: {"x": rng.random()}, falling, lambda s, rng: s["x"], SPACE, members=4, steps=24, interval=3, seed=1,
        maximize=True, strategy="tests.test_train:FromBest",
    )  # fmt: skip
    copied = [d for e in result.journal for d in e.decisions if d.source is not None]
    assert any(d.source.step < result.population.members[d.source.member].step - 3 for d in copied if d.source)
    states_are_what_the_journal_says(result)


def test_a_member_that_was_stopped_is_born_anew_with_a_state_of_its_own() -> None:
    result = train(strategy="tests.test_train:Reborn", members=3)
    (first, reborn) = [s for s in result.lineage.segments if s.member == 1][:2]
    assert first.end == 3
    assert reborn.start == 0
    assert result.population.members[1].step == 30
    states_are_what_the_journal_says(result)


def test_a_strategy_may_name_whatever_the_population_refers_to() -> None:
    result = train(strategy="tests.test_train:Behind", members=3, quorum=9, steps=60)
    behind = [d for e in result.journal for d in e.decisions if d.start == "copy"]
    assert {d.source.member for d in behind if d.source} == {0, 1}
    states_are_what_the_journal_says(result)


@pytest.mark.parametrize("strategy", ["pbt", "FromBest", "Reborn", "Behind"])
@pytest.mark.parametrize("synchronous", [False, True])
def test_states_are_kept_as_long_as_the_population_refers_to_them(strategy: str, synchronous: bool) -> None:
    living: weakref.WeakSet[Counted] = weakref.WeakSet()
    most = []

    def step(state: Counted, h: dict[str, Any], rng: random.Random) -> Counted:
        most.append(len(living))
        return Counted(living, state.x + h["lr"] * rng.random())

    named = strategy if strategy == "pbt" else f"tests.test_train:{strategy}"
    result = pbt.train(
        lambda rng: Counted(living, rng.random()), step, lambda s, rng: s.x, SPACE, copy=lambda s: s, members=4,
        steps=60, interval=2, seed=1, maximize=True, strategy=named, synchronous=synchronous, quorum=2,
    )  # fmt: skip
    assert {s.x for s in living} <= {c.score for c in held(result.population)}
    assert max(most) <= 3 * 4 + 1 + 2, "of each member the current one, the one before and one taken over; the best"


class Counted:
    def __init__(self, living: weakref.WeakSet[Counted], x: float) -> None:
        self.x = x
        living.add(self)


def held(population: Population) -> list[Any]:
    return [population.best, *(c for m in population.members for c in m.holds)]
