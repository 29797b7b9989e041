"""The schedule: the hyperparameters along a lineage. It is what PBT finds besides the model."""

from __future__ import annotations

from pbt.population.entries import Checkpoint
from pbt.population.lineage import Lineage
from pbt.space.space import Values

Schedule = list[tuple[int, Values]]
"""(from step, values) pairs, the first from step 0: the values hold until the next pair's step."""


def schedule(lineage: Lineage, checkpoint: Checkpoint) -> Schedule:
    """The hyperparameters that led to `checkpoint`.

    The path is walked from the root; a segment holds from its parent checkpoint's step (the *parent's*
    clock: the child's own would shift the schedule in asynchronous runs) up to the step at which the
    path leaves it.
    """
    found: Schedule = []
    for segment, end in lineage.ancestry(checkpoint):
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
