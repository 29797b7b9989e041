"""A population's whole history for pictures, read once, and its bands, thinned curves and ending.

Needs NumPy, which comes with matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pbt.coordinator.follower import Follower
from pbt.journals.journal import Reads
from pbt.population.entries import Entry, real
from pbt.population.lineage import Lineage, Segment
from pbt.population.population import Population

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_TOLD = 1000
"""Entries between two progress calls."""
FORGET_EVERY = 50_000
"""Entries between two removals of checkpoints that no decision can name any longer."""
_FAR = 1e300
BINS = 240
"""Places along the steps at which quantiles are taken: more than are to be told apart in a picture."""


class Ending(NamedTuple):
    """The fate of the member that wrote the best checkpoint, after it.

    Attributes:
        segment: in which the best was written.
        step: the last one of that segment.
        why: it ends there, in words.
        kind: "taken" over other weights, "ended", or "trained" on.
    """

    segment: Segment
    step: int
    why: str
    kind: str


@dataclass
class History:
    """The data of pictures: the population and its lineage."""

    population: Population
    lineage: Lineage

    @staticmethod
    def read(journal: Reads, tell: Callable[[int], None] = lambda n: None) -> History:
        """From a journal.

        Args:
            tell: is called now and then with the number of entries that were read.

        Raises:
            Uncreated: nothing was created yet.
        """
        follower, lineage = Follower(journal), Lineage()

        def count(before: Population | None, entry: Entry, after: Population) -> None:
            if after.count % _TOLD == 0:
                tell(after.count)
            if after.count % FORGET_EVERY == 0:
                lineage.forget(after)

        follower.listen(lineage.follow)
        follower.listen(count)
        follower.catch_up()
        return History(follower.population, lineage)

    @property
    def exploits(self) -> int:
        """How often a member took over another one's weights."""
        return self.lineage.exploits

    @cached_property
    def last(self) -> int:
        """The last step that was reported."""
        return max((segment.end for segment in self.lineage.segments), default=0)

    def way(self) -> list[tuple[Segment, int]]:
        """The segments that led to the best checkpoint, each with the step at which it was left; empty without one."""
        best = self.population.best
        return [] if best is None else self.lineage.ancestry(best)

    @cached_property
    def ending(self) -> Ending | None:
        """The fate of the member that wrote the best checkpoint; None without one."""
        way = self.way()
        if not way:
            return None
        segment = way[-1][0]
        return Ending(segment, segment.end, *self._why(segment))

    def _why(self, segment: Segment) -> tuple[str, str]:
        m = self.population.members[segment.member]
        name = f"member {segment.member}"
        own = [s for s in self.lineage.segments if s.member == segment.member]
        after = own[own.index(segment) + 1 :]
        if after:
            parent = after[0].parent
            if parent is None:
                return f"{name} was begun anew at step {segment.end:,}", "taken"
            whose = "its own earlier" if parent.member == segment.member else f"member {parent.member}'s"
            return f"{name} took over {whose} weights at step {segment.end:,}", "taken"
        steps = self.population.settings.steps
        if m.failed:
            return f"{name} was stopped at step {segment.end:,}: its workers kept failing", "ended"
        if steps is not None and segment.end >= steps:
            return f"{name} ended at step {segment.end:,}, its last", "ended"
        if self.population.reached:
            return f"the goal was reached, {name} at step {segment.end:,}", "ended"
        if m.done:
            return f"{name} was finished at step {segment.end:,}", "ended"
        return f"{name} is at step {segment.end:,}, to be trained on", "trained"


def drawable(y: float) -> float:
    """A value that axes can reckon with."""
    return min(max(y, -_FAR), _FAR)


def finite(scores: Iterable[tuple[int, float | str]]) -> list[tuple[float, float]]:
    """Those points that can be drawn."""
    return [(float(step), drawable(y)) for step, score in scores if math.isfinite(y := real(score))]  # type: ignore[arg-type]


def thinned(points: Sequence[tuple[float, float]], most: int) -> Sequence[tuple[float, float]]:
    """At most about `most` points of a long curve: the lowest and the highest of each piece, which keep its look."""
    if len(points) <= most:
        return points
    width = -(-2 * len(points) // most)
    found: list[tuple[float, float]] = []
    for at in range(0, len(points), width):
        piece = range(at, min(at + width, len(points)))
        low, high = min(piece, key=lambda i: points[i][1]), max(piece, key=lambda i: points[i][1])
        found.extend(points[i] for i in sorted({low, high}))
    return found


class Band(NamedTuple):
    """Quantiles over steps: of each place in `steps`, a row of `values` for each quantile asked for."""

    steps: Array
    values: Array


def band_of_points(points: Array, quantiles: Sequence[float]) -> Band:
    """Quantiles of (step, value) rows, by step or, where those are too many, by ranges of steps."""
    import numpy as np

    steps = np.unique(points[:, 0])
    if len(steps) > BINS:
        edges = np.linspace(steps[0], steps[-1], BINS + 1)
        at = np.clip(np.searchsorted(edges, points[:, 0], "right") - 1, 0, BINS - 1)
        steps = (edges[:-1] + edges[1:]) / 2
    else:
        at = np.searchsorted(steps, points[:, 0])
    return _quantiles(steps, at, points[:, 1], quantiles)


def places(last: int) -> Array:
    """Steps at which the values in force are sampled."""
    import numpy as np

    return np.arange(last) if last <= BINS else np.unique(np.linspace(0, last - 1, BINS).astype(int))


def in_force(pieces: Array, steps: Array) -> tuple[Array, Array]:
    """Of rows (from step, to step, value): for each place in `steps` at which a row holds, that place and the value."""
    import numpy as np

    first, behind = np.searchsorted(steps, pieces[:, 0]), np.searchsorted(steps, pieces[:, 1])
    counts = np.maximum(behind - first, 0)
    begins = np.repeat(first - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    return begins + np.arange(counts.sum()), np.repeat(pieces[:, 2], counts)


def band_in_force(pieces: Array, last: int, quantiles: Sequence[float]) -> Band:
    """Quantiles of the values in force over steps."""
    steps = places(last)
    at, values = in_force(pieces, steps)
    return _quantiles(steps, at, values, quantiles)


def _quantiles(steps: Array, at: Array, values: Array, quantiles: Sequence[float]) -> Band:
    import numpy as np

    order = np.argsort(at, kind="stable")
    groups, begins = np.unique(at[order], return_index=True)
    found = [np.quantile(group, quantiles) for group in np.split(values[order], begins[1:])]
    return Band(steps[groups], np.array(found).reshape(len(groups), len(quantiles)).T)


def pieces_of(segments: Iterable[Segment], name: str, height: Callable[[Any], float]) -> Array:
    """(from step, to step, value) of everything that was trained with a hyperparameter."""
    import numpy as np

    rows = [
        (at, end, height(values[name]))
        for segment in segments
        for (at, values), end in zip(
            segment.changes, [*(step for step, _ in segment.changes[1:]), segment.end], strict=True
        )
        if end > at
    ]
    return np.array(rows, dtype=float).reshape(-1, 3)
