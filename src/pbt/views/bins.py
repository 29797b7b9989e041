"""Steps in equal bins, and in each bin quantiles, shares and counts of what was reported there.

With NumPy, if it is installed, else in plain Python: the same numbers, at 1,000,000 reports some ten times slower.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

try:
    import numpy as np
except ImportError:  # an installation without the extra "page"
    np = None  # type: ignore[assignment]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FAR = 6
"""Times the spread of most values, beyond which the outermost ones are not drawn: one model that diverged."""
_FEW = 0.01
NAN = math.nan


@dataclass(frozen=True)
class Window:
    """Whole steps from `low` to `high`, both included, in `n` equal bins."""

    low: int
    high: int
    n: int

    @staticmethod
    def of(low: int, high: int, most: int) -> Window:
        """At most `most` bins, and none that is narrower than a step."""
        return Window(low, high, max(1, min(most, high - low + 1)))

    @property
    def size(self) -> float:
        """Steps in a bin."""
        return (self.high - self.low + 1) / self.n

    @property
    def centres(self) -> array[float]:
        """The middle of each bin's steps."""
        return array("d", [self.low + (i + 0.5) * self.size - 0.5 for i in range(self.n)])

    def place(self, step: float) -> int:
        """The bin of a step; -1 outside the window."""
        return min(self.n - 1, int((step - self.low) / self.size)) if self.low <= step <= self.high else -1


class Binned:
    """Reports by the bins of their steps.

    Args:
        steps: of all reports, in any order.
        plain: without NumPy even where that is installed.
    """

    def __init__(self, window: Window, steps: array[float], plain: bool = False) -> None:
        self.window = window
        self._numpy = np is not None and not plain
        self._order: Any
        if not self._numpy:
            place = window.place
            self._at = [place(step) for step in steps]
            return
        x = np.frombuffer(steps, dtype=np.float64) if len(steps) else np.zeros(0)
        inside = np.flatnonzero((x >= window.low) & (x <= window.high))
        at = np.minimum(((x[inside] - window.low) / window.size).astype(np.int64), window.n - 1).astype(np.uint16)
        order = np.argsort(at, kind="stable")
        self._order, self._places = inside[order], at[order]
        self._cuts = np.searchsorted(self._places, np.arange(window.n + 1))

    def counts(self) -> list[int]:
        """Reports in each bin, whatever they say."""
        if self._numpy:
            return [int(x) for x in np.diff(self._cuts)]
        found = [0] * self.window.n
        for at in self._at:
            if at >= 0:
                found[at] += 1
        return found

    def bad(self, values: array[float]) -> list[int]:
        """Values in each bin that are not finite."""
        if self._numpy:
            y = (np.frombuffer(values, dtype=np.float64) if len(values) else np.zeros(0))[self._order]
            return [int(x) for x in np.bincount(self._places[~np.isfinite(y)], minlength=self.window.n)]
        found = [0] * self.window.n
        for at, value in zip(self._at, values, strict=True):
            if at >= 0 and not math.isfinite(value):
                found[at] += 1
        return found

    def quantiles(self, values: array[float]) -> list[list[float]]:
        """For each bin the `QUANTILES`, the least and the greatest of the finite values; nan where there is none."""
        return [_summary(group) for group in self._groups(values)]

    def shares(self, values: array[float], n: int) -> list[list[float]]:
        """For each bin the share of each index from 0 to `n` - 1 among the values; nan where there is none."""
        found = []
        for group in self._groups(values):
            total = len(group)
            if self._numpy:
                counts = np.bincount(np.asarray(group, dtype=np.int64), minlength=n)[:n].tolist() if total else [0] * n
            else:
                counts = [0] * n
                for value in group:
                    counts[int(value)] += 1
            found.append([count / total if total else NAN for count in counts])
        return found

    def density(self, values: array[float], low: float, high: float, rows: int) -> list[int]:
        """Counts by row (the lowest values first) and bin, row by row; values outside `low` to `high` at the edges."""
        n, scale = self.window.n, rows / (high - low) if high > low else 0.0
        found = [0] * (n * rows)
        for at, group in enumerate(self._groups(values)):
            if self._numpy:
                if not len(group):
                    continue
                row = np.clip(((group - low) * scale).astype(np.int64), 0, rows - 1)
                for r, count in enumerate(np.bincount(row, minlength=rows).tolist()):
                    found[r * n + at] = count
            else:
                for value in group:
                    found[min(rows - 1, max(0, int((value - low) * scale))) * n + at] += 1
        return found

    def extent(self, values: array[float]) -> tuple[float, float] | None:
        """The least and the greatest finite value; None: there is none.

        Where few values lie so far out that all others would be in one row, those are left out: see `FAR`.
        """
        found = [group for group in self._groups(values) if len(group)]
        if not found:
            return None
        last = sum(map(len, found)) - 1
        places = [0, round(_FEW * last), round((1 - _FEW) * last), last]
        ordered: Any
        if self._numpy:
            ordered = np.partition(np.concatenate(found), places)
        else:
            ordered = sorted(value for group in found for value in group)
        low, inner, outer, high = (float(ordered[place]) for place in places)
        far = FAR * (outer - inner)
        return inner if inner - low > far > 0 else low, outer if high - outer > far > 0 else high

    def _groups(self, values: array[float]) -> Sequence[Any]:
        """The finite values of each bin."""
        if self._numpy:
            y = (np.frombuffer(values, dtype=np.float64) if len(values) else np.zeros(0))[self._order]
            parts = np.split(y, self._cuts[1:-1])
            return [part[np.isfinite(part)] for part in parts]
        groups: list[list[float]] = [[] for _ in range(self.window.n)]
        for at, value in zip(self._at, values, strict=True):
            if at >= 0 and math.isfinite(value):
                groups[at].append(value)
        return groups


def _summary(group: Any) -> list[float]:
    if not len(group):
        return [NAN] * (len(QUANTILES) + 2)
    ordered = np.sort(group).tolist() if np is not None and isinstance(group, np.ndarray) else sorted(group)
    return [*(quantile(ordered, q) for q in QUANTILES), ordered[0], ordered[-1]]


def quantile(ordered: Sequence[float], q: float) -> float:
    """A quantile of sorted numbers, between two of them in proportion (type 7 of Hyndman and Fan 1996)."""
    place = q * (len(ordered) - 1)
    low = int(place)
    part = place - low
    a = ordered[low]
    return a if part == 0 else a * (1 - part) + ordered[low + 1] * part
