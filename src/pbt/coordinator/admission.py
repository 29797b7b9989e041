"""May this be said now? Pure functions of a population and a report."""

from __future__ import annotations

from itertools import pairwise

from msgspec.structs import replace

from pbt.errors import Conflict, Invalid, LeaseLost
from pbt.population.entries import LARGEST, Report, score_of, size_of
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.ranking import key_of
from pbt.space.numbers import short

VALUES_LIMIT = 64 * 1024
"""Characters in all of a report's strings and names; more is refused, not journalled."""
HISTORY_LIMIT = 256 * 1024
"""Bytes of a report's history; a worker that has kept so much waits."""


def admit(population: Population, report: Report) -> Report | None:
    """The report as it enters the journal; None: there is nothing to append, the answer is how the member stands.

    Nothing is appended for a repeat, for a report of weights that a decision has replaced meanwhile, and after
    the goal was reached.

    Raises:
        Conflict, LeaseLost, Invalid: why it is refused.
    """
    m = population.member(report.member)
    if not is_new(population, m, report, report.decided):
        return None
    if _uncounted(population, report):
        report = replace(report, step=m.step + 1)
    _check_step(population, m, report)
    if report.used or report.metrics or type(report.score) is not float:
        _check_size(report)
        for name in report.used:
            if name not in population.settings.space.domains:
                raise Invalid(f"member {m.id}: used[{short(name)}]: no hyperparameter has this name")
    if report.history:
        _check_history(report, m.step)
    return report


def is_new(population: Population, m: MemberState, report: Report, known: int) -> bool:
    """Whether a report, or what its worker did before it, can change how the member stands.

    Args:
        known: how many decisions on the member were known to the worker when it did.

    Raises:
        Conflict: it has a number that was used, or the member waits for a decision.
        LeaseLost: another lease is the newest.
    """
    if is_repeat(population, m, report):
        return False
    _check_lease(m, report)
    if _are_replaced(m, known) or population.reached:
        return False
    if m.waits:
        raise Conflict(
            f"member {m.id} waits for a decision: ask for it with the report that is due, not with a new one"
        )
    return True


def outdated(population: Population, report: Report) -> bool:
    """Whether the weights behind the report were replaced, and its worker still holds the member."""
    m = population.member(report.member)
    holds = m.lease is not None and m.lease.number == report.lease and not m.lease.ended
    return holds and _are_replaced(m, report.decided) and not is_repeat(population, m, report)


def _are_replaced(m: MemberState, known: int) -> bool:
    """Whether what a worker trains was replaced by a decision of which it does not know, or which never became whole.

    The latter is a member that was stopped before its hyperparameters were explored: nobody trains what it stands on.
    """
    return known < m.given or (m.hyperparameters is None and not m.waits)


def _uncounted(population: Population, report: Report) -> bool:
    """A training system with names of its own for states does not count steps: one is a report in the lineage."""
    return population.settings.foreign and report.step <= 0


def is_repeat(population: Population, m: MemberState, report: Report) -> bool:
    """Whether this is the member's last report, sent again.

    Raises:
        Conflict: it has the number of the last report, and says something else.
    """
    last = m.last
    if last is None or last.seq != report.seq or last.lease != report.lease:
        return False
    step = last.step if _uncounted(population, report) else report.step
    if replace(report, release=last.release, step=step) != last:
        raise Conflict(
            f"member {m.id}: report {report.seq} of lease {report.lease} was committed with other contents; "
            f"give every report its own number"
        )
    return True


def _check_lease(m: MemberState, report: Report) -> None:
    """The report comes under the member's newest lease, and after the others of it.

    Raises:
        LeaseLost, Conflict: it does not.
    """
    lease = m.lease
    if lease is None or lease.number != report.lease or lease.ended:
        raise LeaseLost(
            f"member {m.id}: lease {report.lease} is over, the newest is {lease.number if lease else 0}; "
            f"another worker has taken it, or this one gave it back"
        )
    last = m.last.seq if m.last is not None and m.last.lease == report.lease else 0
    if report.seq <= last:
        raise Conflict(f"member {m.id}: report {report.seq} comes after report {last} of the same lease")


def _check_step(population: Population, m: MemberState, report: Report) -> None:
    if report.step <= m.step:
        raise Invalid(
            f"member {m.id}: step {report.step} does not go past step {m.step}, which it has reported already"
        )
    if report.step > LARGEST:
        raise Invalid(f"member {m.id}: step {report.step:.4g} is too large: at most {LARGEST}; count in larger units")
    if report.checkpoint is None:
        s = population.settings
        reason = checkpoint_due(report, m.ready, s.steps, s.goal, s.maximize)
        if reason:
            raise Invalid(
                f"member {m.id}, step {report.step}: a checkpoint is due ({reason}); report with save= or checkpoint="
            )
    elif not population.settings.foreign and report.checkpoint != report.checkpoint_id:
        raise Invalid(f"checkpoint {report.checkpoint!r:.80} is not this report's, {report.checkpoint_id}")


def checkpoint_due(report: Report, ready: int, steps: int | None, goal: float | None, maximize: bool) -> str:
    """Why this report needs a checkpoint, or ""."""
    if report.step >= ready:
        return f"decisions are due from step {ready}"
    return ends(report, steps, goal, maximize)


def ends(report: Report, steps: int | None, goal: float | None, maximize: bool) -> str:
    """Why nothing follows this report under its lease, or ""."""
    if steps is not None and report.step >= steps:
        return "it is the last step"
    if report.release:
        return "the member is given back"
    if goal is not None and key_of(score_of(report), maximize) <= key_of(goal, maximize):
        return "the goal is reached"
    return ""


def _check_history(report: Report, reached: int) -> None:
    steps = [reached, *(past.step for past in report.history), report.step]
    if any(after <= before for before, after in pairwise(steps)):
        raise Invalid(f"member {report.member}: the steps of a history go up, from {reached} to {report.step}")
    if sum(map(size_of, report.history)) > 2 * HISTORY_LIMIT:
        raise Invalid(f"member {report.member}: a history of more than {2 * HISTORY_LIMIT} bytes is not journalled")


def _check_size(report: Report) -> None:
    said = (report.used, report.metrics, report.score if isinstance(report.score, dict) else {})
    size = sum(len(name) + len(str(value)) for part in said for name, value in part.items())
    size += len(report.checkpoint or "") + (8 * len(report.score) if isinstance(report.score, tuple | dict) else 0)
    if size > VALUES_LIMIT:
        raise Invalid(
            f"member {report.member}: the report is {size} characters long, at most {VALUES_LIMIT} are journalled"
        )
