"""Under which hyperparameters a report was trained, and the check of those read back from the training code."""

from __future__ import annotations

import math
from typing import Protocol

from pbt.population.entries import Checkpoint, Report
from pbt.population.member import MemberState
from pbt.space.space import Values


class Stands(Protocol):
    """How a member stands, in the fold or in an answer."""

    @property
    def hyperparameters(self) -> Values | None:
        """The decided ones."""
        ...

    @property
    def former(self) -> Values | None:
        """Its own before the last change."""
        ...

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The current one, with the hyperparameters under which it was written."""
        ...


def trained_with(m: MemberState, report: Report) -> Values | None:
    """The hyperparameters under which a report was trained: those that its worker had heard of.

    Args:
        m: the member as the report found it.
    """
    return next((u.values for u in m.unheard if report.decided < u.decision), m.hyperparameters)


def is_unaware(m: MemberState, report: Report) -> bool:
    """Whether a report's worker had not heard of the last change of its member's hyperparameters."""
    return bool(m.unheard) and report.decided < m.unheard[-1].decision


def undone(stands: Stands, name: str, used: object) -> bool:
    """Whether an old value came back in place of the decided one.

    A value read back that differs from the decided one is a bug only when it equals the parent's or the
    member's own former value: the load of a checkpoint brought it back. Anything else is a scheduler.
    """
    decided = (stands.hyperparameters or {}).get(name)
    if decided is None or close(decided, used):
        return False
    formers = (stands.former, stands.checkpoint.hyperparameters if stands.checkpoint is not None else None)
    return any(former is not None and name in former and close(former[name], used) for former in formers)


def close(a: object, b: object) -> bool:
    """Equal, or numbers that differ by no more than single precision rounds."""
    if type(a) in (int, float) and type(b) in (int, float):
        return math.isclose(a, b, rel_tol=1e-6)  # type: ignore[arg-type]
    return a == b
