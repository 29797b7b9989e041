"""The family tree: segments with living descendants in rows, the best lineage straight on top, the others as counts."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from pbt.errors import Invalid
from pbt.population.lineage import Segment
from pbt.population.population import Population
from pbt.space.domains import Domain
from pbt.space.numbers import real
from pbt.views.asked import Asked
from pbt.views.bins import Window
from pbt.views.chains import Chain, Piece, chains, inside, spans_of
from pbt.views.clades import MOST, WIDEST, Clades, choose
from pbt.views.clades import described as described_clades
from pbt.views.columns import Column
from pbt.views.columns import encode as columns
from pbt.views.followed import Followed, number_of
from pbt.views.forest import Forest, presence
from pbt.views.series import described
from pbt.views.wedges import Unit, fitted, rows

LEAST, LIMIT, LARGEST = 4, 400, 4000
"""Rows: the smallest limit, the default, the largest."""
MOST_RECORDS = 15_000
"""Records that are told about at most, whatever the limit of rows."""
_FINE = 4
"""Of a bin: what begins closer to what goes before it in its row is told with it."""
TOP, LEAF, WEDGE, REST, TAKEN, SEVERAL = 1, 2, 4, 8, 16, 32
"""What a record is, added up: on the lineage on top; how a living member stands; several chains; the rest of a
segment that the lineage on top has left; it began with another member's weights; short pieces of a row, told as one."""
_SAMPLED = 64
"""Members of a wedge whose median is taken at most."""


@dataclass(frozen=True)
class Record:
    """A piece of a row, or a wedge.

    Attributes:
        of: the segment with which it began.
        parent: the record that it goes on from, or branches off; -1: that is outside.
        ends: the segments, with a step each, at which its score and values are looked up.
        living: members that live and descend from it.
    """

    of: Segment
    parent: int
    row: int
    begin: int
    end: int
    kind: int
    living: int
    ends: list[tuple[Segment, int]]


@dataclass(frozen=True)
class Tree:
    """Records, parents before their children, in `rows` rows.

    Attributes:
        leaves: members whose lineage lies in the window.
        extinct: segments, or parts of them, without a living descendant, in each bin.
    """

    records: list[Record]
    rows: int
    leaves: int
    extinct: list[int]


def planted(forest: Forest, population: Population, window: Window, limit: int, member: int | None = None) -> Tree:
    """The tree of a population.

    Args:
        limit: rows at most, 4 or more: the rest is merged into wedges.
        member: whose lineage is on top; None: that of the best checkpoint.
    """
    lineage, best = forest.lineage, population.best
    way: list[tuple[Segment, int]] = []
    if member is not None and member in lineage.current:
        path = lineage.current[member].path()
        way = list(zip(path, [*(child.start for child in path[1:]), path[-1].end], strict=True))
    elif member is None and best is not None:
        way = lineage.ancestry(best)
    roots = chains(forest.alive(population), way)
    found = _extinct(forest, window, roots)
    shown = inside(roots, window.low, window.high)
    fine = window.size / _FINE if window.size > _FINE else 0.0
    while True:
        records = list(_records(fitted(shown, limit), fine))
        if len(records) <= MOST_RECORDS or limit <= LEAST:
            break
        limit = max(LEAST, limit // 2)
    return Tree(records, 1 + max((r.row for r in records), default=-1), sum(c.weight for c in shown), found)


def _extinct(forest: Forest, window: Window, roots: list[Chain]) -> list[int]:
    (every,), (living,) = presence(window, forest.spans()), presence(window, spans_of(roots))
    return [max(0, a - b) for a, b in zip(every, living, strict=True)]


def _records(whole: Unit | None, fine: float) -> Iterator[Record]:
    places: dict[int, int] = {}
    n = 0
    for unit, row in rows(whole):
        first = unit.chains[0]
        if unit.drawn:
            at = places.get(id(first.before), -1)
            for pieces in _near(first.pieces, fine):
                yield _record(pieces, at, row)
                at = n
                places.update((id(piece), n) for piece in pieces)
                n += 1
            continue
        first = min(unit.chains, key=lambda c: c.begin)
        yield _wedge(unit, places.get(id(first.before), -1), row)
        n += 1


def _near(pieces: list[Piece], fine: float) -> Iterator[list[Piece]]:
    """Pieces of a row, those together that begin within `fine` steps; what is on top or a leaf is so as a whole."""
    group: list[Piece] = []
    for piece in pieces:
        if group and (piece.begin - group[0].begin >= fine or piece.top != group[0].top or piece.leaf):
            yield group
            group = []
        group.append(piece)
    yield group


def _record(pieces: list[Piece], parent: int, row: int) -> Record:
    first, last = pieces[0], pieces[-1]
    before = first.segment.parent
    taken = before is not None and before.member != first.segment.member and not first.rest
    kind = TOP * first.top + LEAF * last.leaf + REST * first.rest + TAKEN * taken + SEVERAL * (len(pieces) > 1)
    return Record(
        first.segment, parent, row, first.begin, last.end, kind, first.living, [(last.segment, last.end)]
    )  # fmt: skip


def _wedge(unit: Unit, parent: int, row: int) -> Record:
    begin, end, leaves, todo = math.inf, 0, list[Piece](), list(unit.chains)
    while todo:
        chain = todo.pop()
        begin, end = min(begin, chain.begin), max(end, chain.end)
        leaves += [piece for piece in chain.pieces if piece.leaf]
        todo += chain.branches
    heaviest = max(unit.chains, key=lambda c: c.weight).pieces[0]
    step = max(1, len(leaves) // _SAMPLED)
    ends = [(piece.segment, piece.end) for piece in leaves[::step]] or [(heaviest.segment, heaviest.end)]
    return Record(heaviest.segment, parent, row, int(begin), end, WEDGE, unit.weight, ends)


def score_at(segment: Segment, step: int) -> float:
    """The last score up to a step, along its lineage; nan where nothing was reported yet."""
    while True:
        at = bisect_right(segment.scores, step, key=lambda point: point[0])
        if at:
            return real(segment.scores[at - 1][1])
        if segment.parent is None:
            return math.nan
        segment, step = segment.parent, segment.start


def value_at(segment: Segment, step: int, name: str, domain: Domain) -> float:
    """A hyperparameter in force up to a step, as a number; nan while it is owed."""
    at = bisect_right(segment.changes, step, key=lambda change: change[0])
    if at > 1 and segment.changes[at - 1][0] == step:
        at -= 1  # what was changed at its last step was not trained with
    return number_of(domain, segment.changes[max(0, at - 1)][1][name]) if segment.changes else math.nan


def middle(values: list[float]) -> float:
    """The median of the finite values; nan where there is none."""
    finite = [value for value in values if math.isfinite(value)]
    return median(finite) if finite else math.nan


def tree(followed: Followed, asked: Asked) -> bytes:
    """Columns of the records of the tree, and of extinct segments in each bin.

    Raises:
        UnknownMember: there is no such member.
        Invalid: there is no such hyperparameter.
    """
    low, high = asked.window(followed.last_step)
    window = Window.of(low, high, asked.number("width", WIDEST, 1, WIDEST))
    who = asked.text("of", "best", r"best|[0-9]{1,16}")
    member = None if who == "best" else followed.population.member(int(who)).id
    forest, population = followed.forest, followed.population
    found = planted(forest, population, window, asked.number("limit", LIMIT, LEAST, LARGEST), member)
    chosen = choose(forest, window, MOST)
    by = _by(followed, asked)
    meta = {
        "from": low, "to": high, "rows": found.rows, "leaves": found.leaves, "segments": len(forest.parents),
        "of": member, "maximize": population.settings.maximize,
        "by": None if by is None else {"name": by[0], "domain": described(by[1])},
        "clades": described_clades(forest, chosen, population),
    }  # fmt: skip
    parts = [*columns_of(forest, found, chosen, by), Column("bin", "f8", window.centres)]
    return columns(followed.entry, parts, meta)


def _by(followed: Followed, asked: Asked) -> tuple[str, Domain] | None:
    name = asked.text("by")
    if not name:
        return None
    if name not in followed.domains:
        raise Invalid(f"by={name[:40]!r}: there is no such hyperparameter; known are {', '.join(followed.domains)}")
    return name, followed.domains[name]


def columns_of(
    forest: Forest, found: Tree, chosen: Clades, by: tuple[str, Domain] | None = None
) -> Iterator[Column]:  # fmt: skip
    """The records of a tree, with the clade of each and a hyperparameter, and its extinct segments by bin."""
    records = found.records
    yield Column("member", "i4", array("i", [r.of.member for r in records]))
    yield Column("parent", "i4", array("i", [r.parent for r in records]))
    yield Column("row", "i4", array("i", [r.row for r in records]))
    yield Column("begin", "f8", array("d", [r.begin for r in records]))
    yield Column("end", "f8", array("d", [r.end for r in records]))
    yield Column("kind", "u1", array("B", [r.kind for r in records]))
    yield Column("living", "i4", array("i", [r.living for r in records]))
    yield Column("entry", "i4", array("i", [r.of.entry for r in records]))
    yield Column("score", "f4", array("f", [middle([score_at(*end) for end in r.ends]) for r in records]))
    owners = [[chosen.owner[forest.place(segment)] for segment, _ in r.ends] for r in records]
    yield Column("clade", "u1", array("B", [Counter(found).most_common(1)[0][0] for found in owners]))
    if by is not None:
        values = [middle([value_at(*end, *by) for end in r.ends]) for r in records]
        yield Column("value", "f4", array("f", values))
    yield Column("extinct", "i4", array("i", found.extinct))
