"""Replays: fresh runs of a schedule without any selection, and how far they stay behind what PBT reached.

A replay is a population in which all members follow the schedule, each with its own seed. Its settings say where
the schedule was found, so its journal alone tells the replay gap.
"""

from __future__ import annotations

import math
from collections import Counter
from statistics import mean, stdev
from typing import Any, NamedTuple

from pbt.population.entries import number, real
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.schedules.schedule import Origin

ENOUGH = 3
"""Replays from which on their spread is judged by."""
FAR = 2.0
"""Spreads of the replays beyond which a gap is more than their chance."""


class Replay(NamedTuple):
    """Fresh runs of a schedule.

    Attributes:
        origin: what the schedule led to in its population.
        scores: of each run, by its member's id, at the origin's step; None: it is not there yet, or was given other
            weights because its workers kept dying. They may be nan and infinite.
    """

    origin: Origin
    scores: tuple[float | None, ...]

    @property
    def finite(self) -> list[float]:
        """The scores that can be reckoned with."""
        return [score for score in self.scores if score is not None and math.isfinite(score)]

    @property
    def mean(self) -> float | None:
        """Of the finite scores; None: there is none."""
        return mean(self.finite) if self.finite else None

    @property
    def spread(self) -> float | None:
        """The standard deviation of the finite scores, from run to run; None: there are fewer than two."""
        return stdev(self.finite) if len(self.finite) > 1 else None

    @property
    def gap(self) -> float | None:
        """How much better the origin's result is than the mean: positive where it is better, None without scores."""
        middle, best = self.mean, self.origin.score
        if middle is None or best is None:
            return None
        return best - middle if self.origin.maximize else middle - best

    @property
    def reached(self) -> int:
        """How many of the runs did at least as well as the origin."""
        best, sign = self.origin.score, 1 if self.origin.maximize else -1
        return 0 if best is None else sum(sign * score >= sign * best for score in self.finite)

    def sentence(self) -> str:
        """What part was luck, judged by how far the runs lie apart."""
        gap, spread, runs = self.gap, self.spread, len(self.finite)
        if gap is None:
            return "No replay has a finite score yet."
        if spread is None:
            return "One replay does not tell how far replays lie apart: run more seeds."
        if spread == gap == 0:
            return "The replays are exact: the schedule alone gives the score, and nothing of it was luck."
        done = f"{self.reached} of {runs} replays did at least as well as the run in which it was found"
        if runs < ENOUGH:
            return f"{done}: {runs} are too few to tell how far replays lie apart; run {ENOUGH} seeds or more."
        if gap > FAR * spread:
            return (
                f"{done}: the schedule alone explains its score only up to the gap. The rest was luck, of noisy scores "
                "of which the best was taken and of weights that only that run had, or what a schedule does not hold."
            )
        if gap > spread or (gap > 0 and not self.reached):
            return f"{done}: its score lies at the edge of what the schedule gives, and some of the gap was luck."
        if gap >= -spread:
            return f"{done}: its score is as those of the replays. The schedule explains it, and no luck shows."
        return f"{done}: the schedule is better than the run in which it was found."

    def json(self) -> dict[str, Any]:
        """As plain data, for programs: see docs/home.md."""
        said = {"mean": self.mean, "spread": self.spread, "gap": self.gap}
        return {
            "origin": self.origin.plain(),
            "scores": [None if score is None else number(score) for score in self.scores],
            **{name: None if value is None else number(value) for name, value in said.items()},
            "reached": self.reached, "sentence": self.sentence(),
        }  # fmt: skip


def replay_of(population: Population, lineage: Lineage) -> Replay | None:
    """The replay that a population is; None: it is none."""
    record = population.settings.strategy
    said = record.parameters.get("origin") if record.name == "follow" else None
    if not said or record.parameters.get("followers") is not None:
        return None
    score = said.get("score")
    origin = Origin(
        said.get("population"), said["member"], said["step"], None if score is None else real(score), said["maximize"]
    )
    begun = Counter(segment.member for segment in lineage.segments)
    scores = (_reached(lineage, m.id, origin.step) if begun[m.id] == 1 else None for m in population.members)
    return Replay(origin, tuple(scores))


def _reached(lineage: Lineage, member: int, step: int) -> float | None:
    return next((real(score) for at, score in lineage.current[member].scores if at >= step), None)
