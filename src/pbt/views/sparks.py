"""Curves of a few letters: a lineage's scores and hyperparameters from its beginning to now."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pbt.population.entries import real
from pbt.population.member import MemberState
from pbt.population.schedule import schedule_of_member, values_at
from pbt.views.followed import Followed

GLYPHS = "▁▂▃▄▅▆▇█"


def spark(values: Sequence[float]) -> str:
    """A letter for each value, from the least to the greatest; a blank for one that is not finite."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    top = len(GLYPHS) - 1

    def glyph(value: float) -> str:
        if not math.isfinite(value):
            return " "
        share = 0.5 if low == high else (value / 2 - low / 2) / (high / 2 - low / 2)
        return GLYPHS[min(top, int(share * (top + 1)))]

    return "".join(map(glyph, values))


class Sparks:
    """The curves of a table of members, along each one's lineage, as wide as all steps so far.

    Args:
        width: letters; 0: none.
        chosen: hyperparameters that have one, besides the score.
    """

    def __init__(self, followed: Followed, width: int, chosen: Sequence[str]) -> None:
        self._followed = followed
        self._width = width
        self._chosen = chosen
        last = max(1, followed.last_step)
        self._steps = [last * (i + 1) / width for i in range(width)]

    def __call__(self, m: MemberState, name: str | None) -> str:
        """See `pbt.views.table.Curves`."""
        if not self._width or (name is not None and name not in self._chosen):
            return ""
        values = self._scores(m.id) if name is None else self._values(m, name)
        return f" {spark(values).ljust(self._width)}"

    def _scores(self, member: int) -> list[float]:
        """The last score of its lineage in each part of the steps, or the one before."""
        found = [math.nan] * self._width
        lineage = self._followed.lineage
        path = lineage.current[member].path() if member in lineage.current else []
        ends = [*(child.start for child in path[1:]), math.inf]
        scale = self._width / self._steps[-1]
        for segment, end in zip(path, ends, strict=True):
            for step, score in segment.scores:
                if step <= end:
                    found[min(self._width - 1, max(0, math.ceil(step * scale) - 1))] = real(score)
        reached = max((i for i, score in enumerate(found) if not math.isnan(score)), default=-1)
        for i in range(1, reached):
            if math.isnan(found[i]):
                found[i] = found[i - 1]
        return found[: reached + 1]

    def _values(self, m: MemberState, name: str) -> list[float]:
        pieces = schedule_of_member(self._followed.lineage, m.id)
        if not pieces:
            return []
        domain = self._followed.population.settings.space.domains[name]
        steps = [step for step in self._steps if step - self._steps[0] < max(m.step, 1)]
        held = [values_at(pieces, max(0, min(step, m.step) - 1))[name] for step in steps]
        return [domain.unit(value) for value in held]
