"""The family that lives: segments with a living descendant, cut and strung so that each chain is one row of a tree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pbt.population.lineage import Segment
from pbt.views.forest import Spans


@dataclass(eq=False)
class Piece:
    """A segment, or a part of one, in a row.

    Attributes:
        top: it lies on the lineage that is drawn first.
        leaf: it is how a living member stands.
        rest: the same segment after the first lineage has left it.
        living: how many living members descend from it, itself included.
    """

    segment: Segment
    begin: int
    end: int
    top: bool = False
    leaf: bool = False
    rest: bool = False
    living: int = 0


@dataclass(eq=False)
class Chain:
    """Pieces of one row, each going on where the one before it ends, and the chains that branch off.

    Attributes:
        before: the piece from which it branches off; None at a root.
        branches: those that begin last first, so that no riser crosses a row.
        weight: living members in it and in what branches off.
    """

    before: Piece | None
    pieces: list[Piece] = field(default_factory=list)
    branches: list[Chain] = field(default_factory=list)
    weight: int = 0

    @property
    def begin(self) -> int:
        """The step at which it begins."""
        return self.pieces[0].begin

    @property
    def end(self) -> int:
        """The step at which it ends."""
        return self.pieces[-1].end


Way = list[tuple[Segment, int]]
"""A lineage from its root: segments, each with the step at which it is left."""


def chains(alive: Iterable[Segment], way: Way) -> list[Chain]:
    """The family of living members as chains, one for each of them, and one for `way` if it has died out.

    Returns:
        The roots: that of `way` first, then those with the most living descendants.
    """
    return _Stringing(list(alive), way).roots()


class _Stringing:
    def __init__(self, alive: list[Segment], way: Way) -> None:
        self._leaves = {id(segment) for segment in alive}
        self._next = {
            id(segment): (end, way[i + 1][0] if i + 1 < len(way) else None) for i, (segment, end) in enumerate(way)
        }
        self._children: dict[int, list[Segment]] = {}
        self._roots: list[Segment] = []
        self._seen: set[int] = set()
        for segment in [*(segment for segment, _ in reversed(way)), *alive]:
            self._climb(segment)

    def _climb(self, segment: Segment) -> None:
        while id(segment) not in self._seen:
            self._seen.add(id(segment))
            if segment.parent is None:
                self._roots.append(segment)
                return
            self._children.setdefault(id(segment.parent), []).append(segment)
            segment = segment.parent

    def roots(self) -> list[Chain]:
        found, every = list[Chain](), list[Chain]()
        todo: list[tuple[Chain | None, Piece | None, Segment, int, bool]] = [
            (None, None, root, root.start, False) for root in self._roots
        ]
        while todo:
            off, before, segment, begin, rest = todo.pop()
            chain = Chain(before)
            (found if off is None else off.branches).append(chain)
            every.append(chain)
            for piece, branch, begins, again in self._string(chain, segment, begin, rest):
                todo.append((chain, piece, branch, begins, again))
        for chain in reversed(every):
            _weigh(chain)
        return sorted(found, key=lambda c: (not c.pieces[0].top, -c.weight, c.pieces[0].segment.entry, c.begin))

    def _string(
        self, chain: Chain, segment: Segment, begin: int, rest: bool
    ) -> Iterator[tuple[Piece, Segment, int, bool]]:
        """Fill a chain; what branches off: from which piece, the segment, where, and whether it is a rest."""
        while True:
            children = self._children.get(id(segment), [])
            leaf = id(segment) in self._leaves
            if not rest and id(segment) in self._next:
                end, after = self._next[id(segment)]
                others = [c for c in children if c is not after]
                goes_on = (leaf and (after is not None or segment.end > end)) or any(c.start > end for c in others)
                piece = Piece(segment, begin, end, True, leaf and not goes_on)
                chain.pieces.append(piece)
                yield from ((piece, c, c.start, False) for c in others if c.start <= end)
                if after is not None:
                    if goes_on:
                        yield piece, segment, end, True
                    segment, begin = after, after.start
                elif goes_on:
                    begin, rest = end, True
                else:
                    return
                continue
            if rest:
                children = [c for c in children if c.start > begin]
            if leaf:
                end = max([segment.end, begin, *(c.start for c in children)])
                piece = Piece(segment, begin, end, leaf=True, rest=rest)
                chain.pieces.append(piece)
                yield from ((piece, c, c.start, False) for c in children)
                return
            last = max(children, key=lambda c: (c.start, c.entry, c.member))
            piece = Piece(segment, begin, last.start, rest=rest)
            chain.pieces.append(piece)
            yield from ((piece, c, c.start, False) for c in children if c is not last)
            segment, begin, rest = last, last.start, False


def _weigh(chain: Chain) -> None:
    chain.branches.sort(key=lambda c: (-c.begin, -c.pieces[0].segment.entry, c.pieces[0].segment.member))
    off: dict[int, int] = {}
    for branch in chain.branches:
        off[id(branch.before)] = off.get(id(branch.before), 0) + branch.weight
    living = 0
    for piece in reversed(chain.pieces):
        living += piece.leaf + off.get(id(piece), 0)
        piece.living = living
    chain.weight = living


def inside(roots: list[Chain], low: int, high: int) -> list[Chain]:
    """What of these chains lies in a window of steps; whose row does not, passes its branches on."""
    found: list[Chain] = []
    todo: list[tuple[Chain, list[Chain]]] = [(root, found) for root in reversed(roots)]
    while todo:
        chain, into = todo.pop()
        if chain.begin > high:
            continue
        pieces = [p for p in chain.pieces if p.end >= low and p.begin <= high]
        if pieces:
            kept = Chain(chain.before, pieces, [], chain.weight)
            into.append(kept)
            into = kept.branches
        todo += [(branch, into) for branch in reversed(chain.branches)]
    return found


def spans_of(roots: Iterable[Chain]) -> Spans:
    """The steps of all pieces."""
    pieces, todo = list[Piece](), list(roots)
    while todo:
        chain = todo.pop()
        pieces += chain.pieces
        todo += chain.branches
    return Spans([p.begin for p in pieces], [p.end for p in pieces], [p.leaf for p in pieces])
