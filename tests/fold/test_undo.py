"""What takes a change from outside back: that of it which is still in force, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

import pbt
from pbt.errors import Conflict
from pbt.population.changes import Assign, Bound, Change, Clone, Pause, Pin, Resume, Revive, Steer, Stop, Unpin
from pbt.population.fold import refold
from pbt.population.undo import undone
from tests.support.population import Script

SPACE = {"lr": pbt.Float(0.01, 1.0), "wd": pbt.Float(0.01, 1.0)}


@pytest.fixture
def s() -> Script:
    made = Script(members=2, space=SPACE, initial=[{"lr": 0.02, "wd": 0.5}] * 2, strategy=pbt.PBT(quantile=0))
    for member in (0, 1):
        made.report(member, float(member))
    return made


def tell(s: Script, change: Change) -> int:
    """The number of its entry."""
    entry: int = s.coordinator.steer(Steer(change, nonce=f"n{len(s.entries)}")).entry
    return entry


def undo(s: Script, entry: int) -> Change | None:
    found = undone(refold(s.entries[: entry - 1]), s.entries[entry - 1])
    assert found is not None
    return found(s.population)


def test_a_bound_is_taken_back_and_not_the_other_which_somebody_moved_since(s: Script) -> None:
    low = tell(s, Bound("lr", low=0.02))
    high = tell(s, Bound("lr", high=0.5))
    assert undo(s, low) == Bound("lr", low=0.01)
    tell(s, Bound("lr", high=0.6))
    assert undo(s, high) is None


def test_values_are_taken_back_where_they_are_still_in_force(s: Script) -> None:
    entry = tell(s, Assign((0, 1), {"lr": 0.03, "wd": 0.6}))
    assert undo(s, entry) == Assign((0, 1), {"lr": 0.02, "wd": 0.5})
    tell(s, Assign((0, 1), {"wd": 0.7}))
    assert undo(s, entry) == Assign((0, 1), {"lr": 0.02})
    tell(s, Clone(1, 0))
    assert undo(s, entry) == Assign((1,), {"lr": 0.02})
    tell(s, Stop((1,)))
    assert undo(s, entry) is None


@pytest.mark.parametrize(
    ("change", "back", "since"),
    [
        (Pause((0,)), Resume((0,)), Resume((0,))),
        (Pin("0/1-1"), Unpin("0/1-1"), Unpin("0/1-1")),
        (Stop((0,)), Revive((0,)), Revive((0,))),
    ],
)
def test_what_somebody_has_taken_back_is_not_taken_back_again(
    s: Script, change: Change, back: Change, since: Change
) -> None:
    entry = tell(s, change)
    assert undo(s, entry) == back
    again = tell(s, since)
    assert undo(s, entry) is None
    if not isinstance(change, Stop):
        assert undo(s, again) == change


def test_a_stopped_member_goes_on_where_it_stood() -> None:
    """Without a checkpoint from its beginning, with its own values; with a schedule on that."""
    schedule = [(0, {"lr": 0.1}), (2, {"lr": 0.2}), (4, {"lr": 0.4})]
    following = Script(members=1, space=SPACE, strategy={"name": "follow", "schedule": schedule})
    for reports in (0, 3):
        for _ in range(reports):
            following.report(0, 1.0)
        values = following.population.members[0].hyperparameters
        if reports:
            following.world.die(following.coordinator, 0)
        tell(following, Stop((0,)))
        tell(following, Revive((0,)))
        assert following.population.members[0].hyperparameters == values
        following.answers.clear()
    assert following.report(0, 1.0).hyperparameters["lr"] == 0.4


def test_a_change_that_would_do_more_than_was_shown_is_refused(s: Script) -> None:
    asked: Any = Steer(Assign((0,), {"lr": 0.3}), nonce="a")
    shown = s.coordinator.steer(replace(asked, preview=True))
    tell(s, Bound("wd", high=0.4))
    with pytest.raises(Conflict, match="bounds have moved"):
        s.coordinator.steer(replace(asked, seen=shown.seen))
