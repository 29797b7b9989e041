"""`pbt.train`: a population in one process."""

from __future__ import annotations

import random
from typing import Any

import pytest

import pbt
from pbt.population.entries import encode
from pbt.population.fold import refold
from pbt.population.schedule import values_at
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
        w = toy.step(w, values_at(result.best.schedule, step), random.Random())
    assert toy.score(w) == pytest.approx(result.best.score, abs=1e-12)
    assert result.best.schedule[0][0] == 0


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
