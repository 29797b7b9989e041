"""What holds for every history: any journal refolds to the same value, byte for byte, and the counts are right."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import pbt
from pbt.coordinator.coordinator import Coordinator
from pbt.journals.memory import MemoryJournal
from pbt.liveness.liveness import SameProcess
from pbt.population.changes import Assign, Bound, Fork, Pause, Pin, Resume, Steer, Unpin
from pbt.population.entries import Entry, Leased, Lost, Released, Steered, decode, encode
from pbt.population.fold import apply, apply_all, decided, happened, refold
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.ranking import key_of
from pbt.population.schedule import schedule
from tests.support.lineages import whole
from tests.support.population import SPACE, Script
from tests.support.worlds import Dying

N = 4
scores = st.one_of(st.floats(-1, 1), st.sampled_from([math.nan, math.inf, -math.inf, 5, 5.0]))
moves = st.one_of(
    st.tuples(st.just("report"), st.integers(0, N - 1), scores, st.booleans(), st.integers(1, 3)),
    st.tuples(st.just("die"), st.integers(0, N - 1)),
    st.tuples(st.just("give back"), st.integers(0, N - 1), st.booleans()),
    st.tuples(st.just("lose"), st.integers(0, N - 1)),
    st.tuples(st.just("finish"), st.integers(0, N - 1)),
    st.tuples(st.just("more"), st.integers(0, N - 1)),
    st.tuples(st.sampled_from(["pause", "resume", "pin", "unpin", "bound", "fork", "set"]), st.integers(0, N - 1)),
)


BY_HAND: dict[str, Any] = {
    "pause": lambda member: Pause((member,)),
    "resume": lambda member: Resume((member,)),
    "pin": lambda member: Pin(str(member)),
    "unpin": lambda member: Unpin(f"{member}/1-{member + 1}"),
    "bound": lambda member: Bound("lr", 10.0 ** (-member - 1), 1.0),
    "fork": lambda member: Fork("best", member, {"lr": 1.0}),
    "set": lambda member: Assign((member,), {"lr": 0.75}),
}


def play(script: Script, alive: Dying, move: tuple[Any, ...]) -> None:
    kind, member = move[0], move[1]
    if kind in BY_HAND:
        with suppress(pbt.errors.Conflict, pbt.Invalid):
            script.coordinator.steer(Steer(BY_HAND[kind](member), nonce=str(script.coordinator.population.count)))
    m = script.coordinator.population.members[member]
    over = m.done or (script.coordinator.population.finished and kind not in ("give back", "lose"))
    if over and kind != "more":
        return
    mine = m.lease is not None and not m.lease.ended and not alive.dead(member, m.lease)
    if kind == "report" and not m.waits:
        if not mine and member in script.coordinator.population.paused:
            return
        if not mine:
            script.join(member)
            m = script.coordinator.population.members[member]
        if m.waits or m.done:
            return
        step = m.step + move[4]
        given = script.coordinator.population.settings
        save = move[3] or step >= m.ready or step >= given.steps or given.goal is not None
        script.report(member, move[2], step=step, save=save)
    elif kind == "die" and mine:
        alive.gone.add((member, m.lease.number))
    elif kind == "give back" and mine:
        script.coordinator.tell(Released(member, m.lease.number, failed=move[2]))
    elif kind == "lose" and mine and m.checkpoint is not None:
        script.coordinator.tell(Lost(member, m.lease.number, m.checkpoint.id))
    elif kind == "finish" and mine:
        script.coordinator.finish(member, m.lease.number)
    elif kind == "more":
        script.coordinator.tell(Steered({"steps": script.coordinator.population.settings.steps + 2}))
    if member in script.answers and script.coordinator.population.members[member].lease is not None:
        lease = script.coordinator.population.members[member].lease.number
        script.answers[member] = script.coordinator.stand(member, lease)


def counted_afresh(p: Population) -> None:
    """Everything that the fold keeps count of, counted from the members."""
    assert p.living == sum(m.living for m in p.members)
    assert p.undone == sum(not m.done for m in p.members)
    assert p.showed == sum(m.key is not None for m in p.members)
    assert p.telling == sum(m.standing and not (m.done or m.due or m.owed or m.losses or m.paused) for m in p.members)
    if not p.reached:
        assert p.due == tuple(m.id for m in p.members if m.due)
    expected = sorted((m.key, m.id) for m in p.members if m.living and m.key is not None)
    assert list(p.ranked) == expected
    borrowed: dict[int, dict[str, int]] = {}
    for m in p.members:
        for c in (m.checkpoint, m.before):
            if c is not None and c.member != m.id:
                lent = borrowed.setdefault(c.member, {})
                lent[c.id] = lent.get(c.id, 0) + 1
    assert p.borrowed == borrowed
    referenced = p.referenced()
    assert len(referenced) <= 2 * N + 1 + len(p.pins)
    assert {pin.id for pin in p.pins} <= {i for m in p.members for i in p.kept(m.id)}
    assert {i for m in p.members for i in p.kept(m.id)} <= referenced
    for m in p.members:
        assert not referenced.intersection(m.drop)
        if m.hyperparameters is not None and "space" not in p.settings.overridden:
            assert m.hyperparameters in p.settings.space
    if p.best is not None:
        assert key_of(p.best.score, p.settings.maximize) < math.inf


@given(
    st.lists(moves, max_size=60),
    st.sampled_from([pbt.PBT(), pbt.PBT(quantile=0.5, resample=0), pbt.PBT(quantile=0)]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, None, 5.0, -0.5]),
)
@settings(max_examples=150)
def test_every_history(
    history: list[tuple[Any, ...]], strategy: pbt.PBT, synchronous: bool, maximize: bool, goal: float | None
) -> None:
    script = Script(
        members=N,
        steps=12,
        interval=2,
        strategy=strategy,
        synchronous=synchronous,
        maximize=maximize,
        space=SPACE,
        goal=goal,
    )
    alive = Dying()
    script.coordinator.alive = alive
    for move in history:
        play(script, alive, move)
        counted_afresh(script.coordinator.population)

    bodies = list(script.world.bodies)
    assert [encode(decode(body)) for body in bodies] == bodies
    entries = [decode(body) for body in bodies]
    assert refold(entries) == script.coordinator.population
    by_halves: list[Population] = []
    for entry in entries:
        seen = happened(by_halves[-1] if by_halves else None, entry.event)
        by_halves.append(decided(seen, entry.decisions))
    for at, one in enumerate(by_halves):
        assert apply(by_halves[at - 1] if at else None, entries[at]) == one
    for at in range(0, len(entries), 1 + len(entries) // 8):
        assert apply_all(by_halves[at], entries[at + 1 :]) == by_halves[-1]

    other = Coordinator(MemoryJournal(bodies), SameProcess())
    other.catch_up()
    assert other.population == script.coordinator.population

    follow_lineage(entries, script.coordinator.population)


def test_a_restart_of_everything_folds_as_fast_as_the_first_start() -> None:
    n = 4000
    first = Script(members=n).population

    def start(before: Population, number: int) -> tuple[Population, float]:
        events = [[Leased(i, number, f"{number}.{i}"), Released(i, number, failed=True)] for i in range(n)]
        began = time.process_time()
        after = apply_all(before, [Entry(0.0, event) for pair in events for event in pair])
        return after, time.process_time() - began

    once, usual = start(first, 1)
    twice, again = start(once, 2)
    assert all(m.misses == 1 for m in twice.members)
    assert again < 10 * usual + 1


def follow_lineage(entries: list[Any], population: Population) -> None:
    """Segments of any path cover [0, its step] without gap or overlap, with the values that were decided."""
    lineage = Lineage.of(entries)
    for m in population.members:
        if m.checkpoint is None:
            continue
        whole(lineage, m.checkpoint)
        found = schedule(lineage, m.checkpoint)
        assert found[0][0] == 0
        assert [step for step, _ in found] == sorted({step for step, _ in found})
        assert found[-1][1] == m.checkpoint.hyperparameters


def test_a_lease_sets_the_member_back_to_its_checkpoint() -> None:
    """Otherwise the next holder would skip the steps that died with the last one."""
    s = Script(interval=10)
    s.report(0, 0.5, step=5)
    s.report(0, 0.8, step=8, save=False)
    alive = Dying()
    alive.gone.add((0, 1))
    s.coordinator.alive = alive
    answer = s.join(0)
    assert (answer.step, s.population.members[0].score, s.population.members[0].evaluations) == (5, 0.5, (0.5,))
    assert any(isinstance(e.event, Leased) for e in s.entries)
