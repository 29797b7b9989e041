"""Promise 2: the coordinator is away; training waits, or goes on and says everything later, in order and once.

Further: `server/test_network.py` cuts real links.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt import preempt
from pbt.checkpoints.folder import FolderStore
from pbt.opening import folder as folders
from pbt.population.changes import Assign, Steer
from pbt.population.entries import Past, Report, Reported
from pbt.population.fold import apply, refold
from pbt.population.lineage import Lineage
from pbt.settings import wanted
from pbt.views.rows import Recorded
from pbt.views.status import Status
from pbt.worker import outbox as away
from pbt.worker.member import Member
from tests.support.population import SPACE
from tests.support.worlds import MemoryWorld


class Cut:
    """A coordinator behind a connection that can be cut, before a request arrives or before its answer does."""

    def __init__(self, coordinator: Any) -> None:
        self.inner = coordinator
        self.cut = ""
        self.asked = 0
        self.asker = threading.current_thread()

    def report(self, *reports: Report) -> Any:
        self.asked += 1
        self.asker = threading.current_thread()
        if self.cut == "before":
            raise pbt.Unreachable("no server answers")
        answers = self.inner.report(*reports)
        if self.cut == "after":
            raise pbt.Unreachable("no answer came")
        return answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@pytest.fixture
def world() -> MemoryWorld:
    return MemoryWorld()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(away, "ANSWER_TIMEOUT", 0.05)
    monkeypatch.setattr(away, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(away, "LAST_PAUSE", 0.02)


def member(world: MemoryWorld, tmp_path: Path, when_away: Any = "continue", **given: Any) -> tuple[Member, Cut]:
    cut = Cut(world.coordinator())
    settings = {"space": SPACE, "members": 1, "steps": 100, "interval": 10, "maximize": True, "seed": 1} | given
    cut.create(wanted(**settings))
    joined = Member(cut, FolderStore(tmp_path), cut.join("nonce"), when_away)
    return joined, cut


def save(folder: Path) -> None:
    (folder / "state").write_text("weights")


def reports(world: MemoryWorld) -> list[Report]:
    return [r for e in world.entries if isinstance(e.event, Reported) for r in e.event.reports]


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


def answered(cut: Cut) -> bool:
    """The thread that sends the report ends with its answer."""
    return not cut.asker.is_alive()


@pytest.mark.parametrize("where", ["before", "after"])
def test_what_came_meanwhile_is_said_in_order_and_once(world: MemoryWorld, tmp_path: Path, where: str) -> None:
    m, cut = member(world, tmp_path)
    m.report(1.0, step=1)
    cut.cut = where
    for step in range(2, 26):
        outcome = m.report([step, step], step=step, save=save, metrics={"loss": -step})
        assert not outcome.exploit
        assert m.step == step
    cut.cut = ""
    until(lambda: answered(cut))
    m.report(26.0, step=26, save=save)
    first, second, third = reports(world)
    assert (first.step, second.step, third.step) == (1, 2, 26)
    assert third.history == tuple(Past(s, (float(s), float(s)), {"loss": float(-s)}) for s in range(3, 26))
    assert (second.checkpoint, third.checkpoint) == (None, third.checkpoint_id)
    assert world.population.reports == 26
    assert world.population.members[0].evaluations == (*[float(s) for s in (21, 22, 22, 23, 23, 24, 24, 25, 25)], 26.0)
    lineage = Lineage.of(world.entries)
    assert [step for step, _ in lineage.segments[0].scores] == list(range(1, 27))
    m.close()


@pytest.mark.parametrize("by_hand", [True, False])
def test_what_came_meanwhile_was_trained_with_what_was_known(world: MemoryWorld, tmp_path: Path, by_hand: bool) -> None:
    """Values change in the answer that was lost, or while it is: the worker hears of it with its next report."""
    pieces = [(0, {"lr": 0.1, "layers": 1, "act": "a"}), (3, {"lr": 0.2, "layers": 1, "act": "a"})]
    strategy = pbt.PBT(quantile=0) if by_hand else {"name": "follow", "schedule": pieces}
    m, cut = member(world, tmp_path, interval=3, strategy=strategy)
    trained: list[tuple[int, Any]] = []
    for step in range(1, 8):
        cut.cut = "after" if step in (3, 4, 5) else ""
        if step == 6:
            if by_hand:
                cut.steer(Steer(Assign((0,), {"lr": 0.5}), nonce="n"))
            until(lambda: answered(cut))
        trained.append((step, m["lr"]))
        m.report(1.0, step=step, save=save, used={"lr": m["lr"]})
    assert trained[-2][1] != trained[-1][1]
    population, rows, status, lineage = None, Recorded(), Status("x"), Lineage()
    for entry in world.entries:
        before, population = population, apply(population, entry)
        for listener in (lineage.follow, rows.hear, status.hear):
            listener(before, entry, population)
    assert [(row.step, row.hyperparameters["lr"]) for row in rows.reports] == trained
    assert [step for step, _ in lineage.current[0].changes] == [0, 6]
    assert not status.warnings
    m.close()


def test_the_checkpoint_of_a_report_under_way_is_left_alone(world: MemoryWorld, tmp_path: Path) -> None:
    m, cut = member(world, tmp_path)
    cut.cut = "before"
    m.report(1.0, step=10, save=save)
    m.report(1.0, step=25, save=save)
    assert [p.name for p in (tmp_path / "checkpoints" / "0").iterdir()] == ["1-1"]
    cut.cut = ""
    until(lambda: answered(cut))
    m.report(1.0, step=26, save=save)
    first, second = reports(world)
    assert (first.checkpoint, second.checkpoint) == ("0/1-1", second.checkpoint_id)
    m.close()


def test_an_exploit_decided_meanwhile_is_obeyed_and_drops_what_came_after_it(
    world: MemoryWorld, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good, _ = member(world, tmp_path, members=2, interval=1, quorum=1)
    bad = Cut(world.coordinator())
    poor = Member(bad, FolderStore(tmp_path), bad.join("other"), "continue")
    good.report(1.0, step=1, save=save)
    bad.cut = "after"
    poor.report(0.0, step=1, save=save)
    poor.report(0.1, step=2, save=save)
    poor.report(0.2, step=3, save=save)
    bad.cut = ""
    until(lambda: answered(bad))
    with caplog.at_level(logging.WARNING, "pbt"):
        outcome = poor.report(0.3, step=4, save=save)
    assert outcome.exploit
    assert "2 reports made while the coordinator was away are dropped" in caplog.text
    assert str(poor.checkpoint)
    assert poor.checkpoint_id == "0/1-1"
    assert poor.step == 1
    poor.report(0.5, step=2, save=save)
    assert [r.step for r in reports(world) if r.member == 1] == [1, 2]
    good.close()
    poor.close()


def test_a_lease_lost_meanwhile_ends_it(world: MemoryWorld, tmp_path: Path) -> None:
    m, cut = member(world, tmp_path)
    cut.cut = "before"
    m.report(1.0, step=1)
    m.report(1.0, step=2)
    world.die(cut, 0)
    assert world.coordinator().join("taker").member == 0
    cut.cut = ""
    until(lambda: answered(cut))
    with pytest.raises(pbt.LeaseLost):
        m.report(1.0, step=3)
    assert reports(world) == []


def test_the_last_step_waits_for_its_answer(world: MemoryWorld, tmp_path: Path) -> None:
    m, cut = member(world, tmp_path, steps=3)
    cut.cut = "before"
    for step in (1, 2):
        m.report(float(step), step=step)
    threading.Timer(0.3, lambda: setattr(cut, "cut", "")).start()
    m.report(3.0, step=3, save=save)
    assert m.finished
    assert [(r.step, len(r.history)) for r in reports(world)] == [(1, 0), (3, 1)]


def test_training_waits_once_it_has_kept_as_much_as_a_report_can_carry(
    world: MemoryWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(away, "HISTORY_LIMIT", 200)
    m, cut = member(world, tmp_path, interval=1000, steps=None)
    cut.cut = "before"
    threading.Timer(0.5, lambda: setattr(cut, "cut", "")).start()
    began = time.monotonic()
    for step in range(1, 20):
        m.report(float(step), step=step)
    assert time.monotonic() - began > 0.4
    m.report(20.0, step=20)
    assert sum(1 + len(r.history) for r in reports(world)) == 20
    m.close()


def test_asked_to_stop_while_away_it_gives_up_with_the_reason(world: MemoryWorld, tmp_path: Path) -> None:
    m, cut = member(world, tmp_path)
    cut.cut = "before"
    m.report(1.0, step=1)
    preempt.request()
    with pytest.raises(pbt.Unreachable):
        m.report(1.0, step=2, save=save)


def test_by_default_training_waits_and_a_full_journal_is_waited_for_too(
    world: MemoryWorld, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    m, cut = member(world, tmp_path, "wait")
    cut.cut = "before"
    threading.Timer(0.3, lambda: setattr(cut, "cut", "")).start()
    began = time.monotonic()
    m.report(1.0, step=1)
    assert time.monotonic() - began > 0.25
    assert caplog.text.count("member 0 waits") == 1
    m.close()


def test_a_member_is_given_back_once_the_coordinator_is_there_again(world: MemoryWorld, tmp_path: Path) -> None:
    m, cut = member(world, tmp_path)
    cut.cut = "before"
    m.report(1.0, step=1)
    cut.cut = ""
    until(lambda: answered(cut))
    m.close()
    assert world.population.members[0].lease.ended == "failed"  # nothing was saved


def test_a_member_whose_report_was_refused_is_given_back_all_the_same(world: MemoryWorld, tmp_path: Path) -> None:
    m, _ = member(world, tmp_path)
    m.report(1.0, step=1)
    with pytest.raises(pbt.Invalid, match="does not go past"):
        m.report(1.0, step=1)
    m.close(failed=True)
    assert world.population.members[0].lease.ended == "failed"


def test_a_saving_that_fails_loses_nothing_of_what_was_kept(world: MemoryWorld, tmp_path: Path) -> None:
    m, cut = member(world, tmp_path)
    cut.cut = "before"
    for step in range(1, 10):
        m.report(float(step), step=step)
    cut.cut = ""
    until(lambda: answered(cut))
    with pytest.raises(ZeroDivisionError):
        m.report(10.0, step=10, save=lambda folder: 1 / 0)
    assert m.step == 10
    m.report(10.0, save=save)
    first, second = reports(world)
    assert (first.step, second.step) == (1, 10)
    assert [past.step for past in second.history] == list(range(2, 10))
    m.close()


@pytest.mark.parametrize("end", ["finish", "close"])
def test_what_can_not_be_said_any_more_is_not_dropped_in_silence(
    world: MemoryWorld, tmp_path: Path, caplog: pytest.LogCaptureFixture, end: str
) -> None:
    m, cut = member(world, tmp_path)
    cut.cut = "before"
    for step in range(1, 5):
        m.report(float(step), step=step)
    cut.cut = ""
    until(lambda: answered(cut))
    getattr(m, end)()
    assert "3 reports made while the coordinator was away are dropped" in caplog.text


def test_a_report_under_way_and_the_next_member_share_a_coordinator(tmp_path: Path) -> None:
    """Who leaves a member while its report is still asked for takes the next one from the same coordinator."""
    c = folders.coordinator(tmp_path / "p", "sqlite")
    c.create(wanted(space=SPACE, members=2, steps=1000, interval=900, maximize=True, seed=1))
    failures: list[BaseException] = []

    def train(id: int, decided: int) -> None:
        try:
            for seq in range(1, 100):
                c.report(Report(member=id, lease=1, seq=seq, decided=decided, step=seq, score=1.0))
        except BaseException as failure:
            failures.append(failure)

    answers = [c.join(f"nonce {id}", member=id) for id in range(2)]
    threads = [threading.Thread(target=train, args=(id, answers[id].decisions)) for id in range(2)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not failures
    assert c.population == refold(c.entries())
    assert c.population.reports == 198
    c.close()


@pytest.mark.parametrize("steps", [(3, 3), (4, 3), (1, 2), (2, 9)])
def test_a_history_that_does_not_go_up_is_refused(world: MemoryWorld, tmp_path: Path, steps: tuple[int, int]) -> None:
    m, cut = member(world, tmp_path)
    m.report(1.0, step=1)
    past = tuple(Past(step, 1.0) for step in steps)
    with pytest.raises(pbt.Invalid, match="history"):
        cut.report(Report(member=0, lease=1, seq=2, decided=1, step=9, score=1.0, history=past))
    m.close()


def test_a_history_beyond_all_bounds_is_refused(world: MemoryWorld, tmp_path: Path) -> None:
    m, cut = member(world, tmp_path, interval=10**9, steps=None)
    past = tuple(Past(step, 1.0) for step in range(1, 50_000))
    with pytest.raises(pbt.Invalid, match="history"):
        cut.report(Report(member=0, lease=1, seq=1, decided=1, step=10**6, score=1.0, history=past))
    m.close()


def test_only_two_words_are_known(tmp_path: Path) -> None:
    with pytest.raises(pbt.SettingsError, match="'wait' or 'continue'"):
        pbt.join(tmp_path / "p", when_away="sleep")  # type: ignore[arg-type]
