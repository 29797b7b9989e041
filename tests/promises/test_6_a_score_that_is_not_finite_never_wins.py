"""Promise 6: a score that is not finite never wins; its member is treated as the worst, and the user is told."""

from __future__ import annotations

import math

import pytest

from pbt.population.rules import parents
from pbt.views.judge import notes_on
from tests.support.population import Script


def test_a_score_that_is_not_finite_is_worse_than_any_that_is() -> None:
    s = Script(members=4)
    answers = s.round(0.0, 0.0, 0.0, math.nan)
    assert answers[3].checkpoint.member != 3  # type: ignore[union-attr]


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_r4_a_score_that_is_not_finite_never_wins(score: float, maximize: bool) -> None:
    s = Script(maximize=maximize)
    s.round(1, 2, 3, 4)
    before = s.population.best
    answer = s.report(1, score)
    assert answer.checkpoint.member != 1  # type: ignore[union-attr]
    assert s.population.best == before
    assert s.population.ranked[-1] == (math.inf, 1)
    assert 1 not in [c.member for c in parents(s.population, s.population.members[2], 0.5)]


def test_r4_if_every_member_is_bad_nobody_exploits() -> None:
    s = Script()
    assert all(a.checkpoint.member == a.member for a in s.round(math.nan, math.nan, math.inf, -math.inf))  # type: ignore[union-attr]
    assert s.population.best is None


def test_who_looks_is_told_which_member_reported_it_and_the_decision_says_that_it_ranked_last() -> None:
    s = Script(interval=5)
    s.round(1, 2, math.nan, 4)
    (note,) = notes_on(s.population)
    assert note.what == "member 2 reported nan at step 1: it ranks as worst"
    s.report(2, math.nan, step=5)
    (decision,) = s.entries[-1].decisions
    assert (decision.why.rank, decision.why.of, decision.start) == (4, 4, "copy")
