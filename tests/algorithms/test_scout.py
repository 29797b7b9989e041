"""What SCOUT remembers and when it judges."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bench.problems import exploring, quadratic, well
from bench.problems.problem import Problem

import pbt
from pbt.coordinator.transition import Fold, fold_all
from pbt.population.chance import Chance
from pbt.population.entries import Entry
from pbt.strategies.registry import build
from pbt.strategies.scout import Scout
from pbt.strategies.scouting import Scouted


def trained(problem: Problem, members: int, seed: int, model: bool = False, **more: Any) -> pbt.Result[Any]:
    settings: dict[str, Any] = {"steps": problem.steps, "synchronous": True, **more}
    return pbt.train(
        problem.init, problem.step, problem.score, problem.space, members=members, seed=seed,
        interval=problem.interval, maximize=problem.maximize, strategy={"name": "scout", "model": model}, **settings,
    )  # fmt: skip


def memories(result: pbt.Result[Any]) -> list[tuple[Entry, Scouted]]:
    """Each entry, and the memory after it."""
    strategy = build(result.population.settings)
    fold: Fold | None = None
    found = []
    for entry in result.journal:
        fold = fold_all(fold, [entry], strategy)
        found.append((entry, fold.memory))
    return found


@pytest.mark.parametrize("synchronous", [False, True])
def test_probes_are_judged_where_something_is_decided(synchronous: bool) -> None:
    """Behind a barrier that is when the round is whole: half of it would be an easier opponent than all."""
    told = memories(trained(exploring.problem(), 16, 3, synchronous=synchronous))
    shares = [memory.share for _, memory in told]
    changed = [entry for (entry, _), a, b in zip(told[1:], shares, shares[1:], strict=False) if a != b]
    assert len(changed) > 3, "there were verdicts"
    assert all(entry.decisions for entry in changed)


def test_the_model_learns_from_every_round_and_the_first() -> None:
    problem = quadratic.problem()
    result = trained(problem, 4, 1, steps=3 * problem.interval)
    rows = memories(result)[-1][1].rows
    assert [sum(r.round == k for r in rows) for k in (1, 2, 3)] == [4, 4, 4]
    first = [r for r in rows if r.round == 1]
    assert all(r.gain < 0 for r in first), "in the first it is the score itself, here minus the loss"
    assert all(math.isfinite(r.gain) and r.values.keys() == {"lr"} for r in rows)


def test_a_choice_that_is_not_redrawn_stays() -> None:
    space = {"act": pbt.Choice(["a", "b", "c", "d"]), "lr": pbt.Float(1e-3, 1, log=True)}
    population = pbt.train(
        lambda rng: 0.0, lambda state, h, rng: state, lambda state, rng: state, space, members=1, steps=1, maximize=True
    ).population
    values = {"act": "a", "lr": 0.1}
    found = [Scout(model=False).perturbed(population, values, Chance(1, 0, n)) for n in range(400)]
    assert 0.1 < sum(new["act"] != "a" for new, _ in found) / 400 < 0.3, "a quarter is drawn, of four"
    assert all(new["act"] == "a" for new, operations in found if operations["act"] == "keep")
    assert sum(operations["act"] == "keep" for _, operations in found) > 250
    assert all(new["lr"] != 0.1 for new, _ in found)


@pytest.mark.slow
def test_who_can_not_be_told_apart_explores() -> None:
    """Without noise the model gives many the same rate, at its upper limit; nobody was ever strictly better again."""
    pytest.importorskip("scipy")
    problem = well.problem()
    copies = [
        d.parents[0].step // problem.interval
        for entry in trained(problem, 16, 5005, model=True).journal
        for d in entry.decisions
        if d.source is not None
    ]
    assert sum(round > 30 for round in copies) > 10, "it goes on to the end"


def test_where_no_score_has_moved_nobody_is_a_double() -> None:
    """A reward that nobody has found yet, and few values: equal scores and equal values, but other weights."""
    result = pbt.train(
        lambda rng: rng.random(), lambda state, h, rng: state, lambda state, rng: 0.0, {"act": pbt.Choice(["a", "b"])},
        members=8, steps=20, interval=1, maximize=True, seed=1, synchronous=True, strategy="scout",
    )  # fmt: skip
    assert not any(d.source is not None for entry in result.journal for d in entry.decisions)
