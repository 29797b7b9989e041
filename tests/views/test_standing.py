"""How a population stands, in short: who trains, who waits for what, and for how long there was training."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from pbt.population.changes import Pause, Steer
from pbt.population.entries import Entry, Reported
from pbt.views.asked import Asked
from pbt.views.catalogue import view
from pbt.views.followed import Followed
from pbt.views.health import health
from pbt.views.overview import line
from tests.support.population import Recorded, Script


def followed(entries: Iterable[Entry]) -> Followed:
    found = Followed(Recorded(entries))  # type: ignore[arg-type]
    found.catch_up()
    return found


def summary(of: Followed) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(view("summary", "x", of, Asked(""), frozenset()).body)
    return found


def test_training_ends_with_the_last_report_not_with_a_change_by_hand() -> None:
    script = Script(members=3, steps=100)
    script.round(1.0, 2.0, 3.0)
    script.coordinator.steer(Steer(Pause((2,)), "Ada", "", "a nonce"))
    found = summary(followed(script.entries))
    assert found["reported"] == max(e.time for e in script.entries if isinstance(e.event, Reported)) < found["last"]
    assert summary(followed(script.entries[:1]))["reported"] is None


def test_members_whose_workers_are_gone_lack_one() -> None:
    script = Script(members=3, steps=100)
    script.round(1.0, 2.0, 3.0)
    seen = followed(script.entries)
    assert summary(seen)["lacking"] == 0
    seen.held = lambda m: m.id == 0
    told = summary(seen)
    waiting = {waiting.what: waiting.count for waiting in health(seen, Asked("")).waiting}
    assert (told["state"], told["lacking"], waiting["a worker"]) == ("training", 2, 2)
    seen.held = lambda m: False
    assert (summary(seen)["state"], summary(seen)["lacking"]) == ("waiting", 3)


@pytest.mark.parametrize(("members", "said"), [((1,), "resume it"), ((0, 1), "resume them")])
def test_who_is_paused_waits_for_somebody_in_plain_words(members: tuple[int, ...], said: str) -> None:
    script = Script(members=3, steps=100)
    script.coordinator.steer(Steer(Pause(members), "", "", "a nonce"))
    found = {waiting.what: waiting.members for waiting in health(followed(script.entries), Asked("")).waiting}
    assert found[f"somebody to {said}"] == list(members)


def test_the_list_says_how_far_a_population_came_whatever_its_best_score_was() -> None:
    script = Script(members=2, steps=100)
    assert line("x", followed(script.entries)).furthest == 0
    script.round(9.0, 8.0)
    script.round(1.0, float("nan"))
    told = line("x", followed(script.entries))
    assert told.best is not None
    assert (told.best.step, told.furthest) == (1, 2)
