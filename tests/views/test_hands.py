"""Changes by hand, as the list of changes names them."""

from __future__ import annotations

from pbt.coordinator.follower import Follower
from pbt.population.changes import Bound, Change, Fork, Revive, Steer, Stop
from pbt.views.hands import Hands
from tests.support.population import Script


def test_a_member_that_goes_on_as_it_stood_is_no_take_over() -> None:
    script = Script()
    for _ in range(3):
        script.round(1.0, 2.0, 3.0, 4.0)
    changes: list[Change] = [Stop((1, 2)), Revive((1, 2)), Stop((3,)), Fork("best", 3, {"lr": 0.5})]
    for n, change in enumerate([*changes, Bound("lr", None, 0.5)]):
        script.coordinator.steer(Steer(change, "ada", "", str(n)))
    follower, hands = Follower(script.world.journal), Hands()
    follower.listen(hands.hear)
    follower.catch_up()
    stopped, revived, one, forked, bounds = (line.what for line in hands.lines(follower.population))
    assert (stopped, revived) == ("Members 1, 2 stopped", "Members 1, 2 trained again")
    assert one.startswith("Member 3 was stopped at step 3")
    assert "took over" in forked or "changed lr" in forked
    assert bounds == "Bounds of lr moved to 0.0001 and 0.5"
    script.coordinator.steer(Steer(Stop((2,)), "ada", "", "x"))
    script.coordinator.steer(Steer(Revive((2,)), "ada", "", "y"))
    follower.catch_up()
    assert hands.lines(follower.population)[-1].what == "Member 2 trained again, from step 3"
