"""All segments of a population in columns: parents, steps, and how many were there at which step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from pbt.population.lineage import Lineage, Segment
from pbt.population.population import Population
from pbt.views.bins import Window

try:
    import numpy as np
except ImportError:  # an installation without the extra "page"
    np = None  # type: ignore[assignment]
PLAIN = np is None
_TIE = 1e-9
"""Of a bin: a step this near to its middle is at it, however divisions are rounded."""


class Forest:
    """The segments of a lineage by their places in it, read on whenever it is asked to.

    Attributes:
        parents: the place of each segment's parent, which is before its own; -1 at a root.
    """

    def __init__(self, lineage: Lineage) -> None:
        self.lineage = lineage
        self.parents: list[int] = []
        self._places: dict[int, int] = {}

    def read_on(self) -> None:
        """Go on with the segments that are new."""
        segments = self.lineage.segments
        for at in range(len(self.parents), len(segments)):
            segment = segments[at]
            self._places[id(segment)] = at
            self.parents.append(-1 if segment.parent is None else self._places[id(segment.parent)])

    def place(self, segment: Segment) -> int:
        """The place of a segment that was read."""
        return self._places[id(segment)]

    def alive(self, population: Population) -> list[Segment]:
        """The present segments of members that have not failed, by member."""
        current = self.lineage.current
        return [current[m.id] for m in population.members if m.id in current and not m.failed]

    def spans(self) -> Spans:
        """Of each segment; the last step belongs to it if it is still its member's."""
        current = {id(segment) for segment in self.lineage.current.values()}
        segments = self.lineage.segments
        return Spans([s.start for s in segments], [s.end for s in segments], [id(s) in current for s in segments])


class Spans(NamedTuple):
    """Ranges of steps: from the first one up to the last one, which belongs to a range where `closed` says so."""

    first: Sequence[int]
    last: Sequence[int]
    closed: Sequence[bool]


def presence(
    window: Window, spans: Spans, groups: Sequence[int] | None = None, n: int = 1, plain: bool = PLAIN
) -> list[list[int]]:
    """How many spans of each group from 0 to `n` - 1 hold the middle of each bin.

    Args:
        groups: of each span; None: all are of the first.
        plain: without NumPy even where that is installed.
    """
    if plain:
        return _plainly(window, spans, groups, n)
    begin, size, bins = window.centres[0], window.size, window.n
    first, last = np.array(spans.first, dtype=np.float64), np.array(spans.last, dtype=np.float64)
    a = np.clip(np.ceil((first - begin) / size - _TIE), 0, bins).astype(np.int64)
    behind = (last - begin) / size
    b = np.where(np.array(spans.closed, dtype=bool), np.floor(behind + _TIE) + 1, np.ceil(behind - _TIE))
    b = np.clip(b, 0, bins).astype(np.int64)
    row = np.zeros(len(a), dtype=np.int64) if groups is None else np.array(groups, dtype=np.int64)
    row, wide = row * (bins + 1), b > a
    cells = n * (bins + 1)
    changes = np.bincount((row + a)[wide], minlength=cells) - np.bincount((row + b)[wide], minlength=cells)
    found: list[list[int]] = np.cumsum(changes.reshape(n, bins + 1), axis=1)[:, :bins].tolist()
    return found


def _plainly(window: Window, spans: Spans, groups: Sequence[int] | None, n: int) -> list[list[int]]:
    begin, size, bins = window.centres[0], window.size, window.n
    changes = [[0] * (bins + 1) for _ in range(n)]
    for at, (first, last, closed) in enumerate(zip(*spans, strict=True)):
        behind = (last - begin) / size
        a = min(bins, max(0, math.ceil((first - begin) / size - _TIE)))
        b = min(bins, max(0, math.floor(behind + _TIE) + 1 if closed else math.ceil(behind - _TIE)))
        if b > a:
            change = changes[0 if groups is None else groups[at]]
            change[a] += 1
            change[b] -= 1
    return [list(accumulate(change[:bins])) for change in changes]
