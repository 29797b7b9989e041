"""Changes by people and programs: one entry each, shown before it is written, refused if that moved; in any world."""

from __future__ import annotations

from typing import Any

import pytest

import pbt
import pbt.server.served
from pbt.coordinator.commands import ReportCommand
from pbt.population.changes import (
    Assign,
    Bound,
    Change,
    Clone,
    Fork,
    Pause,
    Pin,
    Resume,
    Revive,
    Steer,
    Steering,
    Steps,
    Stop,
    Unpin,
)
from pbt.population.entries import Decision, Entry, Lost, Released, Steered
from pbt.population.fold import apply
from pbt.worker.waits import for_a_decision, for_a_member
from tests.support.population import Script
from tests.support.worlds import MemoryWorld, World

NONCES = iter(range(10**6))


def told(s: Script, change: Change, coordinator: Any = None, **more: Any) -> Steering:
    nonce = more.pop("nonce", f"nonce {next(NONCES)}")
    said: Steering = (coordinator or s.coordinator).steer(Steer(change, nonce=nonce, **more))
    return said


def shown(s: Script, change: Change, coordinator: Any = None) -> Steering:
    return told(s, change, coordinator, preview=True)


def begun(world: World | None = None, **given: Any) -> Script:
    s = Script(world, **({"interval": 2} | given))
    s.round(0.1, 0.2, 0.3, 0.4)
    return s


def test_what_is_shown_is_what_is_written_with_who_and_why(world: World) -> None:
    s = begun(world)
    change = Assign((1,), {"lr": 0.25})
    before, n = s.population.members[1], len(s.entries)
    preview = shown(s, change)
    assert len(s.entries) == n and preview.entry is None
    assert "Member 1 (rank 3 of 4, step 1, score 0.2) changes lr " in preview.effect
    assert "→ 0.25. Its worker learns of it at its next report." in preview.effect
    made = told(s, change, by="Ada (page)", why="too hot", seen=preview.seen)
    assert (made.entry, made.effect) == (n + 1, preview.effect)
    entry = s.entries[n]
    assert (entry.event.change, entry.event.by, entry.event.why) == ({"set": [1]}, "Ada (page)", "too hot")
    assert entry.decisions == made.decisions
    (d,) = entry.decisions
    assert (d.why.note, d.why.operations, d.decided) == ("by Ada (page): too hot", {"lr": "by hand"}, before.decisions)
    m = s.population.members[1]
    assert m.hyperparameters == before.hyperparameters | {"lr": 0.25}
    assert (m.checkpoint, m.ready, m.given) == (before.checkpoint, before.ready, before.given)
    answer = s.report(1, 0.5)
    assert answer.hyperparameters["lr"] == 0.25


def test_told_twice_is_once_also_after_others_have_changed_something(world: World) -> None:
    s = begun(world)
    first = told(s, Pause((1,)), nonce="once")
    told(s, Resume((1,)), coordinator=world.coordinator())
    n = len(s.entries)
    again = told(s, Pause((1,)), nonce="once")
    assert (again.entry, len(s.entries), s.population.paused) == (first.entry, n, ())
    with pytest.raises(pbt.Invalid, match="nonce"):
        s.coordinator.steer(Steer(Pause((1,))))


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("change", "moved", "said"),
    [
        (Assign((1,), {"lr": 0.25}), Assign((1,), {"layers": 2}), "member 1 has been decided on since"),
        (Fork("best", 1), Assign((1,), {"layers": 2}), "member 1 has been decided on since"),
        (Stop((1,)), Assign((1,), {"layers": 2}), "member 1 has been decided on since"),
        (Clone(3, 1), None, "the checkpoint is another one by now, 3/1-2"),
        (Steps(200), Steps(150), "each member is to do 150 steps by now"),
        (Bound("lr", high=0.5), Bound("lr", high=0.7), "the bounds of lr are 0.0001 and 0.7 by now"),
        (Pause((1, 2)), Pause((2,)), "somebody has paused or resumed one of these"),
    ],
)
def test_what_has_moved_since_it_was_shown_is_refused(
    world: World, change: Change, moved: Change | None, said: str
) -> None:
    s = begun(world)
    seen = shown(s, change).seen
    if moved is None:
        s.report(3, 0.5)
    else:
        told(s, moved, coordinator=world.coordinator())
    n = len(s.entries)
    with pytest.raises(pbt.errors.Conflict, match=said):
        told(s, change, seen=seen)
    assert len(s.entries) == n
    assert told(s, change, seen=shown(s, change).seen).entry == n + 1


def test_a_paused_member_waits_at_its_next_report_that_is_due_until_it_is_resumed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = begun(world)
    assert "trains to its next report that is due (from step 2 on)" in told(s, Pause((1,)), by="Ada").effect
    monkeypatch.setattr(pbt.server.served, "HOLD", 0.05)
    assert s.report(1, 0.1).wait
    m = s.population.members[1]
    assert m.due and m.checkpoint.id == "1/1-2"
    for score in (0.5, 0.6):
        s.report(3, score)
    assert s.population.members[1].due and not s.population.members[3].due
    told(s, Assign((1,), {"lr": 0.25}))
    assert s.population.members[1].due, "values are no decision on what it waits for"
    n = len(s.entries)
    told(s, Resume())
    (d,) = s.entries[n].decisions
    assert (d.member, s.population.paused, s.population.members[1].due) == (1, (), False)


def test_a_paused_member_is_not_leased_and_gives_its_worker_to_others() -> None:
    s = Script(MemoryWorld(), interval=2)
    told(s, Pause((0,)))
    assert s.join(None, turn=True).member == 1
    with pytest.raises(pbt.NobodyFree, match="paused"):
        s.coordinator.join("wish", member=0)
    s.report(1, 0.5)
    told(s, Pause((1,)))
    for member in (2, 3):
        s.join(member)
    report = s.draft(1, 0.6)
    held = s.send(report)
    assert held.wait and not held.released
    assert s.coordinator.join("nobody").wait
    s.coordinator.tell(Released(3, 1))
    assert s.send(report).released, "member 3 could be trained"
    s.join(3)
    assert s.coordinator.join("nobody").wait
    told(s, Resume())
    assert s.coordinator.join("somebody", turn=True).member == 0


def test_who_waits_says_that_members_are_paused_and_what_to_do(world: World) -> None:
    s = Script(world, interval=1)
    told(s, Pause((1,)))
    coordinator = s.coordinator if hasattr(s.coordinator, "population") else world.coordinators()[0]
    assert ", 1 paused" in for_a_member("p", coordinator, None, ())
    told(s, Pause())
    coordinator.catch_up()
    assert "paused; pbt steer p resume lets them go on" in for_a_member("p", coordinator, None, ())
    assert "member 1 is paused" in for_a_member("p", coordinator, 1, ())
    assert "it is paused (pbt steer 'runs/a b' resume 1)" in for_a_decision("runs/a b", coordinator, 1)


def test_who_waits_at_a_server_says_no_more_than_it_knows() -> None:
    """Members may be held, paused or waiting: the server is not asked which."""
    for wish in (None, 1):
        told = for_a_member("http://host:7777/p", object(), wish, ())
        assert all(word in told for word in ("held by a living worker", "paused", "waits for a decision"))
        assert told.endswith("pbt status http://host:7777/p tells which")


def test_all_are_paused_and_the_last_report_of_a_finished_one_is_no_pause(world: World) -> None:
    s = begun(world, steps=2)
    told(s, Pause())
    assert s.population.paused == (0, 1, 2, 3)
    assert s.report(1, 0.4).stop, "it is done"
    assert not s.population.finished
    for member in (0, 2, 3):
        s.report(member, 0.4)
    assert s.population.finished


def test_at_a_barrier_all_wait_for_a_paused_member() -> None:
    s = Script(MemoryWorld(), interval=1, synchronous=True, barrier_timeout=1e-9)
    s.join(None), s.join(None), s.join(None)
    assert "All others wait for it" in told(s, Pause((3,))).effect
    waits = [s.report(member, 0.1) for member in (0, 1, 2)]
    assert all(a.wait for a in waits)
    assert s.coordinator.absentees() is None, "nobody may take it up, so it is not missing"
    told(s, Assign((0,), {"lr": 0.25}))
    assert [m.due for m in s.population.members] == [True, True, True, False]
    told(s, Resume((3,)))
    s.report(3, 0.2)
    assert not any(m.due for m in s.population.members)


def test_a_sick_member_is_cured_once_it_is_resumed() -> None:
    s = begun()
    told(s, Pause((0,)))
    s.coordinator.tell(Lost(0, 1, "0/1-1"))
    s.report(3, 0.5)
    assert s.population.members[0].cure and s.population.members[0].due
    n = len(s.entries)
    told(s, Resume((0,)))
    (d,) = s.entries[n].decisions
    assert (d.member, d.source.member) == (0, 3)


def test_a_clone_takes_over_now_and_a_fork_takes_any_checkpoint_that_is_kept(world: World) -> None:
    s = begun(world)
    effect = told(s, Clone(3, 0)).effect
    assert "takes over member 3's weights (step 1, score 0.4) with the hyperparameters that came with them" in effect
    m, parent = s.population.members[0], s.population.members[3]
    assert (m.checkpoint, m.hyperparameters, m.since) == (parent.checkpoint, parent.hyperparameters, 1)
    explored = told(s, Clone(3, 1, explore=True)).decisions[0]
    assert explored.hyperparameters != parent.hyperparameters and explored.why.operations
    told(s, Pin("3"))
    assert [p.id for p in s.population.pins] == ["3/1-1"]
    for score in (0.5, 0.6, 0.2):
        s.report(3, score)
    told(s, Fork("3/1-1", 2, {"lr": 0.5}), why="an older one")
    m = s.population.members[2]
    assert (m.checkpoint.id, m.hyperparameters["lr"], m.step) == ("3/1-1", 0.5, 1)
    told(s, Fork("best", 2))
    assert s.population.members[2].checkpoint.score == 0.6
    told(s, Fork("3/1-1", 3))
    assert s.population.members[3].checkpoint.id == "3/1-1"
    with pytest.raises(pbt.errors.Conflict, match="is not kept"):
        told(s, Fork("3/1-2", 1))


def test_a_pinned_checkpoint_is_kept_until_it_is_unpinned(world: World) -> None:
    s = begun(world)
    told(s, Pin("2"))
    with pytest.raises(pbt.errors.Conflict, match="pinned already"):
        told(s, Pin("2/1-1"))
    for score in (0.5, 0.6, 0.7):
        answer = s.report(2, score)
    assert "2/1-1" in answer.keep and "2/1-1" in s.population.referenced()
    assert "it is deleted" in told(s, Unpin("2/1-1")).effect
    assert "2/1-1" not in s.population.referenced()
    assert "2/1-1" not in s.report(2, 0.8).keep
    with pytest.raises(pbt.errors.Conflict, match="pinned are none"):
        told(s, Unpin("2/1-1"))


def test_a_pin_on_what_others_hold_or_lose_counts_right() -> None:
    s = begun(interval=1)
    told(s, Pin("3"))
    told(s, Clone(3, 0))
    for score in (0.5, 0.6):
        s.report(3, score)
    s.answers[0] = s.coordinator.stand(0, 1)
    assert "3/1-1" not in s.report(0, 0.5).drop
    s.report(0, 0.5)
    told(s, Unpin("3/1-1"))
    assert "3/1-1" not in s.population.referenced()
    told(s, Pin("3"))
    current = s.population.members[3].checkpoint.id
    s.coordinator.tell(Lost(3, 1, current))
    assert s.population.pins == ()


def test_bounds_move_for_what_is_explored_from_then_on(world: World) -> None:
    s = begun(world, interval=1, strategy=pbt.PBT(quantile=0.5, mutate=0.0), initial=[{"lr": 0.9}])
    effect = told(s, Bound("lr", high=0.01)).effect
    assert "lr is explored from 0.0001 to 0.01 from now on, until now from 0.0001 to 1." in effect
    outside = [m.id for m in s.population.members if m.hyperparameters["lr"] > 0.01]
    assert (0 in outside and f"{len(outside)} members are outside" in effect) or len(outside) == 1
    assert s.population.members[0].hyperparameters["lr"] == 0.9
    assert s.population.settings.space["lr"] == pbt.Float(1e-4, 0.01, log=True)
    assert s.population.settings.initial == ({"lr": 0.01},)
    for turn in range(6):
        s.round(9.0 - turn, 0.1, 0.2, 8.0)
    m = s.population.members[1]
    assert m.given > 1 and m.hyperparameters["lr"] <= 0.01, "taken over, and brought in"
    told(s, Clone(0, 2))
    assert s.population.members[2].hyperparameters["lr"] == 0.01
    with pytest.raises(pbt.Invalid, match="lies outside"):
        told(s, Assign((3,), {"lr": 0.5}))
    assert "raised" not in told(s, Bound("lr", high=1.0)).effect


def test_a_script_with_the_old_space_still_joins(world: World) -> None:
    from pbt.settings import wanted
    from tests.support.population import SPACE

    s = begun(world, initial=[{"lr": 0.9}])
    told(s, Bound("lr", low=0.001, high=0.01))
    other = world.coordinator()
    other.create(wanted(space=SPACE, initial=[{"lr": 0.9}]))
    other.create(wanted(space=SPACE, steps=100).commanded())


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Assign((), {"lr": 0.1}), "name at least one member"),
        (Assign((0,), {}), "say which hyperparameters"),
        (Assign((9,), {"lr": 0.1}), "no member 9"),
        (Assign((0,), {"lr": 7.0}), "lies outside"),
        (Assign((0,), {"speed": 7.0}), "'speed' is not in the space"),
        (Clone(0, 0), "into itself"),
        (Fork("nobody", 1), "is not kept"),
        (Fork("7/1-1", 1), "is not kept"),
        (Bound("speed", 0, 1), "no hyperparameter"),
        (Bound("act", 0, 1), "has no bounds"),
        (Bound("lr", 0.0, 0.1), "a log scale needs a min above 0"),
        (Bound("lr", 0.1, 0.01), "must not be above"),
        (Bound("layers", 1.5), "integers"),
        (Bound("lr", 1e-4, 1.0), "already"),
        (Steps(100), "can be raised from 100"),
        (Steps(50), "can be raised from 100"),
        (Resume((1,)), "none of these is paused"),
        (Resume(), "none of these is paused"),
        (Revive(), "no member has failed"),
        (Revive((1,)), "was not stopped"),
        (Unpin("1/1-1"), "pinned are none"),
    ],
)
def test_what_can_not_be_done_is_refused_with_a_sentence(world: World, change: Change, said: str) -> None:
    s = begun(world)
    n = len(s.entries)
    for ask in (shown, told):
        with pytest.raises((pbt.Invalid, pbt.errors.Conflict), match=said):
            ask(s, change)
    assert len(s.entries) == n


def test_words_are_one_line(world: World) -> None:
    s = begun(world)
    for more in ({"by": "a\x1b[2Jb"}, {"why": "two\nlines"}):
        with pytest.raises(pbt.Invalid, match="one line of text"):
            told(s, Pause(), **more)
    told(s, Pause(), by="<img onerror=alert(1)> 100% #ü", why="ü & <b>")


def test_members_are_stopped_and_taken_up_again(world: World) -> None:
    s = begun(world)
    assert "3 members are left to train" in told(s, Stop((1,))).effect
    m = s.population.members[1]
    assert m.stopped and not m.failed and s.coordinator.stand(1, 1).stop
    with pytest.raises(pbt.errors.Conflict, match="not trained any longer already"):
        told(s, Stop((1,)))
    with pytest.raises(pbt.errors.Conflict, match="not trained any longer"):
        told(s, Assign((1,), {"lr": 0.5}))
    effect = told(s, Revive((1,))).effect
    assert "trained on from where it was stopped" in effect
    now = s.population.members[1]
    assert (now.done, now.checkpoint, now.hyperparameters) == (False, m.checkpoint, m.hyperparameters)
    assert "the population is finished" in told(s, Stop()).effect
    assert s.population.finished
    told(s, Revive((0, 1)))
    assert not s.population.finished


def test_a_failed_member_begins_anew() -> None:
    s = begun()
    m = s.population.members[1]
    s.coordinator.tell(Steered({"set": [1]}), [Decision(1, m.ready, stop=True, failed=True, decided=m.decisions)])
    assert "another beginning" in told(s, Revive()).effect
    assert not s.population.members[1].failed


def test_a_fork_onto_a_member_that_is_done_has_it_trained_again(world: World) -> None:
    s = begun(world, steps=2)
    told(s, Pin("3"))
    s.round(0.5, 0.6, 0.7, 0.8)
    assert s.population.finished
    with pytest.raises(pbt.errors.Conflict, match="the last one"):
        told(s, Fork("best", 0))
    told(s, Fork("3/1-1", 0))
    assert not s.population.finished and not s.population.members[0].done


def test_what_is_never_explored_is_never_changed_by_hand() -> None:
    space = {"lr": pbt.Float(0.1, 1), "width": pbt.Int(1, 8, explore=False), "depth": 3}
    s = begun(space=space)
    for change in (Assign((0,), {"width": 9 - s.population.members[0].hyperparameters["width"]}), Fork("1", 0)):
        if isinstance(change, Assign):
            with pytest.raises(pbt.Invalid, match="never explored"):
                told(s, change)
        else:
            told(s, change)
    with pytest.raises(pbt.Invalid, match="outside"):
        told(s, Assign((0,), {"depth": 4}))
    with pytest.raises(pbt.Invalid, match="no range of numbers, or is never explored"):
        told(s, Bound("width", high=4))


def test_bounds_that_a_constraint_speaks_of_stay() -> None:
    space = pbt.Space({"a": pbt.Int(1, 8), "b": pbt.Int(1, 8), "c": pbt.Float(0, 1)}, ["a <= b"])
    s = begun(space=space, strategy=pbt.PBT(quantile=0.5, mutate=0.0), interval=1)
    with pytest.raises(pbt.Invalid, match="a constraint"):
        told(s, Bound("a", high=4))
    with pytest.raises(pbt.Invalid, match="a <= b"):
        told(s, Assign((0,), {"a": 8, "b": 1}))
    told(s, Bound("c", high=0.001))
    for _ in range(3):
        s.round(0.1, 0.2, 0.3, 9.0)
    assert all(m.hyperparameters["c"] <= 0.001 for m in s.population.members if m.given > 1)


def test_a_grid_stays_on_its_values() -> None:
    s = begun(space={"x": pbt.Float(0, 1, step=0.25), "n": pbt.Int(1, 8)})
    with pytest.raises(pbt.Invalid, match="in steps of"):
        told(s, Bound("x", low=0.1))
    told(s, Bound("x", low=0.25))
    told(s, Bound("n", high=4))
    assert s.population.settings.space["n"] == pbt.Int(1, 4)


def test_the_original_and_what_is_kept_elsewhere_are_refused_with_a_sentence() -> None:
    original = Script(
        members=None, open=True, steps=None, checkpoints="foreign", strategy="original", space={"lr": pbt.Float(0, 1)}
    )
    original.join(None)
    with pytest.raises(pbt.Invalid, match="decide by themselves"):
        told(original, Pause())
    s = Script(checkpoints="foreign")
    s.report(0, 0.5, save=False, checkpoint="mine")
    s.report(1, 0.4, save=False, checkpoint="other")
    with pytest.raises(pbt.Invalid, match="kept elsewhere"):
        told(s, Pin("0"))
    told(s, Clone(0, 1))
    assert s.population.members[1].checkpoint.id == "mine"


@pytest.mark.parametrize(
    ("strategy", "free"),
    [
        ("plans", None), ({"name": "follow", "schedule": [(0, {"lr": 0.5})]}, None),
        ({"name": "follow", "schedule": [(0, {"lr": 0.5})], "followers": 2}, 3), ("pbt", 0),
    ],
)  # fmt: skip
def test_values_that_a_schedule_would_put_back_are_refused(strategy: Any, free: int | None) -> None:
    s = begun(strategy=strategy)
    if free is not None:
        assert "→ 0.25" in told(s, Assign((free,), {"lr": 0.25})).effect
    if strategy != "pbt":
        with pytest.raises(pbt.Invalid, match="follows a schedule"):
            told(s, Assign((0,), {"lr": 0.25}))
        with pytest.raises(pbt.Invalid, match="a schedule, says what it may be"):
            told(s, Bound("lr", 0.1, 0.9))


def test_no_more_than_32_checkpoints_are_pinned() -> None:
    s = Script(members=33)
    s.round(*([0.1] * 33))
    for m in range(32):
        told(s, Pin(str(m)))
    with pytest.raises(pbt.errors.Conflict, match="unpin one first"):
        told(s, Pin("32"))


def test_after_the_goal_nothing_can_be_changed() -> None:
    s = begun(goal=5.0)
    s.report(0, 6.0)
    for change in (Pause(), Stop(), Assign((1,), {"lr": 0.1}), Clone(0, 1), Revive()):
        with pytest.raises(pbt.errors.Conflict):
            told(s, change)


def test_an_open_population_is_steered_like_any(world: World) -> None:
    s = Script(world, members=None, open=True, interval=1)
    for score in (0.1, 0.2, 0.3):
        member = s.join(None).member
        assert member is not None
        s.report(member, score)
    told(s, Clone(2, 0))
    told(s, Pause((1,)))
    assert "paused, until it is resumed" in shown(s, Clone(2, 1)).effect
    assert s.join(None).member == 3, "every join makes a member"


def test_a_clone_has_what_its_parent_trains_with_now(world: World) -> None:
    s = begun(world)
    told(s, Assign((3,), {"lr": 0.5}))
    seen = shown(s, Clone(3, 0)).seen
    told(s, Clone(3, 0))
    m, parent = s.population.members[0], s.population.members[3]
    assert m.hyperparameters == parent.hyperparameters and m.hyperparameters["lr"] == 0.5
    told(s, Assign((3,), {"lr": 0.6}))
    with pytest.raises(pbt.errors.Conflict, match="decided on since"):
        told(s, Clone(3, 0), seen=seen)


def test_a_sick_member_fails_though_the_healthy_ones_are_paused() -> None:
    s = Script(members=2, interval=2)
    s.round(0.1, 0.2)
    told(s, Clone(1, 0))
    for m in (0, 1):
        s.coordinator.tell(Released(m, 1, failed=m == 0))
    told(s, Pause((1,)))
    for _ in range(7):
        answer = s.join(0)
        if not answer.stop:
            s.coordinator.tell(Released(0, answer.lease, failed=True))
    assert s.population.members[0].failed


def owing() -> tuple[Script, int]:
    """A population in which a member's hyperparameters are owed, and its id."""
    s = Script(strategy={"name": "pb2", "quantile": 0.5}, space={"lr": pbt.Float(1e-4, 1.0, log=True)}, members=2)
    s.join(0)
    s.join(1)
    for member in (1, 0):
        # Recorded as by a server, which works out what is owed afterwards.
        s.coordinator.serve([ReportCommand([s.draft(member, member)], s.coordinator.alive)])
    (m,) = (m for m in s.population.members if m.owed)
    return s, m.id


def test_hyperparameters_that_are_being_computed_while_bounds_move_lie_inside() -> None:
    s, member = owing()
    m = s.population.members[member]
    low = 0.999
    told(s, Bound("lr", low))
    s.coordinator.report(m.last)
    assert not s.population.members[member].owed
    assert s.population.members[member].hyperparameters["lr"] >= low


def test_a_member_that_is_stopped_owes_nothing() -> None:
    s, member = owing()
    told(s, Stop((member,)))
    assert not list(s.population.owing())
    told(s, Revive((member,)))
    assert s.population.members[member].hyperparameters is not None


def test_words_that_are_too_long_are_refused(world: World) -> None:
    s = begun(world)
    with pytest.raises(pbt.errors.Invalid, match="by must be text of length <= 200"):
        told(s, Pause((0,)), by="b" * 201)
    with pytest.raises(pbt.errors.Invalid, match="why must be text of length <= 1000"):
        told(s, Pause((0,)), why="w" * 1001)
    assert told(s, Pause((0,)), by="b" * 200, why="w" * 1000).entry


def test_a_change_of_an_unknown_kind_is_never_skipped() -> None:
    s = begun()
    with pytest.raises(pbt.errors.JournalError, match="does not know, 'freeze'"):
        apply(s.population, Entry(0.0, Steered({"freeze": [0]})))


def test_a_paused_member_that_is_revived_is_said_to_wait() -> None:
    s = begun()
    told(s, Pause((0,)))
    told(s, Stop((0,)))
    assert "1 member is paused, and taken up only once resumed" in told(s, Revive((0,))).effect


def test_who_deletes_what_is_unpinned_is_said() -> None:
    s = Script(members=2, steps=3)
    s.round(0.1, 0.2)
    told(s, Pin("0"))
    for score in (0.3, 0.4):
        s.report(0, score)
    assert "deleted once all members are done" in shown(s, Unpin("0/1-1")).effect
    for score in (0.3, 0.4):
        s.report(1, score)
    assert "the next pbt run deletes it" in told(s, Unpin("0/1-1")).effect
