"""How many reports lie where: counts by score and step, as a raster."""

from __future__ import annotations

from array import array

from pbt.views.asked import Asked
from pbt.views.bins import Binned
from pbt.views.columns import Column
from pbt.views.columns import encode as columns
from pbt.views.followed import Followed
from pbt.views.series import window_of

TALLEST, LARGEST, MOST = 1000, 500_000, 65_535
"""Rows, cells, and a cell's count."""


def density(followed: Followed, asked: Asked) -> bytes:
    """A column of counts, row by row, the lowest scores first; a count beyond 65,535 is told as that.

    ``low`` and ``high`` of the rows are the least and the greatest finite score in the window, unless a few lie far
    from all others, which then count to the outermost row.
    """
    window = window_of(followed, asked)
    rows = asked.number("height", 200, 1, min(TALLEST, max(1, LARGEST // window.n)))
    binned = Binned(window, followed.steps)
    extent = binned.extent(followed.scores)
    low, high = extent or (0.0, 0.0)
    counts = binned.density(followed.scores, low, high, rows) if extent else [0] * (window.n * rows)
    meta = {
        "from": window.low, "to": window.high, "width": window.n, "height": rows,
        "low": low if extent else None, "high": high if extent else None, "log": False,
    }  # fmt: skip
    return columns(followed.entry, [Column("count", "u2", array("H", [min(MOST, n) for n in counts]))], meta)
