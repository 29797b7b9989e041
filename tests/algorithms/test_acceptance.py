"""Strategies on problems whose optimum is known, each against what it must beat; medians over fixed seeds."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest
from bench.problems import choices, drifting, quadratic, toy, zoo
from bench.problems.problem import Problem, solve

pytest.importorskip("scipy")
pytestmark = pytest.mark.slow

RANDOM = {"name": "pbt", "quantile": 0}
PBT = {"name": "pbt", "quantile": 0.25}


def of(problem: Problem, strategy: Any, members: int, seeds: int, **settings: Any) -> float:
    return median(solve(problem, strategy, members, 1000 + seed, **settings) for seed in range(seeds))


def test_on_the_toy_who_exploits_and_explores_is_best() -> None:
    problem = toy.problem()
    assert of(problem, {"name": "pbt", "quantile": 0.5, "resample": 0.5}, 2, 20) > 1.0
    assert of(problem, RANDOM, 2, 20) == pytest.approx(0.39, abs=0.01)


def test_where_greed_is_wrong_slower_groups_help_and_asymmetry_does() -> None:
    problem = quadratic.problem()
    every, seldom = of(problem, PBT, 16, 8), of(problem, PBT, 16, 8, interval=25)
    mf = of(problem, "mf-pbt", 16, 8)
    symmetric = of(problem, {"name": "mf-pbt", "migration": "symmetric"}, 16, 8)
    assert mf < symmetric < every < of(problem, RANDOM, 16, 8)
    assert mf < 1.3 * seldom, "within 30 % of the interval that is best in hindsight"


def test_scout_is_far_below_pbt_at_any_interval_where_greed_is_wrong() -> None:
    problem = quadratic.problem()
    every, *seldom = (of(problem, PBT, 16, 6, interval=interval) for interval in (5, 10, 25, 50))
    assert of(problem, {"name": "scout", "model": False}, 16, 6) < 0.5 * min(every, *seldom)
    assert of(problem, "scout", 16, 4) < 0.5 * min(every, *seldom)
    assert of(problem, "plans", 16, 8) < of(problem, RANDOM, 16, 8)


def test_scout_costs_little_where_greed_is_right() -> None:
    assert of(zoo.problem(), "scout", 22, 1) > 1.1992
    deceptive = zoo.problem(deceptive=True)
    assert of(deceptive, "scout", 22, 1) > of(deceptive, PBT, 22, 1) + 0.1


def test_what_drifts_is_followed_best_by_a_model() -> None:
    problem = drifting.problem()
    random, pbt, pb2 = (problem.optimum - of(problem, s, 8, 4) for s in (RANDOM, PBT, {**PBT, "name": "pb2"}))
    assert pb2 < 0.6 * pbt < pbt < random


def test_choices_that_decide_are_learnt() -> None:
    problem = choices.problem()
    rand, mult = (problem.optimum - of(problem, {**PBT, "name": name}, 8, 4) for name in ("pb2-rand", "pb2-mult"))
    assert mult < rand
