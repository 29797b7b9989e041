"""A tree of chains in a limited number of rows: what has no row of its own is merged into wedges."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import accumulate, count

from pbt.views.chains import Chain


class Unit:
    """Neighbouring chains: merged into one wedge, parted into halves, or, if it is one, drawn with its branches."""

    __slots__ = ("chains", "drawn", "parts", "weight")

    def __init__(self, chains: list[Chain]) -> None:
        self.chains = chains
        self.weight = sum(chain.weight for chain in chains)
        self.drawn = False
        self.parts: list[Unit] = []

    def open(self) -> None:
        """Draw it, or part it into two of about the same weight."""
        if len(self.chains) == 1:
            self.drawn = True
            branches = self.chains[0].branches
            self.parts = [Unit(branches)] if branches else []
            return
        sums = list(accumulate(chain.weight for chain in self.chains))
        cut = next(i for i, total in enumerate(sums) if 2 * total >= self.weight) + 1
        cut = min(max(1, cut), len(self.chains) - 1)
        self.parts = [Unit(self.chains[:cut]), Unit(self.chains[cut:])]

    @property
    def costs(self) -> int:
        """Rows more, once it is opened."""
        return 1 if len(self.chains) > 1 or self.chains[0].branches else 0


def fitted(roots: list[Chain], limit: int) -> Unit | None:
    """All chains in at most `limit` rows, the heaviest opened first; None: there are none.

    The first root, which holds the lineage on top, is always drawn; that takes three rows at most.
    """
    if not roots:
        return None
    whole = Unit(roots)
    rows, number, heap = 1, count(), list[tuple[int, int, Unit]]()

    def opened(unit: Unit) -> int:
        added = unit.costs
        unit.open()
        for part in unit.parts:
            heapq.heappush(heap, (-part.weight, next(number), part))
        return added

    if len(roots) > 1 and roots[0].pieces[0].top:
        whole.parts = [Unit(roots[:1]), Unit(roots[1:])]
        rows += 1 + opened(whole.parts[0])
        heapq.heappush(heap, (-whole.parts[1].weight, next(number), whole.parts[1]))
    else:
        rows += opened(whole)
    while heap:
        unit = heapq.heappop(heap)[2]
        if rows + unit.costs <= limit:
            rows += opened(unit)
    return whole


def rows(whole: Unit | None) -> Iterator[tuple[Unit, int]]:
    """The units that are drawn or are a wedge, with the row of each, in depth-first order."""
    row, stack = 0, [] if whole is None else [whole]
    while stack:
        unit = stack.pop()
        if unit.drawn or not unit.parts:
            yield unit, row
            row += 1
        stack += reversed(unit.parts)
