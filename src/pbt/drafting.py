"""From what a training loop says to a report, in the types that are recorded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pbt.coordinator.answer import Answer
from pbt.errors import Invalid
from pbt.population.entries import Number, Report, number, readable
from pbt.population.rules import undone
from pbt.space.space import Values

_log = logging.getLogger("pbt")
_reported = False


def draft(
    answer: Answer, seq: int, step: int, score: Any, metrics: Mapping[str, Any] | None, used: Mapping[str, Any] | None
) -> Report:
    """A report, without a checkpoint, from a worker that knows of its member what `answer` says.

    Raises:
        Invalid: a score, metric or value is no number.
    """
    assert answer.member is not None
    return Report(
        member=answer.member,
        lease=answer.lease,
        seq=seq,
        decided=answer.decisions,
        step=step,
        score=_scores(score),
        used={name: readable(value, f"used[{name!r}]") for name, value in (used or {}).items()},
        metrics={name: number(value, f"metrics[{name!r}]") for name, value in (metrics or {}).items()},
    )


def _scores(score: Any) -> Number | tuple[Number, ...]:
    if isinstance(score, Mapping):
        raise Invalid("score is a mapping: no strategy here takes several objectives; report one number or a list")
    if isinstance(score, list | tuple):
        if not score:
            raise Invalid("score is an empty list: give at least one evaluation")
        return tuple(number(s) for s in score)
    return number(score)


def warn_if_undone(answer: Answer, used: Values, warned: set[str]) -> None:
    """Say, once a name, which decided value an old one has replaced."""
    for name, value in used.items():
        if name not in warned and undone(answer, name, value):
            warned.add(name)
            _log.warning(
                "member %s trains with %s=%r, but %r was decided: loading a checkpoint brought the old value back. "
                "Set the hyperparameters after the load.",
                answer.member, name, value, answer.hyperparameters[name],
            )  # fmt: skip


def warn_if_unsaved(answer: Answer, step: int, saves: bool) -> None:
    """Say at this process's first report that a checkpoint will be missing, rather than once it is due.

    Args:
        saves: the report brings a checkpoint, or can; or the script has asked when one is due.
    """
    global _reported
    if not (_reported or saves or step >= answer.ready):
        how = "checkpoint='your name for it'" if answer.foreign else "save=function(folder), called when one is due"
        _log.warning(
            "report() was given no save=: from step %d on a report must bring a checkpoint (member.due(step) tells). "
            "Give every report %s",
            answer.ready, how,
        )  # fmt: skip
    _reported = True
