"""Rules R1 to R8 of population-based training, and who ranks and may be a parent."""

from __future__ import annotations

import math
from typing import Any

import pytest

import pbt
from pbt.population.rules import cut, quorum, rank
from tests.support.population import SPACE, Script

INF = math.inf


def test_r1_an_exploit_takes_the_whole_checkpoint_and_hyperparameters_separately() -> None:
    s = Script(strategy=pbt.PBT(quantile=0.25, resample=0))
    answers = s.round(4, 3, 2, 1)
    parent = s.population.members[0].checkpoint
    assert answers[3].checkpoint == parent
    assert answers[3].hyperparameters != parent.hyperparameters
    lr, old = answers[3].hyperparameters["lr"], parent.hyperparameters["lr"]
    assert lr == pytest.approx(old * 0.8) or lr == pytest.approx(old * 1.25) or lr in (1e-4, 1.0)


def test_r2_the_child_inherits_step_score_and_evaluations_and_counts_from_there() -> None:
    s = Script(interval=5)
    s.report(0, [3.0, 5.0], step=20)
    s.report(1, 3, step=6)
    s.report(2, 2, step=7)
    child = s.report(3, 1, step=5)
    m = s.population.members[3]
    assert (child.step, m.score, m.evaluations) == (20, 4.0, (3.0, 5.0))
    assert child.ready == 25


def test_r3_equals_rank_by_member_id_and_none_of_them_is_exploited_for_another() -> None:
    s = Script(members=2, strategy=pbt.PBT(quantile=0.5))
    s.report(0, 1.0)
    assert s.report(1, 1.0).checkpoint.member == 1  # type: ignore[union-attr]
    assert [id for _, id in s.population.ranked] == [0, 1]


@pytest.mark.parametrize("synchronous", [True, False])
@pytest.mark.parametrize("maximize", [True, False])
def test_a_sparse_reward_that_nobody_has_found_replaces_nobody(synchronous: bool, maximize: bool) -> None:
    result = pbt.train(
        lambda rng: 0, lambda s, h, rng: s, lambda s, rng: 0.0, SPACE, members=10, steps=6, interval=1, seed=1,
        synchronous=synchronous, maximize=maximize,
    )  # fmt: skip
    assert not [d for e in result.journal for d in e.decisions if d.start == "copy"]


def test_the_first_to_find_a_sparse_reward_is_the_only_parent() -> None:
    s = Script(members=10, strategy=pbt.PBT(quantile=0.3))
    s.round(0, 0, 0, 0, 1, 0, 0, 0, 0, 0)
    copies = [d for e in s.entries for d in e.decisions if d.start == "copy"]
    assert copies
    assert {d.parents[0].member for d in copies} == {4}


def test_r5_explored_values_stay_inside_and_move() -> None:
    s = Script(strategy=pbt.PBT(quantile=0.5), steps=400)
    seen: dict[str, set[Any]] = {name: set() for name in SPACE}
    for step in range(1, 300):
        for member in range(4):
            answer = s.report(member, math.sin(member + step))
            for name, value in answer.hyperparameters.items():
                assert value in SPACE[name]
                seen[name].add(value)
    assert min(len(values) for values in seen.values()) >= 3


def test_r5_values_with_explore_false_are_copied_not_explored() -> None:
    s = Script(space={"width": pbt.Int(1, 1000, explore=False), "lr": pbt.Float(0.1, 1)})
    child = s.round(4, 3, 2, 1)[3]
    assert child.hyperparameters["width"] == child.checkpoint.hyperparameters["width"]  # type: ignore[union-attr]
    assert child.hyperparameters["lr"] != child.checkpoint.hyperparameters["lr"]  # type: ignore[union-attr]


def test_r6_nothing_is_exploited_after_the_last_step() -> None:
    s = Script(steps=2)
    s.round(4, 3, 2, 1)
    last = [s.report(member, score, step=2) for member, score in enumerate((4, 3, 2))]
    assert all(a.stop and a.checkpoint.member == a.member for a in last)  # type: ignore[union-attr]
    assert s.report(3, 1).checkpoint.member == 3  # type: ignore[union-attr]
    assert s.population.finished


def test_r7_every_decision_keeps_its_reason() -> None:
    s = Script()
    s.round(4, 3, 2, 1)
    decision = s.entries[-1].decisions[0]
    why = decision.why
    assert (why.rank, why.of, why.k, why.low, why.parent_rank) == (4, 4, 1, True, 1)
    assert set(why.operations) == set(SPACE)
    assert decision.parents[0].id == "0/1-1"


def test_r8_the_best_is_kept_with_the_state_it_had() -> None:
    """So that final figures can come from a fresh evaluation of that very state."""
    scores = iter([1.0, 5.0, 2.0, 3.0])
    result = pbt.train(
        lambda rng: [0],
        lambda s, h, rng: [s[0] + 1],
        lambda s, rng: next(scores),
        SPACE,
        members=1,
        steps=4,
        maximize=True,
        interval=1,
    )
    assert (result.best.score, result.best.state, result.best.step) == (5.0, [2], 2)
    assert result.states == [[4]]


@pytest.mark.parametrize(
    ("n", "q", "k"),
    [(3, 0.25, 1), (8, 0.2, 2), (10, 0.2, 2), (2, 0.5, 1), (1, 0.2, 0), (4, 0, 0), (16, 0.25, 4), (5, 0.5, 2)],
)
def test_how_many_are_replaced(n: int, q: float, k: int) -> None:
    assert cut(n, q) == k


def test_nobody_is_exploited_before_half_are_ranked() -> None:
    s = Script(members=8)
    assert quorum(s.population) == 4
    for member, score in enumerate((5, 4, 3)):
        assert s.report(member, score).checkpoint.member == member  # type: ignore[union-attr]
    assert s.report(3, 1).checkpoint.member == 0  # type: ignore[union-attr]


def test_the_quorum_can_be_set() -> None:
    s = Script(members=8, quorum=8)
    for member in range(7):
        assert s.report(member, -member).checkpoint.member == member  # type: ignore[union-attr]
    assert s.report(7, -7).checkpoint.member != 7  # type: ignore[union-attr]


def test_reports_without_a_checkpoint_are_curve_not_rank() -> None:
    s = Script(interval=10)
    s.report(0, 5, step=3, save=False)
    assert s.population.ranked == ()
    assert (s.population.members[0].step, s.population.best) == (3, None)


def test_who_has_just_copied_ranks_by_its_own_report_and_is_no_parent() -> None:
    s = Script(members=4)
    s.round(4, 3, 2, 1)
    assert rank(s.population, s.population.members[3]) == 4
    assert not s.population.members[3].standing
    s.report(3, 9)
    assert rank(s.population, s.population.members[3]) == 1


def test_a_parent_must_be_past_the_step_at_which_the_childs_segment_began() -> None:
    """Otherwise a parent that nobody trains is copied for ever."""
    s = Script(members=2, strategy=pbt.PBT(quantile=0.5))
    s.report(0, 5)
    assert s.report(1, 1).checkpoint.member == 0  # type: ignore[union-attr]
    again = s.report(1, 1)
    assert again.checkpoint.member == 1  # type: ignore[union-attr]


def test_quantile_zero_is_random_search() -> None:
    s = Script(strategy={"name": "pbt", "quantile": 0})
    for scores in ((4, 3, 2, 1), (4, 3, math.nan, 1)):
        assert all(a.checkpoint.member == a.member for a in s.round(*scores))  # type: ignore[union-attr]


def test_burn_in_puts_the_first_decision_off() -> None:
    s = Script(strategy=pbt.PBT(burn_in=30), interval=10)
    assert [m.ready for m in s.population.members] == [30] * 4


def test_minimising_turns_the_ranking_round() -> None:
    s = Script(maximize=False)
    child = s.round(4, 3, 2, 1)
    assert [id for _, id in s.population.ranked] == [3, 2, 1, 0]
    assert s.population.best.score == 1
    assert child[0].checkpoint.member == 0  # type: ignore[union-attr]
    assert s.report(0, 9).checkpoint.member == 3  # type: ignore[union-attr]


def test_a_goal_ends_the_run() -> None:
    s = Script(goal=0.9)
    s.report(0, 0.5)
    assert not s.population.finished
    answer = s.report(1, 0.95)
    assert s.population.finished
    assert answer.stop
    assert s.join(2).stop


def test_a_goal_reached_by_a_score_without_a_checkpoint_is_refused() -> None:
    s = Script(goal=0.9, interval=10)
    with pytest.raises(pbt.Invalid, match="the goal is reached"):
        s.report(0, 0.95, step=3, save=False)


def test_the_first_members_begin_with_known_configurations() -> None:
    s = Script(initial=[{"lr": 0.5}, {"lr": 0.25, "layers": 3, "act": "b"}])
    values = [m.hyperparameters for m in s.population.members]
    assert values[0]["lr"] == 0.5
    assert values[1] == {"lr": 0.25, "layers": 3, "act": "b"}
    assert values[2]["lr"] != values[3]["lr"]
    assert list(values[0]) == list(SPACE)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"initial": [{"lr": 2.0}]}, "outside"),
        ({"initial": [{"nope": 2.0}]}, "not in the space"),
        ({"members": 0}, "members is 0"),
        ({"members": None}, "how many members"),
        ({"maximize": None}, "higher score is better"),
        ({"strategy": "annealing"}, "no strategy 'annealing'"),
        ({"strategy": "nowhere:Strategy"}, "can not be loaded"),
        ({"strategy": {"name": "pbt", "quantil": 0.1}}, "its parameters are quantile"),
        ({"strategy": pbt.PBT(quantile=0.7)}, "fraction from 0"),
        ({"strategy": pbt.PBT(factors=())}, "factors"),
        ({"strategy": pbt.PBT(resample=2)}, "probability"),
        ({"goal": math.nan}, "finite"),
        ({"steps": 0}, "steps is 0"),
        ({"step": 3}, "no setting 'step': did you mean 'steps'"),
        ({"turn_step": 3}, "did you mean 'turn_steps'"),
        ({"members": "many"}, "members is 'many': it must be a whole number"),
        ({"initial": [{}] * 5}, "5 configurations for 4 members"),
    ],
)
def test_impossible_settings_say_why(given: dict[str, Any], says: str) -> None:
    with pytest.raises((pbt.SettingsError, pbt.SpaceError), match=says):
        Script(**given)
