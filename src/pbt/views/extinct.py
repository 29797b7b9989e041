"""The lines at a step that nobody goes on from, the best first, and what ended each of them."""

from __future__ import annotations

from pbt.population.lineage import Segment
from pbt.population.population import Population
from pbt.population.ranking import key_of
from pbt.space.numbers import number
from pbt.views.asked import Asked
from pbt.views.followed import Followed
from pbt.views.forest import Forest
from pbt.views.shapes import Extinct, ExtinctLine
from pbt.views.tree import score_at

MOST, LARGEST = 50, 500
"""Lines that are listed by default, and at most."""


def extinct(followed: Followed, asked: Asked) -> Extinct:
    """Those that stood at ``step``, without a living descendant: those that `pbt.views.tree` counts, and draws not.

    Raises:
        Invalid: there is no whole number ``step``.
    """
    step = asked.number("step")
    forest, population = followed.forest, followed.population
    current = {id(s) for s in forest.lineage.current.values()}
    gone = [
        segment
        for segment, living in zip(forest.lineage.segments, _living(forest, population), strict=True)
        if max(segment.start, living) <= step < segment.end + (id(segment) in current)
    ]
    scores = {id(segment): score_at(segment, segment.end) for segment in gone}
    maximize = population.settings.maximize
    gone.sort(key=lambda s: (key_of(scores[id(s)], maximize), s.entry, s.member))
    kept = gone[: asked.number("limit", MOST, 1, LARGEST)]
    lines = [_line(followed, segment, scores[id(segment)]) for segment in kept]
    return Extinct(followed.entry, step, len(gone), lines)


def _living(forest: Forest, population: Population) -> list[int]:
    """The step of each segment up to which a living member, or the best checkpoint, descends from it; -1: none does."""
    segments, found = forest.lineage.segments, [-1] * len(forest.parents)
    if population.best is not None:
        for segment, end in forest.lineage.ancestry(population.best):
            found[forest.place(segment)] = end
    for segment in forest.alive(population):
        found[forest.place(segment)] = segment.end + 1
    for at in range(len(found) - 1, -1, -1):  # a parent began before its children
        parent = forest.parents[at]
        if found[at] >= 0 and parent >= 0:
            found[parent] = max(found[parent], segments[at].start)
    return found


def _line(followed: Followed, segment: Segment, score: float) -> ExtinctLine:
    own = followed.own[segment.member]
    after = next((later for later in own if later.entry > segment.entry), None)
    parent = None if segment.parent is None else segment.parent.member
    ended = None if after is None else after.entry
    heir = None if after is None or after.parent is None else after.parent.member
    return ExtinctLine(segment.member, segment.start, segment.end, segment.entry, parent, number(score), ended, heir)
