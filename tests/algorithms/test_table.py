"""The table of strategies: what was run is not run again, what was changed is, and oracles are what they say."""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from bench import contests, strategies, tables
from bench.contests import FIRST_SEED, WAYS, Contest, Result, read
from bench.problems import drifting, mixed
from bench.problems.catalogue import CATALOGUE
from bench.problems.problem import Problem, trained
from bench.problems.quadratic import B3, OPTIMUM, schedule_loss
from bench.problems.quadratics import constants


def result(problem: str, strategy: str, seed: int, value: float, maximize: bool = False) -> Result:
    return Result(f"{problem}/{strategy}/{seed}", problem, strategy, seed, value, value, value, 1.0, maximize, 0.5)


def run(path: Path, capsys: Any, *more: str) -> tuple[str, str]:
    strategies.main(["--only", "toy", "--strategies", "pbt,random", "--jobs", "1", "--results", str(path), *more])
    out, err = capsys.readouterr()
    return out, err


def test_it_goes_on_where_it_was_and_prints_the_same(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "results.jsonl"
    run(path, capsys, "--seeds", "1")
    with path.open("a") as file:
        file.write('{"key": "half a li')
    out, err = run(path, capsys, "--seeds", "2")
    assert "4 runs, 2 of them" in err
    assert len(read(path)) == 4
    again, err = run(path, capsys, "--seeds", "2")
    assert "4 runs, 4 of them" in err
    assert again == out
    assert "| random search | 0.39" in out


def test_several_processes_find_the_same(tmp_path: Path) -> None:
    wanted = [Contest("toy", "pbt", FIRST_SEED + n) for n in range(3)]
    alone, together = ({r.seed: r.value for r in strategies.results_of(wanted, jobs)} for jobs in (1, 2))
    assert alone == together


def test_results_of_a_changed_strategy_or_problem_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(problem: str = "toy", strategy: str = "pbt") -> str:
        contests.key_of.cache_clear()
        return Contest(problem, strategy, FIRST_SEED).key

    before, scout = key(), key(strategy="scout")
    assert before == key()
    assert len({before, scout, key("drifting"), Contest("toy", "pbt", FIRST_SEED + 1).key}) == 4
    monkeypatch.setitem(CATALOGUE, "toy", CATALOGUE["toy"]._replace(members=3))
    assert key() != before
    monkeypatch.undo()
    monkeypatch.setitem(WAYS, "pbt", WAYS["pbt"]._replace(strategy={"name": "pbt", "quantile": 0.3}))
    assert key() != before
    monkeypatch.undo()
    text = contests.text_of

    def commented(module: str) -> str:
        return text(module) + "\n# a remark\n"

    def changed(module: str) -> str:
        return text(module) + ("\nMORE = 1\n" if module == "pbt.strategies.scouting" else "")

    monkeypatch.setattr(contests, "text_of", commented)
    assert (key(), key(strategy="scout")) == (before, scout)
    monkeypatch.setattr(contests, "text_of", changed)
    assert key() == before
    assert key(strategy="scout") != scout, "SCOUT imports it"


def test_what_is_compared_is_the_interval_that_is_best_in_hindsight_of_each_problem() -> None:
    results = [result("quadratics", "pbt", 10 * k + n, 5.0 + n) for k in range(2) for n in range(2)]
    results += [result("quadratics", "pbt-5", 10 * k + n, 5.5) for k in range(2) for n in range(2)]
    best = tables.tuned(results, "quadratics")
    assert sorted((r.seed, r.strategy) for r in best) == [(0, "pbt"), (1, "pbt-5"), (10, "pbt"), (11, "pbt-5")]
    ours = [result("quadratics", "scout", seed, value) for seed, value in ((0, 4.0), (1, 5.5), (7, 0.0))]
    assert tables.wins(ours, best) == 0.75, "one is ahead, one is equal, one has no pair"
    assert tables.wins(ours[2:], best) is None


def test_a_table_has_medians_quartiles_and_wins() -> None:
    results = [result("drifting", "pbt", n, float(n)) for n in range(5)]
    results += [result("drifting", "scout", n, n - 1.0) for n in range(5)]
    lines = tables.table([r._replace(maximize=True) for r in results], ["drifting", "toy"]).splitlines()
    assert lines[0] == "|  | B2, regret (N = 8) |"
    assert lines[2:] == ["| PBT | -1 [-2, 0] |", "| SCOUT | 0 [-1, 1] 0 % |"]


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_every_problem_can_be_trained_on(name: str) -> None:
    problem = CATALOGUE[name].make(CATALOGUE[name].family - 1)
    outcome = trained(problem._replace(steps=3 * problem.interval), "pbt", 2, 1)
    assert all(math.isfinite(x) for x in outcome)
    assert outcome.reached >= outcome.value if problem.maximize else outcome.reached <= outcome.value


def test_the_best_schedules_reach_what_they_say_and_exactly() -> None:
    pytest.importorskip("scipy")
    from bench.problems.schedules import beginnings, best, log_loss

    loss, schedule = best(B3)
    assert loss == pytest.approx(OPTIMUM, rel=1e-3)
    three = constants("three", 2)
    for q in (B3, three):
        loss, schedule = best(q)
        assert schedule_loss(q, schedule) == pytest.approx(loss)
    x = beginnings(three, 0.0)[1].ravel()
    exact = log_loss(x, three)[1]
    for i in (0, 1, len(x) - 1):
        up, down = (x.copy() for _ in range(2))
        up[i] += 1e-5
        down[i] -= 1e-5
        assert exact[i] == pytest.approx((log_loss(up, three)[0] - log_loss(down, three)[0]) / 2e-5, rel=1e-3, abs=1e-7)


def test_who_knows_the_drift_reaches_the_optimum() -> None:
    rounds = range(drifting.ROUNDS)
    for variables in (1, 2, 3):
        for motion in get_args(drifting.Motion):
            plan = [dict(zip("abc", drifting.optimum(t, motion, variables), strict=False)) for t in rounds]
            assert followed(drifting.problem(motion, variables), plan) == drifting.ROUNDS
    named = [dict(zip(("first", "second"), mixed.right(t), strict=True)) for t in rounds]
    assert followed(mixed.problem(), [{**a, **b} for a, b in zip(plan, named, strict=True)]) < drifting.ROUNDS
    waves = [dict(zip("abc", drifting.optimum(t, "wave", 3), strict=True)) for t in rounds]
    assert followed(mixed.problem(), [{**a, **b} for a, b in zip(waves, named, strict=True)]) == drifting.ROUNDS


def followed(problem: Problem, plan: list[dict[str, Any]]) -> float:
    rng = random.Random(0)
    state = problem.init(rng)
    for t in range(problem.steps):
        state = problem.step(state, plan[t], rng)
    return float(problem.value(state))


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SystemExit, match=r"pip install 'ray\[tune\]'"):
        strategies.main(["--against", "ray"])


def test_what_there_is_is_listed(capsys: Any) -> None:
    strategies.main(["--list"])
    listed = capsys.readouterr().out
    assert all(name in listed for name in (*CATALOGUE, *WAYS))
