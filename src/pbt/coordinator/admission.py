"""May this be said now? Pure functions of a population and a report."""

from __future__ import annotations

from itertools import pairwise

from msgspec.structs import replace

from pbt.errors import Conflict, Invalid, LeaseLost
from pbt.population.entries import LARGEST, ORIGINAL, Report, score_of, size_of
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
    if report.hyperparameters is not None or report.took is not None:
        _check_original(population, report)
    if population.settings.foreign:
        report = replace(report, step=_counted_step(m, report))
    last = m.last
    if last is not None and last.seq == report.seq and _is_repeat(m, report):
        return None
    _check_lease(m, report)
    if report.decided < m.given or population.reached:
        return None
    if m.waits:
        raise Conflict(
            f"member {m.id} waits for a decision: ask for it with the report that is due, not with a new one"
        )
    reached = m.offer.step if report.took and m.offer is not None else m.step
    _check_step(population, m, report, reached)
    if report.used or report.metrics or report.hyperparameters or type(report.score) is not float:
        _check_size(report)
        for name in report.used:
            if name not in population.settings.space.domains:
                raise Invalid(f"member {m.id}: used[{short(name)}]: no hyperparameter has this name")
    if report.history:
        _check_history(report, reached)
    return report


def outdated(population: Population, report: Report) -> bool:
    """Whether the weights behind the report were replaced by a decision that its worker does not know of."""
    m = population.member(report.member)
    holds = m.lease is not None and m.lease.number == report.lease and not m.lease.ended
    return holds and report.decided < m.given and not _is_repeat(m, report)


def _check_original(population: Population, report: Report) -> None:
    if population.settings.strategy.name != ORIGINAL:
        raise Invalid(f"member {report.member}: only the original client says which hyperparameters are in force")
    if report.hyperparameters is not None and report.hyperparameters not in population.settings.space:
        raise Invalid(f"member {report.member}: hyperparameters outside the space: {report.hyperparameters!r:.200}")


def _is_repeat(m: MemberState, report: Report) -> bool:
    last = m.last
    if last is None or (last.lease, last.seq) != (report.lease, report.seq):
        return False
    if replace(report, release=last.release, step=last.step if last.took is not None else report.step) != last:
        raise Conflict(
            f"member {m.id}: report {report.seq} of lease {report.lease} was committed with other contents; "
            f"give every report its own number"
        )
    return True


def _check_lease(m: MemberState, report: Report) -> None:
    lease = m.lease
    if lease is None or lease.number != report.lease or lease.ended:
        raise LeaseLost(
            f"member {m.id}: lease {report.lease} is over, the newest is {lease.number if lease else 0}; "
            f"another worker has taken it, or this one gave it back"
        )
    last = m.last.seq if m.last is not None and m.last.lease == report.lease else 0
    if report.seq <= last:
        raise Conflict(f"member {m.id}: report {report.seq} comes after report {last} of the same lease")


def _check_step(population: Population, m: MemberState, report: Report, reached: int) -> None:
    if report.step <= reached:
        raise Invalid(
            f"member {m.id}: step {report.step} does not go past step {reached}, which it has reported already"
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
    said = (report.used, report.metrics, report.hyperparameters or {})
    size = sum(len(name) + len(str(value)) for part in said for name, value in part.items())
    size += len(report.checkpoint or "") + (8 * len(report.score) if isinstance(report.score, tuple) else 0)
    if size > VALUES_LIMIT:
        raise Invalid(
            f"member {report.member}: the report is {size} characters long, at most {VALUES_LIMIT} are journalled"
        )


def _counted_step(m: MemberState, report: Report) -> int:
    """The original client does not count: a step is one save in the lineage."""
    if report.step > 0:
        return report.step
    return 1 + (m.offer.step if report.took and m.offer is not None else m.step)
