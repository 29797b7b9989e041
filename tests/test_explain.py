"""`pbt explain`: what a strategy does and has done, and advice only where the journal gives reason for it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.views.explain import Explanation, explain
from tests.support.population import Script
from tests.support.scripts import pbt_run
from tests.support.worlds import FolderWorld

SPACE = {"lr": pbt.Float(1e-3, 1.0, log=True), "dummy": pbt.Float(0, 1)}
Curve = Callable[[dict[str, Any], int, random.Random], float]


def played(folder: Path, curve: Curve, rounds: int = 20, **settings: Any) -> pbt.Run:
    world = FolderWorld(folder)
    given = {"members": 8, "steps": rounds, "space": SPACE, "strategy": pbt.PBT(quantile=0.25)} | settings
    s, rng = Script(world, **given), random.Random(5)
    gained = dict.fromkeys(range(given["members"]), 0.0)
    for step in range(1, rounds + 1):
        for member in gained:
            known = s.answers.get(member) or s.join(member)
            base = gained[known.checkpoint.member] if known.checkpoint else 0.0
            gained[member] = base + curve(known.hyperparameters, step, rng)
            s.report(member, gained[member] if "noise" not in folder.name else gained[member] + rng.gauss(0, 5))
    world.close()
    return pbt.load(folder / "population")


def near(h: dict[str, Any], step: int, rng: random.Random) -> float:
    """Better the nearer lr is to .03; the dummy is a dummy."""
    return 1.0 - abs(pbt.Float(1e-3, 1.0, log=True).unit(h["lr"]) - 0.5)


def said(found: Explanation) -> str:
    return "\n".join(f.what for f in found.advice)


def test_where_nothing_is_wrong_nothing_is_advised(tmp_path: Path) -> None:
    found = explain(played(tmp_path / "p", near))
    assert said(found) == ""
    assert found.does.startswith("every step a member among the last 2 of 8")
    assert any(line.startswith("exploits: ") and "decisions (" in line for line in found.done)
    assert {p.name for p in found.parameters if not p.default} == {"quantile"}


def test_noise_that_decides_the_ranks_is_seen(tmp_path: Path) -> None:
    assert "many ranks are chance" in said(explain(played(tmp_path / "noise", near)))


def test_bounds_that_the_best_has_hit_are_named(tmp_path: Path) -> None:
    run = played(tmp_path / "p", lambda h, step, rng: h["lr"], rounds=40)
    assert run.best is not None
    last = run.best.hyperparameters["lr"]
    assert last < 1
    assert f"the best trained with lr near its upper bound, 1: with {last:.4g}" in said(explain(run))


def test_a_hyperparameter_that_no_exploit_favoured_is_named_and_no_other(tmp_path: Path) -> None:
    text = said(explain(played(tmp_path / "p", near, rounds=40, members=32, seed=1)))
    assert "no exploit favoured any value of dummy" in text
    assert "value of lr" not in text


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"members": 1}, "nobody to take over from"),
        ({"members": 4}, "from a single parent"),
        ({"interval": 4}, "decided on 5 times"),
    ],
)
def test_too_few_are_told(tmp_path: Path, settings: dict[str, Any], says: str) -> None:
    assert says in said(explain(played(tmp_path / "p", near, **settings)))


def test_where_all_are_equal_nobody_exploits_and_that_is_said(tmp_path: Path) -> None:
    assert "nobody has exploited" in said(explain(played(tmp_path / "p", lambda h, step, rng: 0.0)))


def test_members_trained_one_after_the_other_are_hardly_ranked_and_that_is_said(tmp_path: Path) -> None:
    world = FolderWorld(tmp_path)
    s = Script(world, members=8, steps=10, space=SPACE)
    for pair in ((0, 1), (2, 3), (4, 5), (6, 7)):  # two workers that join
        for step in range(1, 11):
            for member in pair:
                s.report(member, step + member / 10)
    world.close()
    found = explain(pbt.load(tmp_path / "population"))
    (told,) = [f for f in found.advice if "rankings" in f.what]
    assert "most rankings saw 2 of 8 members" in told.what
    assert told.do.startswith("loop over pbt.turns")
    assert "nobody has exploited" not in said(found)


def test_who_follows_a_schedule_is_not_ranked_and_gets_no_advice_about_ranks(tmp_path: Path) -> None:
    schedule = {"name": "follow", "schedule": [(0, {"lr": 0.1, "dummy": 0.5})]}
    assert said(explain(played(tmp_path / "noise", near, strategy=schedule))) == ""


def test_who_reports_several_evaluations_is_not_told_to_report_several(tmp_path: Path) -> None:
    s = Script(FolderWorld(tmp_path), members=8, steps=20, space=SPACE)
    rng = random.Random(1)
    for step in range(20):
        s.round(*([step + 0.01 * member + rng.gauss(0, 5) for _ in range(3)] for member in range(8)))
    s.world.close()
    (noisy,) = [f for f in explain(pbt.load(tmp_path / "population")).advice if "chance" in f.what]
    assert "a list" not in noisy.do
    assert "a larger interval" in noisy.do


def test_random_search_is_not_blamed_for_being_it(tmp_path: Path) -> None:
    assert said(explain(played(tmp_path / "p", near, strategy=pbt.PBT(quantile=0)))) == ""


def test_the_common_ancestor_is_where_all_weights_come_from(tmp_path: Path) -> None:
    run = played(tmp_path / "p", near, rounds=60)
    found = run.lineage.common_ancestor([m.id for m in run.members])
    assert found is not None
    paths = [run.lineage.current[m.id].path() for m in run.members]
    assert all(found[0] in path for path in paths)
    ends = [path[path.index(found[0]) + 1].start if path[-1] is not found[0] else found[0].end for path in paths]
    assert found[1] == min(ends)
    unrelated = played(tmp_path / "q", near, rounds=5, strategy=pbt.PBT(quantile=0))
    assert unrelated.lineage.common_ancestor([0, 1]) is None


def test_the_command_tells_people_and_programs(tmp_path: Path) -> None:
    played(tmp_path / "a run #1", near, members=4)
    text = pbt_run(["explain", "a run #1/population"], tmp_path)
    assert text.returncode == 0, text.stderr
    assert text.stdout.startswith("strategy pbt: every step")
    assert "from a single parent" in text.stdout
    found = json.loads(pbt_run(["explain", "a run #1/population", "--json"], tmp_path).stdout)
    assert found["strategy"] == "pbt"
    assert found["advice"][0]["do"]
    nothing = pbt_run(["explain", "nowhere"], tmp_path)
    assert nothing.returncode == 1
    assert "no population" in nothing.stderr
