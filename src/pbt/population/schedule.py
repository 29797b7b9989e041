"""The schedule: the hyperparameters along a lineage. It is what PBT finds besides the model."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pbt.population.entries import Checkpoint
from pbt.population.lineage import Lineage, Segment
from pbt.space.space import Values

Schedule = list[tuple[int, Values]]
"""(from step, values) pairs, the first from step 0: the values hold until the next pair's step."""


def schedule(lineage: Lineage, checkpoint: Checkpoint) -> Schedule:
    """The hyperparameters that led to `checkpoint`.

    Raises:
        PBTError: if the journal does not know the checkpoint.
    """
    return _along(lineage.ancestry(checkpoint))


def schedule_of_member(lineage: Lineage, member: int) -> Schedule:
    """The hyperparameters along the lineage of a member, up to those in force now; empty before its birth."""
    if member not in lineage.current:
        return []
    path = lineage.current[member].path()
    return _along(list(zip(path, [*(child.start for child in path[1:]), math.inf], strict=True)))


def _along(path: Sequence[tuple[Segment, float]]) -> Schedule:
    """The path is walked from the root.

    A segment holds from its parent checkpoint's step (the *parent's* clock: the child's own would shift the schedule
    in asynchronous runs) up to the step at which the path leaves it.
    """
    found: Schedule = []
    for segment, end in path:
        for step, values in segment.changes:
            if step > segment.start and step >= end:
                break
            if found and found[-1][0] >= step:
                found.pop()
            if not found or found[-1][1] != values:
                found.append((step, values))
    return found


def values_at(found: Schedule, step: int) -> Values:
    """The values with which the step after `step` is trained."""
    return next(values for start, values in reversed(found) if start <= step)
