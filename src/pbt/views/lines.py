"""Curves of a few members, with the exploits along them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from typing import Any

from pbt.population.lineage import Segment
from pbt.views.asked import IDS, WIDEST, Asked
from pbt.views.columns import Column
from pbt.views.columns import encode as columns
from pbt.views.followed import Followed
from pbt.views.history import finite, thinned
from pbt.views.series import single


def lines(followed: Followed, asked: Asked) -> bytes:
    """For each of ``members``: steps and scores, a nan between two segments, and where it took over whose weights.

    Raises:
        UnknownMember: there is no such member.
    """
    low, high = asked.window(followed.last_step)
    most = asked.number("points", 600, 2, WIDEST)
    found: list[Column] = []
    for id in dict.fromkeys(int(part) for part in asked.text("members", "0", IDS).split(",")):
        own = followed.own.get(followed.population.member(id).id, [])
        found += [Column(f"m/{id}/{name}", kind, values) for name, kind, values in _line(own, low, high, most)]
    return columns(followed.entry, found, {"from": low, "to": high})


def _line(own: list[Segment], low: int, high: int, most: int) -> Iterator[tuple[str, str, array[Any]]]:
    pieces = [finite([(s, y) for s, y in segment.scores if low <= s <= high]) for segment in own]
    each = max(4, most // max(1, sum(map(bool, pieces))))
    points: list[tuple[float, float]] = []
    for piece in pieces:
        if points and piece:
            points.append((piece[0][0], math.nan))
        points += thinned(piece, each)
    taken = [s for s in own if s.parent is not None and s.parent.member != s.member and low <= s.start <= high]
    yield "step", "f8", array("d", [step for step, _ in points])
    yield "score", "f4", single([score for _, score in points])
    yield "exploit_step", "f8", array("d", [s.start for s in taken])
    yield "exploit_parent", "i4", array("i", [s.parent.member for s in taken if s.parent is not None])
    yield "exploit_entry", "i4", array("i", [s.entry for s in taken])
