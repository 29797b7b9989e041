"""Members that are joined and trained to their end, one after the other, are hardly ranked: `pbt run` says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pbt.coordinator.follower import Follower
from pbt.views.alone import Alone
from tests.support.population import Recorded, Script
from tests.support.scripts import JOIN, pbt_run, write


def heard(*members: int, turn: bool = False, **settings: Any) -> list[str]:
    """What is said while these of 4 members are trained to the end, one after the other."""
    s = Script(**{"steps": 2, "turn_steps": 2, **settings})
    for member in members:
        s.join(member, turn)
        for _ in range(2):
            s.report(member, 0.5)
        if s.settings.steps is None:
            s.coordinator.finish(member, 1)
    said: list[str] = []
    follower = Follower(Recorded(s.entries))
    follower.listen(Alone(said.append).hear)
    follower.catch_up()
    return said


def test_a_joined_member_that_ends_before_others_begin_is_told_of_once_with_the_remedy() -> None:
    (said,) = heard(0, 1, 2)
    assert said.startswith("member 0 is trained to its end, and 3 members have not begun")
    assert "pbt.turns" in said
    assert said.endswith("as many workers as members: 4")


def test_one_whose_script_says_that_it_is_trained_enough_has_ended_too() -> None:
    assert len(heard(0, 1, steps=None, goal=9.0)) == 1


def test_nothing_is_said_where_it_takes_turns_or_nobody_is_ranked_or_none_is_left() -> None:
    assert heard(0, 1, turn=True) == []
    assert heard(0, 1, strategy={"name": "pbt", "quantile": 0}) == []
    assert heard(0, members=1) == []


@pytest.mark.slow
def test_pbt_run_says_it(tmp_path: Path) -> None:
    done = pbt_run(["run", "--workers", 1, "--steps", 4, "p", "--", "python", write(tmp_path, JOIN), "p"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("hardly anybody to take over from") == 1
