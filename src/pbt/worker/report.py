"""Reports from the arguments of a training loop, converted to the recorded types."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from pbt.coordinator.answer import Answer
from pbt.coordinator.seat import Seat
from pbt.errors import Invalid
from pbt.population.entries import Report
from pbt.population.used import undone
from pbt.space.numbers import named, number, readable, scores
from pbt.space.space import Values

_log = logging.getLogger("pbt")
_reported = False


def draft(
    seat: Seat, step: int, score: Any, metrics: Mapping[str, Any] | None, used: Mapping[str, Any] | None
) -> Report:
    """The next report, without a checkpoint.

    Raises:
        Invalid: a score, metric or value is no number, or a name in `used` is not in the space.
    """
    return seat.report(
        step,
        scores(score),
        used=_known(named(used, "used", readable), seat.answer.hyperparameters),
        metrics=named(metrics, "metrics", number),
    )


def _known(used: Values, space: Values) -> Values:
    for name in used:
        if name not in space:
            raise Invalid(f"used[{name!r}]: no hyperparameter of this name: the space has {', '.join(space)}")
    return used


class Readings:
    """Compares the hyperparameters that one member's worker reads back with the decided ones.

    Only the first report after hyperparameters were given proves anything: later a schedule may pass any value.
    """

    def __init__(self) -> None:
        self._first = False
        self._warned: set[str] = set()

    def begin(self) -> None:
        """Hyperparameters were given."""
        self._first = True

    def compare(self, answer: Answer, used: Values) -> None:
        """Say, once a name, which decided value an old one has replaced."""
        first, self._first = self._first, False
        for name, value in used.items():
            if first and name not in self._warned and undone(answer, name, value):
                self._warned.add(name)
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
