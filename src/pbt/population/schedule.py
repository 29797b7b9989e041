"""The schedule: the hyperparameters along a lineage. It is what PBT finds besides the model."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from pbt.errors import SettingsError
from pbt.population.entries import Checkpoint
from pbt.population.lineage import Lineage, Segment
from pbt.space.space import Values

Pieces = Sequence[tuple[int, Values]]
"""(from step, values) pairs, the first from step 0: the values hold until the next pair's step."""


def schedule(lineage: Lineage, checkpoint: Checkpoint) -> Pieces:
    """The hyperparameters that led to `checkpoint`.

    Raises:
        PBTError: if the journal does not know the checkpoint.
    """
    return _along(lineage.ancestry(checkpoint))


def schedule_of_member(lineage: Lineage, member: int) -> Pieces:
    """The hyperparameters along the lineage of a member, up to those in force now; empty before its birth."""
    if member not in lineage.current:
        return []
    path = lineage.current[member].path()
    return _along(list(zip(path, [*(child.start for child in path[1:]), math.inf], strict=True)))


def _along(path: Sequence[tuple[Segment, float]]) -> Pieces:
    """The path is walked from the root.

    A segment holds from its parent checkpoint's step (the *parent's* clock: the child's own would shift the schedule
    in asynchronous runs) up to the step at which the path leaves it.
    """
    found: list[tuple[int, Values]] = []
    for segment, end in path:
        for step, values in segment.changes:
            if step > segment.start and step >= end:
                break
            if found and found[-1][0] >= step:
                found.pop()
            if not found or found[-1][1] != values:
                found.append((step, values))
    return found


def values_at(pieces: Pieces, step: float) -> Values:
    """The values with which the step after `step` is trained."""
    return pieces[bisect_right(pieces, step, key=lambda piece: piece[0]) - 1][1]


def check_steps(pieces: Pieces) -> None:
    """The pieces begin at step 0 and ascend.

    Raises:
        SettingsError: they do not.
    """
    steps = [step for step, _ in pieces]
    if not steps or steps[0] != 0 or sorted(set(steps)) != steps:
        raise SettingsError(
            f"the schedule's steps are {steps[:8]}: (from step, hyperparameters) pairs, ascending, the first from 0"
        )
