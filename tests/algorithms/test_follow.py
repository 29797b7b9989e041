"""Members that follow a schedule: a replay is exact, and a start from one is taken over or left like anybody's."""

from __future__ import annotations

import random
from typing import Any

import pytest
from bench.problems import quadratic
from bench.problems.problem import Problem

import pbt
from pbt.population.changes import Fork, Steer
from pbt.population.entries import Lost
from tests.support.population import Script

LR = {"lr": pbt.Float(1e-3, 1.5, log=True)}
SCHEDULE = [(0, {"lr": 1.0}), (3, {"lr": 0.1}), (7, {"lr": 0.01})]


def run(problem: Problem, members: int, **settings: Any) -> pbt.Result[Any]:
    return pbt.train(
        problem.init, problem.step, problem.score, problem.space, members=members, steps=problem.steps,
        maximize=problem.maximize, **({"interval": problem.interval} | settings),
    )  # fmt: skip


@pytest.mark.parametrize("strategy", ["pbt", "mf-pbt", "plans"])
@pytest.mark.parametrize("interval", [5, 7, 200])
def test_a_replay_is_exact_where_training_is(strategy: str, interval: int) -> None:
    problem = quadratic.problem()
    found = run(problem, 8, strategy=strategy, seed=3, synchronous=True).best
    again = run(
        problem._replace(steps=found.step), 1, seed=4, interval=interval,
        strategy={"name": "follow", "schedule": found.schedule},
    )  # fmt: skip
    assert problem.score(again.states[0], random.Random()) == found.score
    assert again.lineage.current[0].changes == list(found.schedule)


def test_the_first_follow_until_they_take_over_and_others_take_from_them() -> None:
    s = Script(members=4, space=LR, strategy={"name": "follow", "schedule": SCHEDULE, "followers": 2})
    used: list[dict[int, float]] = []
    for step in range(1, 11):
        used.append({id: s.join(id).hyperparameters["lr"] if step == 1 else s.answers[id].hyperparameters["lr"] for id in range(4)})  # noqa: E501  # fmt: skip
        s.round(*(10.0 * step, -step if step < 5 else step, 1.0, 1.0))
    assert [lrs[0] for lrs in used] == [1.0] * 3 + [0.1] * 4 + [0.01] * 3
    first = next(d for e in s.entries for d in e.decisions if d.member == 1 and d.start == "copy")
    assert first.parents[0].member == 0
    at = first.parents[0].step
    assert all(lrs[1] == lrs[0] for lrs in used[:at])
    assert used[-1][1] != used[-1][0], "its own since it was given weights"


def test_who_falls_back_behind_a_change_is_given_the_values_of_its_step_again() -> None:
    s = Script(members=1, space=LR, strategy={"name": "follow", "schedule": SCHEDULE}, interval=5)
    for _ in range(3):
        s.report(0, 1.0)
    assert s.answers[0].hyperparameters == {"lr": 0.1}
    s.answers[0] = s.coordinator.tell(Lost(0, 1, "0/1-3"))
    assert (s.answers[0].step, s.answers[0].hyperparameters, s.answers[0].ready) == (2, {"lr": 1.0}, 3)
    assert s.report(0, 1.0).hyperparameters == {"lr": 0.1}


def test_who_is_given_its_own_weights_with_other_values_follows_no_longer() -> None:
    s = Script(members=1, space=LR, strategy={"name": "follow", "schedule": SCHEDULE})
    s.report(0, 1.0)
    s.coordinator.steer(Steer(Fork("0", 0, {"lr": 0.5}), nonce="n"))
    s.answers[0] = s.coordinator.stand(0, 1)
    for _ in range(4):
        assert s.report(0, 1.0).hyperparameters == {"lr": 0.5}


def test_all_follow_and_nobody_exploits_unless_said_otherwise() -> None:
    s = Script(members=4, space=LR, strategy={"name": "follow", "schedule": SCHEDULE})
    for step in range(1, 9):
        s.round(*(float(step * (1 + id)) for id in range(4)))
    assert {m.hyperparameters["lr"] for m in s.population.members} == {0.01}
    assert s.population.settings.strategy.parameters["then"]["quantile"] == 0


def test_changes_between_decisions_are_kept_on_their_steps() -> None:
    s = Script(members=1, space=LR, interval=50, strategy={"name": "follow", "schedule": SCHEDULE})
    assert [s.report(0, 1.0, step=step, save=step in (3, 7)).hyperparameters["lr"] for step in (2, 3, 5, 7)] == [
        1.0, 0.1, 0.1, 0.01,
    ]  # fmt: skip


def test_what_it_does_not_name_is_drawn_and_stays() -> None:
    space = {**LR, "depth": pbt.Int(1, 1000)}
    s = Script(members=2, space=space, strategy={"name": "follow", "schedule": SCHEDULE})
    drawn = [s.join(id).hyperparameters["depth"] for id in range(2)]
    for _ in range(8):
        s.round(1.0, 2.0)
    assert [m.hyperparameters["depth"] for m in s.population.members] == drawn
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"schedule": []}, "from 0"),
        ({"schedule": [(1, {"lr": 0.1})]}, "from 0"),
        ({"schedule": [(0, {"lr": 0.1}), (0, {"lr": 0.2})]}, "ascending"),
        ({"schedule": SCHEDULE, "followers": 0}, "at least 1"),
        ({"schedule": [(0, {"rate": 0.1})]}, "'rate', which is not in the space"),
        ({"schedule": [(0, {"lr": 7.0})]}, "the schedule: lr=7 lies outside"),
        ({"schedule": SCHEDULE, "then": "nothing"}, "no strategy 'nothing'"),
        ({}, "'schedule' is missing"),
    ],
)
def test_what_can_not_be_followed_is_refused_before_anything_is_made(given: dict[str, Any], says: str) -> None:
    with pytest.raises(pbt.PBTError, match=says):
        Script(space=LR, strategy={"name": "follow", **given})


def test_it_is_recorded_with_all_of_the_inner_strategys_parameters() -> None:
    s = Script(space=LR, strategy={"name": "follow", "schedule": SCHEDULE, "followers": 1, "then": "mf-pbt"})
    assert s.settings.synchronous, "as the inner strategy needs"
    assert s.settings.strategy.parameters["then"]["frequencies"] == [1, 2, 5, 10]
