"""The family tree as text: a row for each living member, steps from left to right; and the way to a member in words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from pbt.population.entries import number
from pbt.views.bins import Window
from pbt.views.followed import Followed
from pbt.views.reasons import sentence
from pbt.views.table import number_text
from pbt.views.tree import LEAF, REST, TAKEN, TOP, WEDGE, Record, Tree, middle, planted, score_at

_LABEL = 30
"""Letters to the right of the tree at most."""
_NARROWEST = 12


def family(followed: Followed, width: int, rows: int, member: int | None = None) -> Tree:
    """The tree, with at most `rows` rows, in bins of which there are `width` at most.

    Args:
        member: whose lineage is on top; None: that of the best checkpoint.

    Raises:
        UnknownMember: there is no such member.
    """
    id = None if member is None else followed.population.member(member).id
    window = Window.of(0, max(1, followed.last_step), max(_NARROWEST, width))
    return planted(followed.forest, followed.population, window, rows, id)


def family_lines(followed: Followed, found: Tree, width: int) -> Iterator[str]:
    """The tree in lines of `width` letters.

    ``┬`` is where somebody took over weights, the number after it who; ``●`` how a living member stands, with its
    score; ``░`` several members that are told as one; ``★`` the lineage on top.
    """
    labels = _labels(followed, found)
    wide = min(_LABEL, max((len(label) for label in labels), default=0))
    columns = max(_NARROWEST, width - wide - 1)
    last = max(1, followed.last_step)
    cells = [[" "] * columns for _ in range(found.rows)]

    def at(step: int) -> int:
        return min(columns - 1, round(step / last * (columns - 1)))

    on_top = next((r for r in reversed(found.records) if r.kind & TOP), None)
    for record in found.records:
        _draw(cells, found.records, record, at)
    if on_top is not None and not on_top.kind & LEAF:
        cells[on_top.row][at(on_top.end)] = "★"
    ruler = f"{'step 0':<{max(0, columns - len(f'{last:,}'))}}{last:,}"
    yield ruler
    for row, label in zip(cells, labels, strict=True):
        yield f"{''.join(row)} {label}".rstrip()


def _draw(cells: list[list[str]], records: list[Record], record: Record, at: Any) -> None:
    begin, end = at(record.begin), at(record.end)
    row = cells[record.row]
    line = "░" if record.kind & WEDGE else "━" if record.kind & TOP else "─"
    row[begin : end + 1] = [line] * (end + 1 - begin)
    parent = records[record.parent] if record.parent >= 0 else None
    if parent is not None and parent.row < record.row:
        above = cells[parent.row]
        above[begin] = "┯" if above[begin] in "━┯" else "┬"
        for between in range(parent.row + 1, record.row):
            cells[between][begin] = "├" if cells[between][begin] in "└├" else "│"
        row[begin] = "└"
    if not record.kind & (WEDGE | REST) and (record.kind & TAKEN or parent is None):
        name = str(record.of.member)
        first = begin + (1 if parent is not None and parent.row < record.row else 0)
        if first + len(name) <= end and not row[max(0, first - 1)].isdigit():
            row[first : first + len(name)] = name
    if record.kind & LEAF:
        row[end] = "●"


def _labels(followed: Followed, found: Tree) -> list[str]:
    """What stands at the end of each row."""
    ends: dict[int, Record] = {}
    for record in found.records:
        if record.row not in ends or record.end >= ends[record.row].end:
            ends[record.row] = record
    top = {record.row for record in found.records if record.kind & TOP}
    return [_label(ends[row], row in top) if row in ends else "" for row in range(found.rows)]


def _label(record: Record, top: bool) -> str:
    score = number_text(_score(record))
    star = " ★" if top else ""
    if record.kind & WEDGE:
        return f"{record.living} members, {score}"
    segment, _ = record.ends[-1]
    return f"{segment.member}: {score}{star}" if record.kind & LEAF else f"{segment.member} left, {score}{star}"


def _score(record: Record) -> float:
    return middle([score_at(*end) for end in record.ends])


def family_json(found: Tree) -> list[dict[str, Any]]:
    """The records of a tree, parents before their children, for programs: see docs/terminal.md."""
    return [
        {
            "member": r.of.member, "entry": r.of.entry, "parent": None if r.parent < 0 else r.parent, "row": r.row,
            "begin": r.begin, "end": r.end, "score": number(_score(r)), "living": r.living,
            "leaf": bool(r.kind & LEAF), "chosen": bool(r.kind & TOP), "merged": bool(r.kind & WEDGE),
            "took_over": bool(r.kind & TAKEN),
        }
        for r in found.records
    ]  # fmt: skip


def way_of(followed: Followed, member: int) -> list[dict[str, Any]]:
    """The way to how a member stands: each member on it, from which step to which, and why it took over.

    Raises:
        UnknownMember: there is no such member.
    """
    id = followed.population.member(member).id
    path = followed.lineage.current[id].path() if id in followed.lineage.current else []
    found: list[dict[str, Any]] = []
    for segment, left in zip(path, [*(child.start for child in path[1:]), path[-1].end if path else 0], strict=True):
        change = followed.decision(segment.member, segment.entry)
        found.append(
            {
                "member": segment.member, "entry": segment.entry, "begin": segment.start, "end": left,
                "score": number(score_at(segment, left)),
                "why": None if change is None else sentence(*change),
            }
        )  # fmt: skip
    return found


def way_lines(way: list[dict[str, Any]], width: int) -> Iterator[str]:
    """The way in words, in lines of at most `width` letters as far as numbers allow."""
    for part in way:
        head = f"steps {part['begin']:,}–{part['end']:,}  member {part['member']}, {number_text(part['score'])}"
        yield head
        yield from textwrap.wrap(part["why"] or "", max(20, width), initial_indent="    ", subsequent_indent="    ")
