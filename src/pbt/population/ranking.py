"""The ranking: an ordered tuple of (key, member), kept sorted as scores come in.

The key is the score with its sign turned so that smaller is better; a score that is not finite gets
+infinity and so stands behind every other. Equal keys: the lower id ranks higher.
"""

from __future__ import annotations

import math
from bisect import bisect_left

from pbt.space.numbers import Number, real

Ranked = tuple[tuple[float, int], ...]


def key_of(score: Number | None, maximize: bool) -> float:
    """The place of a score: smaller is better, infinity is worst. No infinity ever wins."""
    x = real(score)
    if not math.isfinite(x):
        return math.inf
    return -x if maximize else x


def insert(ranked: Ranked, key: float, member: int) -> Ranked:
    """`ranked` with one member more."""
    at = bisect_left(ranked, (key, member))
    return (*ranked[:at], (key, member), *ranked[at:])


def remove(ranked: Ranked, key: float, member: int) -> Ranked:
    """`ranked` without that member."""
    at = bisect_left(ranked, (key, member))
    return ranked[:at] + ranked[at + 1 :]
