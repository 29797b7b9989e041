"""PROTOCOL, "Leases" and "Turns and barriers", in every world."""

from __future__ import annotations

import threading
import time

import pytest
from msgspec.structs import replace

import pbt
from pbt.coordinator.steering import revive
from pbt.population.entries import Absent, Entry, Released, Steered
from pbt.population.fold import apply
from pbt.population.member import Lease
from pbt.settings import wanted
from tests.support.population import SPACE, Script
from tests.support.worlds import World


def test_the_member_furthest_behind_comes_first_then_the_lowest_id(world: World) -> None:
    s = Script(world)
    assert s.join(None).member == 0
    s.report(0, 1.0, step=5)
    s.coordinator.tell(Released(0, 1))
    s.coordinator.let_go(0)
    assert [s.join(None).member for _ in range(4)] == [1, 2, 3, 0]


def test_a_join_that_finds_nobody_free_is_told_to_wait(world: World) -> None:
    s = Script(world, members=2)
    s.join(None)
    s.join(None)
    other = world.coordinator()
    answer = other.join("late")
    assert answer.wait
    assert answer.member is None
    world.die(s.coordinator, 1)
    assert other.join("late").member == 1


def test_a_nonce_is_one_join_however_often_it_is_sent(world: World) -> None:
    s = Script(world)
    first = s.coordinator.join("one")
    n = len(s.entries)
    assert s.coordinator.join("one") == first
    assert world.coordinator().join("one") == first
    assert len(s.entries) == n


def test_a_members_next_lease_has_the_next_number(world: World) -> None:
    s = Script(world)
    assert s.join(2).lease == 1
    world.die(s.coordinator, 2)
    assert s.join(2, coordinator=world.coordinator()).lease == 2


def test_a_living_workers_member_is_not_taken(world: World) -> None:
    s = Script(world)
    s.join(2)
    with pytest.raises(pbt.NobodyFree):
        s.join(2, coordinator=world.coordinator())


def test_joining_a_finished_population_finds_nothing(world: World) -> None:
    s = Script(world, steps=1, members=2)
    s.round(1, 2)
    answer = s.join(None)
    assert answer.stop
    assert answer.member is None


def test_a_lease_sets_the_member_back_to_its_checkpoint(world: World) -> None:
    s = Script(world, interval=10)
    s.report(0, 0.5, step=5)
    s.report(0, 0.9, step=8, save=False)
    world.die(s.coordinator, 0)
    answer = s.join(0, coordinator=world.coordinator())
    assert (answer.step, answer.checkpoint.id) == (5, "0/1-1")  # type: ignore[union-attr]


def test_an_exploit_does_not_end_the_lease(world: World) -> None:
    s = Script(world)
    s.round(4, 3, 2, 1)
    assert not s.answers[3].released
    assert s.report(3, 5).seq == 2


def test_settings_of_a_later_joiner_are_compared(world: World) -> None:
    Script(world, strategy=pbt.PBT(quantile=0.2), initial=[{"lr": 0.5}], goal=5)
    coordinator = world.coordinator()
    same = {"strategy": pbt.PBT(), "initial": ({"lr": 0.5},), "goal": 5.0}
    coordinator.join("same", wanted(space=SPACE, members=4, interval=1, **same))
    for given, says in [
        ({"members": 8}, "members=4, but members=8"),
        ({"interval": 3}, "interval=1, but interval=3"),
        ({"maximize": False}, "maximize=True, but maximize=False"),
        ({"space": SPACE | {"lr": pbt.Float(0, 1)}}, r"space\['lr'\]"),
        ({"space": SPACE | {"more": 1}}, r"space\['more'\]"),
        ({"strategy": pbt.PBT(quantile=0.3)}, "strategy"),
        ({"seed": 8}, "seed"),
    ]:
        with pytest.raises(pbt.SettingsError, match=says) as caught:
            coordinator.join("other", wanted(**given))
        assert "start anew" in str(caught.value)


def test_an_open_population_grows_with_every_join(world: World) -> None:
    s = Script(world, members=None, open=True)
    assert [s.join(None).member for _ in range(3)] == [0, 1, 2]
    assert all(m.hyperparameters for m in s.population.members)


def test_a_dead_member_of_an_open_population_ranks_no_longer(world: World) -> None:
    s = Script(world, members=None, open=True)
    for score in (1, 2, 3):
        member = s.join(None).member
        assert member is not None
        s.report(member, score)
    world.die(s.coordinator, 1)
    world.coordinator().join("next")
    assert isinstance(s.entries[-2].event, Absent)
    assert [id for _, id in s.population.ranked] == [2, 0]


def test_a_turn_is_over_when_another_member_is_further_behind(world: World) -> None:
    s = Script(world, members=2, turn_steps=2)
    s.join(0, turn=True)
    assert not s.report(0, 1.0).released
    assert s.report(0, 1.0).released
    assert s.join(None, turn=True).member == 1


def test_a_turn_goes_on_where_nobody_is_further_behind(world: World) -> None:
    s = Script(world, members=2)
    s.join(0, turn=True)
    s.join(1, turn=True)
    for step in range(1, 6):
        assert not s.report(0, 1.0).released
        assert not s.report(1, 1.0).released
        assert s.population.members[0].step == step


def test_three_leases_without_anything_to_show_are_cured(world: World) -> None:
    s = Script(world)
    s.round(4, 3, 2)
    old = s.population.members[3].hyperparameters
    for n in range(3):
        s.join(3, coordinator=world.coordinator())
        s.report(0, 4 + n)
        _die(world, s, 3)
    answer = s.join(3, coordinator=world.coordinator())
    m = s.population.members[3]
    assert (m.losses, m.decisions) == (3, 2)
    assert answer.checkpoint.member in (0, 1)  # type: ignore[union-attr]
    assert answer.hyperparameters != old


def _die(world: World, s: Script, member: int) -> None:
    """The newest holder dies: in a folder, whichever coordinator holds the lock."""
    for coordinator in getattr(world, "opened", []) or [s.coordinator]:
        world.die(coordinator, member)


def test_three_more_losses_fail_the_member_for_good(world: World) -> None:
    s = Script(world, members=2)
    s.report(0, 1.0)
    for _ in range(6):
        s.join(1, coordinator=world.coordinator())
        s.report(0, 1.0)
        _die(world, s, 1)
    answer = s.join(1, coordinator=world.coordinator())
    assert answer.stop
    assert answer.failed
    assert s.population.members[1].failed
    s.report(0, 1.0, step=100)
    assert s.population.finished


def test_an_orderly_release_is_no_loss_and_neither_is_a_death_while_nobody_reports(world: World) -> None:
    s = Script(world)
    for _ in range(4):
        s.join(3, coordinator=world.coordinator())
        _die(world, s, 3)
    assert s.join(3, coordinator=world.coordinator()).lease == 5
    assert s.population.members[3].losses == 0
    s.report(0, 1.0)
    s.coordinator.tell(Released(3, 5))
    _die(world, s, 3)
    s.join(3, coordinator=world.coordinator())
    assert s.population.members[3].losses == 0


def test_who_ended_with_nothing_to_show_is_tried_again_once_another_member_had_something(world: World) -> None:
    s = Script(world, members=3)
    assert s.join(None, coordinator=world.coordinator()).member == 0
    _die(world, s, 0)
    assert s.join(None).member == 1
    s.report(1, 1.0)
    s.coordinator.tell(Released(1, 1))
    s.coordinator.let_go(1)
    assert s.join(None, coordinator=world.coordinator()).member == 0
    assert s.population.members[0].losses == 1


def test_where_nothing_explains_it_all_members_are_tried_in_turn_and_none_is_harmed(world: World) -> None:
    """A script that is broken for everybody."""
    s = Script(world, members=3)
    s.round(1, 2, 3)
    for member in range(3):
        s.coordinator.tell(Released(member, 1))
        s.coordinator.let_go(member)
    tried = []
    for _ in range(12):
        member = s.join(None, coordinator=world.coordinator()).member
        assert member is not None
        tried.append(member)
        _die(world, s, member)
    assert sorted(tried[:3]) == sorted(tried[3:6]) == sorted(tried[9:]) == [0, 1, 2]
    assert not any(m.losses for m in s.population.members)


def test_the_last_one_left_is_cured_and_stopped_though_nobody_else_reports_any_more(world: World) -> None:
    s = Script(world, members=3, steps=2)
    for member in (0, 1):
        for step in (1, 2):
            s.report(member, 1.0, step=step)
    for _ in range(6):
        assert s.join(2, coordinator=world.coordinator()).member == 2
        _die(world, s, 2)
    answer = s.join(2, coordinator=world.coordinator())
    assert answer.failed
    assert s.population.finished


def test_the_last_one_left_is_not_blamed_where_it_had_something_to_show_before(world: World) -> None:
    """The script may have broken since."""
    s = Script(world, members=2, steps=3)
    s.report(1, 1.0)
    for step in (1, 2, 3):
        s.report(0, 1.0, step=step)
    _die(world, s, 1)
    for _ in range(7):
        assert s.join(1, coordinator=world.coordinator()).member == 1
        _die(world, s, 1)
    assert s.population.members[1].losses == 0


def test_a_population_of_one_is_never_blamed(world: World) -> None:
    s = Script(world, members=1)
    for _ in range(8):
        assert s.join(0, coordinator=world.coordinator()).member == 0
        _die(world, s, 0)
    assert s.population.members[0].losses == 0


@pytest.mark.slow_but_first
def test_a_barrier_decides_for_all_from_one_snapshot_in_the_entry_that_completed_the_round(world: World) -> None:
    s = Script(world, synchronous=True)
    for member in range(4):
        s.join(member)
    waiting = {m: s.draft(m, 4 - m) for m in range(4)}
    answers: dict[int, object] = {}

    def ask(member: int) -> None:
        coordinator = world.coordinator()
        while (answer := coordinator.report(waiting[member])[0]).wait:
            time.sleep(0.01)
        answers[member] = answer

    threads = [threading.Thread(target=ask, args=(m,)) for m in range(4)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join(20)
    assert len(answers) == 4
    decided = [e for e in s.entries if len(e.decisions) == 4 and e.decisions[0].start == "on"]
    assert len(decided) == 1
    assert answers[3].checkpoint.member == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("world", ["memory", "folder"], indirect=True)
def test_a_waiting_turn_gives_way_to_a_member_that_the_round_lacks(world: World) -> None:
    """A server holds the first question and gives way within it: see the next test."""
    s = Script(world, synchronous=True, members=2)
    s.join(0, turn=True)
    report = s.draft(0, 1.0)
    assert s.send(report).wait
    assert s.send(report).released
    assert s.join(None, turn=True).member == 1
    assert not s.report(1, 2.0).wait


@pytest.mark.slow_but_first
def test_one_worker_alone_gets_through_barriers_in_turns(world: World) -> None:
    s = Script(world, synchronous=True, members=3, steps=4)
    coordinator = world.coordinator()
    for n in range(60):
        answer = coordinator.join(f"turn-{n}", turn=True)
        if answer.member is None:
            break
        s.answers[answer.member] = answer
        while not (answer.released or answer.stop):
            report = s.draft(answer.member, 1.0)
            answer = s.send(report, coordinator)
            while answer.wait and not answer.released:
                answer = s.send(report, coordinator)
        coordinator.let_go(answer.member)
    assert s.population.finished


@pytest.mark.slow_but_first
def test_a_barrier_goes_on_without_a_member_that_nobody_holds(world: World) -> None:
    s = Script(world, synchronous=True, members=3, barrier_timeout=0.3)
    s.join(0)
    s.join(1)
    world.coordinator()
    done: list[object] = []

    def ask(member: int) -> None:
        coordinator, report = world.coordinator(), s.draft(member, member)
        while (answer := coordinator.report(report)[0]).wait:
            time.sleep(0.02)
        done.append(answer)

    threads = [threading.Thread(target=ask, args=(m,)) for m in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(done) == 2
    assert s.population.members[2].absent
    assert s.join(2, coordinator=world.coordinator()).member == 2
    assert not s.population.members[2].absent


def test_a_turn_over_report_at_the_end_of_time_is_not_released_twice(world: World) -> None:
    s = Script(world, members=1, steps=3)
    s.join(0, turn=True)
    for _ in range(3):
        answer = s.report(0, 1.0)
    assert answer.stop
    assert not answer.released


def test_two_launchers_revive_a_failed_member_once(world: World) -> None:
    s = Script(world, members=2)
    s.report(0, 1.0)
    for _ in range(6):
        s.join(1, coordinator=world.coordinator())
        s.report(0, 1.0)
        _die(world, s, 1)
    s.join(1, coordinator=world.coordinator())
    seen = s.population
    assert seen.members[1].failed
    for _ in range(2):
        revive(world.coordinator(), seen)
    told = [e for e in s.entries if isinstance(e.event, Steered)]
    assert len(told) == 1
    assert [d.member for d in told[0].decisions] == [1]
    assert not s.population.members[1].failed


def test_a_cure_that_waits_for_a_round_does_not_clear_the_count() -> None:
    """Else at a barrier a member whose workers keep dying would never fail."""
    population = Script().population
    for cure in (True, False):
        lease = Lease(1, "n", True, "here", 0, 0)
        sick = replace(population.members[0], lease=lease, losses=3, cure=cure)
        before = replace(population, members=(sick, *population.members[1:]))
        assert apply(before, Entry(0.0, Released(0, 1))).members[0].losses == 3
