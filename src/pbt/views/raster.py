"""Members by steps: a raster of scores or of a hyperparameter, a row each, with the exploits among few."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple

from pbt.errors import Invalid
from pbt.population.member import MemberState
from pbt.space.domains import Domain, Float, Int
from pbt.views.asked import Asked
from pbt.views.bins import Window, quantile
from pbt.views.columns import Column
from pbt.views.columns import encode as columns
from pbt.views.followed import Followed
from pbt.views.members import in_order
from pbt.views.series import described

try:
    import numpy as np
except ImportError:  # an installation without the extra "page"
    np = None  # type: ignore[assignment]
PLAIN = np is None
ROWS, BINS = 1000, 600
"""At most; more members share rows."""
LEVELS, ODD, NOTHING = 253, 254, 255
"""Cells: the highest of the levels from 0, a score that is not finite, and no report."""
MARKS = 5000
"""Exploits that are told about at most."""
_SPREAD = 0.02
"""Of the values at either end: those share the first and the last level, lest a few bad ones take up all."""


class Shown(NamedTuple):
    """The numbers of a raster: of each report, and how they become levels.

    Attributes:
        low, high: what the first and the last level stand for, and all beyond.
        least, most: of the finite values; None: there is none.
    """

    values: array[float]
    low: float
    high: float
    least: float | None
    most: float | None
    log: bool
    mean: bool


def raster(followed: Followed, asked: Asked) -> bytes:
    """A column of cells, row by row; what a member reported stands for the steps since its report before.

    Several reports in a cell, of one member or of neighbours in the table, are told as their mean; of choices the
    last is told.

    Raises:
        Invalid: there is no such hyperparameter, or the members can not be sorted so.
    """
    low, high = asked.window(followed.last_step)
    window = Window.of(low, high, asked.number("width", BINS, 1, BINS))
    members = in_order(followed, asked)
    n = min(len(members), asked.number("rows", ROWS, 1, ROWS))
    row_of = {m.id: i * n // len(members) for i, m in enumerate(members)}
    shown = _shown(followed, asked)
    cells = _filled(_cells(followed, window, shown, row_of, n), window.n)
    meta: dict[str, Any] = {
        "from": low, "to": high, "width": window.n, "rows": n, "members": len(members), "low": shown.low,
        "high": shown.high, "least": shown.least, "most": shown.most, "log": shown.log, "levels": LEVELS,
        "by": asked.text("by", "score"),
        "maximize": followed.population.settings.maximize,
        "domain": described(followed.domains[by]) if (by := asked.text("by")) else None,
    }  # fmt: skip
    found = [Column("cell", "u1", cells), Column("member", "i4", array("i", [m.id for m in members]))]
    if n == len(members):
        found += _marks(followed, members, window)
    return columns(followed.entry, found, meta)


def _shown(followed: Followed, asked: Asked) -> Shown:
    by = asked.text("by")
    if not by:
        return Shown(followed.scores, *_extent(followed.scores), False, True)
    domain: Domain | None = followed.domains.get(by)
    if domain is None:
        raise Invalid(f"by={by[:40]!r}: there is no such hyperparameter; known are {', '.join(followed.domains)}")
    values = followed.values[by]
    if not isinstance(domain, Float | Int):
        return Shown(values, 0.0, float(LEVELS), 0.0, float(LEVELS), False, False)
    low, high, least, most = _extent(values)
    return Shown(values, low, high, least, most, domain.log is True and low > 0, True)


def _extent(values: array[float]) -> tuple[float, float, float | None, float | None]:
    """From where to where levels go, 0 and 0 if no value is finite; the least and the greatest of those."""
    ordered: Any
    if PLAIN:
        ordered = sorted(filter(math.isfinite, values))
    else:
        y = np.frombuffer(values, dtype=np.float64) if len(values) else np.zeros(0)
        ordered = np.sort(y[np.isfinite(y)])
    if not len(ordered):
        return 0.0, 0.0, None, None
    low, high = quantile(ordered, _SPREAD), quantile(ordered, 1 - _SPREAD)
    return float(low), float(high), float(ordered[0]), float(ordered[-1])


def _cells(
    followed: Followed, window: Window, shown: Shown, row_of: dict[int, int], rows: int
) -> array[int]:  # fmt: skip
    if PLAIN:
        return _slowly(followed, window, shown, row_of, rows)
    x, y = (np.frombuffer(c, dtype=np.float64) if len(c) else np.zeros(0) for c in (followed.steps, shown.values))
    who = np.frombuffer(followed.who, dtype=np.int32) if len(followed.who) else np.zeros(0, dtype=np.int32)
    of = np.full(1 + max(row_of, default=0) if not len(who) else 1 + int(max(who.max(), max(row_of, default=0))), -1)
    for member, row in row_of.items():
        of[member] = row
    inside = np.flatnonzero((x >= window.low) & (x <= window.high) & (of[who] >= 0))
    place = np.minimum(((x[inside] - window.low) / window.size).astype(np.int64), window.n - 1)
    at, told = of[who[inside]] * window.n + place, y[inside]
    found = np.full(rows * window.n, NOTHING, dtype=np.uint8)
    fine = np.isfinite(told)
    found[at[~fine]] = ODD
    at, told = at[fine], told[fine]
    if shown.mean:
        counts = np.bincount(at, minlength=len(found))
        sums = np.bincount(at, weights=told, minlength=len(found))
        at = np.flatnonzero(counts)
        told = sums[at] / counts[at]
    if shown.log:
        told = np.log(told)
    low, high = _ends(shown)
    levels = (told - low) * (LEVELS / (high - low)) if high > low else np.full(len(told), LEVELS // 2)
    found[at] = np.clip(np.rint(levels), 0, LEVELS).astype(np.uint8)
    return array("B", found.tobytes())


def _ends(shown: Shown) -> tuple[float, float]:
    return (math.log(shown.low), math.log(shown.high)) if shown.log else (shown.low, shown.high)


def _slowly(
    followed: Followed, window: Window, shown: Shown, row_of: dict[int, int], rows: int
) -> array[int]:  # fmt: skip
    """The same in plain Python."""
    found = array("B", [NOTHING]) * (rows * window.n)
    sums: dict[int, tuple[float, int]] = {}
    for step, value, member in zip(followed.steps, shown.values, followed.who, strict=True):
        row, place = row_of.get(member, -1), window.place(step)
        if row < 0 or place < 0:
            continue
        at = row * window.n + place
        if not math.isfinite(value):
            found[at] = ODD
        elif shown.mean and at in sums:
            total, n = sums[at]
            sums[at] = total + value, n + 1
        else:
            sums[at] = value, 1
    low, high = _ends(shown)
    for at, (total, n) in sums.items():
        told = math.log(total / n) if shown.log else total / n
        level = (told - low) * (LEVELS / (high - low)) if high > low else LEVELS // 2
        found[at] = min(LEVELS, max(0, round(level)))
    return found


def _filled(cells: array[int], width: int) -> array[int]:
    """A cell without a report holds what the next one in its row says: it is about the steps up to there."""
    for row in range(0, len(cells), width):
        said = NOTHING
        for at in range(row + width - 1, row - 1, -1):
            if cells[at] == NOTHING:
                cells[at] = said
            else:
                said = cells[at]
    return cells


def _marks(followed: Followed, members: list[MemberState], window: Window) -> Iterator[Column]:
    """Where members took over others' weights; none at all where those are too many."""
    found = [
        (segment.start, segment.member, segment.parent.member, segment.entry)
        for m in members
        for segment in followed.own.get(m.id, ())
        if segment.exploit and segment.parent is not None and window.low <= segment.start <= window.high
    ]
    found = found if len(found) <= MARKS else []
    yield Column("exploit_step", "f8", array("d", [step for step, *_ in found]))
    for i, name in enumerate(("member", "parent", "entry"), 1):
        yield Column(f"exploit_{name}", "i4", array("i", [mark[i] for mark in found]))
