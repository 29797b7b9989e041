"""Curves of a few members, with the exploits along them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pbt.population.lineage import Segment
from pbt.space.numbers import real
from pbt.views.asked import IDS, WIDEST, Asked
from pbt.views.columns import Column
from pbt.views.columns import encode as columns
from pbt.views.followed import Followed
from pbt.views.history import finite, thinned
from pbt.views.series import single

_NOWHERE = (math.nan, math.nan)


def lines(followed: Followed, asked: Asked) -> bytes:
    """For each of ``members``: steps and scores, a nan between two segments, and where it took over whose weights.

    Scores that are not finite are left out of the curve, and their steps told as ``bad_step``. Of an exploit it is told
    where the parent stood (``exploit_step``, ``exploit_score``) and where the weights that were given up had come to
    (``exploit_end_step``, ``exploit_end_score``).

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
    taken = [s for s in own if s.exploit and low <= s.start <= high]
    bad = [s for segment in own for s, y in segment.scores if low <= s <= high and not math.isfinite(real(y))]
    yield "step", "f8", array("d", [step for step, _ in points])
    yield "score", "f4", single([score for _, score in points])
    yield "exploit_step", "f8", array("d", [s.start for s in taken])
    yield "exploit_parent", "i4", array("i", [s.parent.member for s in taken if s.parent is not None])
    yield "exploit_entry", "i4", array("i", [s.entry for s in taken])
    ended = {id(after): before for before, after in pairwise(own)}
    parents = [_point_at(s.parent, s.start) for s in taken]
    ends = [_point_at(ended.get(id(s)), math.inf) for s in taken]
    yield "exploit_score", "f4", single([score for _, score in parents])
    yield "exploit_end_step", "f8", array("d", [step for step, _ in ends])
    yield "exploit_end_score", "f4", single([score for _, score in ends])
    yield "bad_step", "f8", array("d", bad)


def _point_at(segment: Segment | None, step: float) -> tuple[float, float]:
    """The last finite score of a segment up to a step; nan where there is none."""
    scores = () if segment is None else segment.scores
    return next(((float(s), real(y)) for s, y in reversed(scores) if s <= step and math.isfinite(real(y))), _NOWHERE)
