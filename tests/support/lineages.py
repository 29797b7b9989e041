"""What holds of every lineage, whatever happened to its members."""

from __future__ import annotations

import itertools

from pbt.population.entries import Checkpoint
from pbt.population.lineage import Lineage, Segment


def whole(lineage: Lineage, checkpoint: Checkpoint) -> list[tuple[Segment, int]]:
    """The path to a checkpoint, whose segments cover [0, its step] without gap or overlap."""
    path = lineage.ancestry(checkpoint)
    assert path[0][0].start == 0
    assert path[-1][1] == checkpoint.step
    for (_, end), (after, _) in itertools.pairwise(path):
        assert after.start == end, "a lineage with a gap"
    return path
