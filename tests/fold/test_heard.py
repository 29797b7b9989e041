"""A report counts for the hyperparameters that its worker had heard of, whenever somebody changes them meanwhile."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

import pbt
from pbt.errors import Conflict, NobodyFree
from pbt.population.changes import Assign, Fork, Steer
from pbt.population.entries import Lost
from pbt.population.fold import apply, refold
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.schedule import schedule
from pbt.population.used import trained_with
from pbt.space.space import Values
from pbt.strategies.rows import Rows
from pbt.views.comparison import Side
from pbt.views.followed import Followed
from pbt.views.pace import Pace
from pbt.views.rows import Recorded as Rowed
from pbt.views.status import Status
from tests.support.population import Recorded, Script
from tests.support.worlds import Dying

N = 3
moves = st.one_of(
    st.tuples(st.just("report"), st.integers(0, N - 1), st.floats(-1, 1)),
    st.tuples(st.just("set"), st.integers(0, N - 1), st.sampled_from([0.25, 0.5, 0.75])),
    st.tuples(st.sampled_from(["anew", "hear", "lose"]), st.integers(0, N - 1), st.just(0.0)),
)
Trained = dict[tuple[int, int], Values]
"""By member and entry of a report: what its worker trained with."""


def assign(script: Script, member: int, lr: float) -> None:
    with suppress(Conflict, pbt.Invalid):  # it has that value already
        script.coordinator.steer(Steer(Assign((member,), {"lr": lr}), nonce=str(len(script.entries))))


def played(history: list[tuple[str, int, float]], synchronous: bool) -> tuple[Script, Trained]:
    script = Script(members=N, steps=50, interval=2, strategy=pbt.PBT(quantile=0.4), synchronous=synchronous)
    script.coordinator.alive = alive = Dying()
    trained: Trained = {}
    for kind, member, x in history:
        m = script.population.members[member] if script.entries else None
        if kind == "set":
            assign(script, member, x)
        elif m is None or m.done:
            continue
        elif kind == "anew" or member not in script.answers:
            if m.lease is not None:
                alive.gone.add((member, m.lease.number))
            with suppress(NobodyFree):  # it waits at the barrier
                script.join(member)
        elif kind == "hear":
            script.answers[member] = script.coordinator.stand(member, script.answers[member].lease)
        elif kind == "lose" and m.checkpoint is not None:
            lease = script.answers[member].lease
            script.answers[member] = script.coordinator.tell(Lost(member, lease, m.checkpoint.id))
        elif kind == "report" and not m.waits:
            known = script.answers[member]
            if known.decisions < m.given or known.step != m.step or known.hyperparameters == {}:
                script.answers[member] = known = script.coordinator.stand(member, known.lease)
            count = len(script.entries)
            script.send(script.draft(member, x, step=m.step + 1))
            if len(script.entries) > count:
                trained[member, len(script.entries)] = known.hyperparameters
    return script, trained


@given(st.lists(moves, max_size=60), st.booleans())
@settings(max_examples=200)
def test_reports_count_for_what_was_trained_with(history: list[Any], synchronous: bool) -> None:
    script, trained = played(history, synchronous)
    population: Population | None = None
    lineage, rowed, status = Lineage(), Rowed(), Status("x")
    followed = Followed(Recorded(script.entries))
    followed.catch_up()
    fed: list[Values] = []
    kept, born = Rows(), dict[int, int]()
    for number, entry in enumerate(script.entries, 1):
        before, population = population, apply(population, entry)
        for report in getattr(entry.event, "reports", ()):
            assert before is not None
            fed.append(trained[report.member, number])
            assert trained_with(before.members[report.member], report) == fed[-1]
        lineage.follow(before, entry, population)
        for segment in lineage.current.values():
            for points in (segment.changes, segment.scores):
                steps = [step for step, _ in points]
                assert steps == sorted({*steps}), "steps go up"
        rowed.hear(before, entry, population)
        status.hear(before, entry, population)
        gains = len(kept.rows)
        kept = kept.after(before, entry, 1000)
        for gain in kept.rows[gains:]:
            mine = [row for row in rowed.reports if row.member == gain.member and row.entry > born[gain.member]]
            assert all(row.hyperparameters == gain.values for row in mine if row.step > gain.began)
        born.update((segment.member, segment.entry) for segment in lineage.current.values())
    assert [row.hyperparameters for row in rowed.reports] == fed
    assert list(followed.values["lr"]) == [values["lr"] for values in fed]
    assert not [said for said in status.warnings.values() if "was decided" in said]
    assert population is None or msgspec.json.encode(refold(script.entries)) == msgspec.json.encode(population)
    if population is not None and population.best is not None:
        pieces = schedule(lineage, population.best)
        for segment, end in lineage.ancestry(population.best):
            for row in rowed.reports:
                later = [s for s in lineage.segments if s.member == segment.member and s.entry > segment.entry]
                until = later[0].entry if later else len(script.entries)
                if row.member == segment.member and segment.entry < row.entry <= until and row.step <= end:
                    assert [values for at, values in pieces if at < row.step][-1] == row.hyperparameters


def test_a_checkpoint_has_the_hyperparameters_that_its_worker_had_heard_of() -> None:
    s = Script(members=1, space={"lr": pbt.Float(0.01, 1.0)}, initial=[{"lr": 0.1}])
    s.join(0)
    assign(s, 0, 0.9)
    s.report(0, 1.0)
    assert s.population.best.hyperparameters == {"lr": 0.1}
    assert s.report(0, 2.0).hyperparameters == {"lr": 0.9}
    assert s.population.best.hyperparameters == {"lr": 0.9}


def test_a_report_that_was_drafted_before_the_answer_to_the_last_one_is_as_unaware() -> None:
    """A worker that goes on while its coordinator is away: see ``when_away="continue"``."""
    s = Script(members=1, space={"lr": pbt.Float(0.01, 1.0)}, initial=[{"lr": 0.1}])
    s.join(0)
    assign(s, 0, 0.9)
    for step in (1, 2):
        s.report(0, 1.0 * step, step=step, decided=1)
        assert s.population.best.hyperparameters == {"lr": 0.1}
    assert list(schedule(Lineage.of(s.entries), s.population.best)) == [(0, {"lr": 0.1})]
    s.report(0, 3.0)
    assert list(schedule(Lineage.of(s.entries), s.population.best)) == [(0, {"lr": 0.1}), (2, {"lr": 0.9})]


def test_an_exploit_is_counted_once_by_all_that_count() -> None:
    """Neither the fall from one's own first checkpoint to the parent's is another one, nor one's own weights again."""
    s = Script(members=2, strategy=pbt.PBT(quantile=0))
    s.round(0.0, 1.0)
    s.coordinator.steer(Steer(Fork("0", 1), nonce="a"))
    for _ in range(2):
        s.report(1, 1.0)
    s.coordinator.tell(Lost(1, 1, s.population.members[1].checkpoint.id))
    s.coordinator.steer(Steer(Fork("0", 0), nonce="b"))
    followed, pace, side, before = Followed(s.world.journal), Pace(), Side("x"), None
    followed.catch_up()
    for entry in s.entries:
        after = apply(before, entry)
        pace.hear(before, entry, after)
        side.hear(before, entry, after)
        before = after
    assert [followed.exploits, followed.lineage.exploits, side.exploits, pace.exploits] == [1] * 4


def test_what_somebody_sets_is_no_fault_of_the_script() -> None:
    """The script reads back what it has trained with: the value of before, once."""
    script = Script(members=1, steps=50, interval=5, strategy=pbt.PBT(quantile=0))
    first = dict(script.report(0, 0.1).hyperparameters)
    assign(script, 0, 0.75)
    script.report(0, 0.2, used={"lr": first["lr"]})
    assert script.answers[0].hyperparameters["lr"] == 0.75
    script.report(0, 0.3, used={"lr": first["lr"]})
    status, population = Status("x"), None
    warned = []
    for entry in script.entries:
        before, population = population, apply(population, entry)
        status.hear(before, entry, population)
        warned.append(len(status.warnings))
    assert warned[-2:] == [0, 1], "only the second report had heard of it"
    followed = Followed(Recorded(script.entries))
    followed.catch_up()
    assert list(followed.used["lr"]) == [3.0]
    assert [step for step, _ in followed.lineage.current[0].changes] == [0, 2]
