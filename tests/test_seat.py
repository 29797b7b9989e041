"""The seat: what a trainer knows of its member, followed from answer to answer."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pbt.coordinator.answer import Answer
from pbt.coordinator.seat import Seat
from pbt.population.entries import Checkpoint

STEPS = st.integers(0, 9)
CHECKPOINTS = st.builds(
    lambda member, seq, step: Checkpoint(f"{member}/1-{seq}", member, step, 0.5, {"lr": 0.1}),
    st.integers(0, 2), st.integers(1, 4), STEPS,
)  # fmt: skip
ANSWERS = st.builds(
    Answer,
    member=st.just(1), lease=st.just(3), seq=st.integers(0, 9), step=STEPS, decisions=st.integers(1, 5),
    given=st.integers(1, 5), hyperparameters=st.sampled_from([{"lr": 0.1}, {"lr": 0.2}]), stop=st.booleans(),
    released=st.booleans(), wait=st.booleans(), checkpoint=st.none() | CHECKPOINTS,
)  # fmt: skip


def checkpoint(id: str, step: int) -> Checkpoint:
    return Checkpoint(id, int(id.split("/")[0]), step, 0.5, {"lr": 0.1})


def answer(**more: Any) -> Answer:
    said: dict[str, Any] = {"member": 1, "lease": 3, "decisions": 1, "given": 1, "hyperparameters": {"lr": 0.1}}
    return Answer(**said | more)


def seated(first: Answer) -> Seat:
    seat = Seat(first)
    seat.take(first)
    return seat


def saved(seat: Seat, step: int, **after: Any) -> None:
    """A report with a checkpoint, recorded and answered."""
    report = seat.report(step, 1.0)
    report = replace(report, checkpoint=report.checkpoint_id)
    own = checkpoint(report.checkpoint_id, step)
    said = replace(seat.answer, seq=report.seq, step=step, **{"checkpoint": own} | after)
    assert seat.recorded(report, said)
    seat.take(said)


def test_a_new_worker_lacks_the_checkpoint_that_its_member_has() -> None:
    first = answer(checkpoint=checkpoint("0/1-2", 4), step=4)
    seat = Seat(first)
    assert seat.lacks(first) == first.checkpoint
    assert seat.take(first).exploit
    assert seat.unread
    seat.loaded("0/1-2")
    assert not seat.unread


def test_a_member_without_a_checkpoint_has_nothing_to_load() -> None:
    assert not seated(answer()).unread


def test_what_was_just_saved_need_not_be_loaded_even_if_it_is_given_back() -> None:
    seat = seated(answer())
    saved(seat, 4)
    assert not seat.unread
    given_back = replace(seat.answer, given=2, decisions=2)
    assert seat.take(given_back).exploit
    assert not seat.unread


def test_ones_own_earlier_checkpoint_is_loaded_where_training_went_past_it() -> None:
    seat = seated(answer())
    saved(seat, 4)
    report = seat.report(6, 1.0)
    assert seat.recorded(report, replace(seat.answer, seq=report.seq, step=6))
    assert seat.take(replace(seat.answer, given=2, decisions=2, step=4)).exploit
    assert seat.unread
    assert seat.step == 4


def test_a_changed_checkpoint_without_a_decision_that_gives_it_changes_nothing() -> None:
    """Another worker has found the newest one lost: the weights in memory are right, and newer."""
    seat = seated(answer())
    saved(seat, 4)
    saved(seat, 8)
    outcome = seat.take(replace(seat.answer, checkpoint=checkpoint("1/3-1", 4)))
    assert not outcome.exploit
    assert not seat.unread
    assert seat.step == 8


def test_a_report_that_a_decision_made_worthless_is_not_recorded_and_its_weights_are_nobodys() -> None:
    seat = seated(answer())
    report = seat.report(4, 1.0)
    report = replace(report, checkpoint=report.checkpoint_id)
    said = answer(given=2, decisions=2, seq=0, checkpoint=checkpoint("0/1-5", 9), step=9)
    assert not seat.recorded(report, said)
    assert seat.take(said).exploit
    assert seat.unread
    assert seat.have is None


def test_ones_own_checkpoint_is_loaded_where_training_went_on_while_its_report_had_no_answer() -> None:
    seat = seated(answer())
    report = replace(seat.report(2, 1.0), checkpoint="1/3-1")
    said = answer(seq=1, checkpoint=checkpoint("1/3-1", 2), step=2, given=2, decisions=2)
    seat.recorded(report, said, went_on=True)
    assert seat.take(said).exploit
    assert seat.unread


def test_loading_an_earlier_checkpoint_does_not_count() -> None:
    seat = seated(answer(checkpoint=checkpoint("0/1-2", 4), step=4))
    seat.loaded("0/1-1")
    assert seat.unread


def test_a_report_says_what_the_seat_knows_and_has_a_number_of_its_own() -> None:
    seat = seated(answer(seq=6, decisions=4, given=2))
    first, second = seat.report(5, 1.0, {"lr": 0.2}, {"loss": 3.0}), seat.report(6, (1.0, 2.0))
    assert (first.member, first.lease, first.seq, first.decided, first.step) == (1, 3, 7, 4, 5)
    assert (first.used, first.metrics, second.score) == ({"lr": 0.2}, {"loss": 3.0}, (1.0, 2.0))
    assert second.seq == 8
    assert second.checkpoint_id == "1/3-8"


@given(st.lists(ANSWERS, min_size=1, max_size=8))
def test_the_same_answer_twice_is_once(answers: list[Answer]) -> None:
    seat = Seat(answers[0])
    for said in answers:
        seat.take(said)
        before = dict(vars(seat))
        again = seat.take(said)
        assert vars(seat) == before
        assert (again.exploit, again.changed) == (False, False)


@given(st.lists(ANSWERS, min_size=1, max_size=8))
def test_an_exploit_sets_the_step_and_asks_for_what_the_seat_lacks_and_nothing_else_does(answers: list[Answer]) -> None:
    seat, given = Seat(answers[0]), 0
    for said in answers:
        before, lacked = (seat.step, seat.unread), seat.lacks(said)
        outcome = seat.take(said)
        assert outcome.exploit == (said.given > given and not said.stop and not said.released)
        assert (seat.step, seat.unread) == ((said.step, lacked is not None) if outcome.exploit else before)
        assert seat.lacks(said) is None, "only what was not taken yet"
        given = said.given if outcome.exploit else given


@given(st.lists(ANSWERS, min_size=2, max_size=8))
def test_whoever_loads_what_it_lacks_is_never_left_with_unread_weights(answers: list[Answer]) -> None:
    seat = Seat(answers[0])
    for said in answers:
        lacked = seat.lacks(said)
        seat.take(said)
        if lacked is not None:
            seat.loaded(lacked.id)
        assert not seat.unread
