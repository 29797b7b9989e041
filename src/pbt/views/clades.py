"""Clades: what descends from a few segments, chosen so that they tell most, and their shares of the population."""

from __future__ import annotations

import heapq
from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pbt.population.population import Population
from pbt.views.asked import Asked
from pbt.views.bins import NAN, Window
from pbt.views.columns import Column
from pbt.views.columns import encode as columns
from pbt.views.followed import Followed
from pbt.views.forest import Forest, presence

MOST = 12
"""Clades that are told apart by default; all else are the others."""
WIDEST = 300
"""Bins at most."""
_SMALLEST, _LOOKED = 0.002, 2000
"""Of all steps in the window, what a clade has to tell; and how many segments, the largest, are looked at."""


@dataclass(frozen=True)
class Clade:
    """A segment and what descends from it, but for the clades within it.

    Attributes:
        root: the segment's place in the forest.
        within: the clade, by its place in the list, from which it comes; -1: from none that is told.
    """

    root: int
    within: int


@dataclass(frozen=True)
class Clades:
    """Some clades, each after the one that it is within.

    Attributes:
        owner: of each segment the clade that it belongs to; `len(found)`: the others.
    """

    found: list[Clade]
    owner: list[int]

    @cached_property
    def order(self) -> list[int]:
        """The places in a stack from the bottom up: each clade, and the others, before and after what is within it."""
        others = len(self.found)
        inside: dict[int, list[int]] = {}
        for k, clade in enumerate(self.found):
            inside.setdefault(clade.within if clade.within >= 0 else others, []).append(k)
        found, stack = [], [(others, False)]
        while stack:
            k, left = stack.pop()
            found.append(k)
            if not left:
                stack += [(k, True), *((child, False) for child in reversed(inside.get(k, [])))]
        return found


def choose(forest: Forest, window: Window, most: int = MOST) -> Clades:
    """The largest clade first, then whichever divides what is there most evenly, measured in trained steps.

    A founder alone would tell nothing: soon all members descend from one. So clades are found within clades.
    """
    totals, known = _totals(forest, window)
    roots = _picked(forest, totals, known, most)
    number = {root: k for k, root in enumerate(sorted(roots))}
    owner, others = [0] * len(forest.parents), len(number)
    found: list[Clade] = []
    for at, parent in enumerate(forest.parents):
        inherited = others if parent < 0 else owner[parent]
        if at in number:
            found.append(Clade(at, -1 if inherited == others else inherited))
        owner[at] = number.get(at, inherited)
    return Clades(found, owner)


def _totals(forest: Forest, window: Window) -> tuple[list[int], list[int]]:
    """Steps in the window that each segment and its descendants were trained; the segments that may found a clade."""
    own = [min(s.end, window.high + 1) - max(s.start, window.low) for s in forest.lineage.segments]
    totals = [max(0, steps) for steps in own]
    whole = sum(totals)
    for at in range(len(totals) - 1, -1, -1):
        if forest.parents[at] >= 0:
            totals[forest.parents[at]] += totals[at]
    least = max(1.0, _SMALLEST * whole)
    known = [at for at, steps in enumerate(own) if steps >= 0 and totals[at] >= least]
    return totals, sorted(heapq.nlargest(_LOOKED, known, key=totals.__getitem__))


def _picked(forest: Forest, totals: list[int], known: list[int], most: int) -> set[int]:
    """The roots of clades, at most so many."""
    above = _nearest(forest, known)
    least = _SMALLEST * sum(totals[at] for at in known if above[at] < 0)
    picked: set[int] = set()
    while len(picked) < most:
        inner, left = _inner(known, above, picked, totals)
        gain, root = 0.0, -1
        for at in known:
            if at in picked:
                continue
            own, within = totals[at] - inner[at], left[at]
            told = own if within < 0 else min(own, totals[within] - inner[within] - own)
            if told > gain:
                gain, root = told, at
        if root < 0 or gain < least:
            return picked
        picked.add(root)
    return picked


def _nearest(forest: Forest, known: list[int]) -> dict[int, int]:
    """Of each of these segments the nearest ancestor among them; -1: there is none."""
    among, found = set(known), {}
    for at in known:
        up = forest.parents[at]
        while up >= 0 and up not in among:
            up = forest.parents[up]
        found[at] = up
    return found


def _inner(
    known: list[int], above: dict[int, int], picked: set[int], totals: list[int]
) -> tuple[dict[int, int], dict[int, int]]:
    """Steps of the picked clades right within each segment's, and the picked clade that each segment belongs to."""
    inner, within = dict.fromkeys(known, 0), {-1: -1}
    for at in reversed(known):
        if above[at] >= 0:
            inner[above[at]] += totals[at] if at in picked else inner[at]
    for at in known:
        within[at] = at if at in picked else within[above[at]]
    return inner, within


def described(forest: Forest, chosen: Clades, population: Population) -> list[dict[str, Any]]:
    """Of each clade: the member, the step and the entry with which it began, what it is within, who lives of it."""
    living = [0] * (len(chosen.found) + 1)
    for segment in forest.alive(population):
        living[chosen.owner[forest.place(segment)]] += 1
    segments = forest.lineage.segments
    return [
        {
            "member": segments[clade.root].member, "step": segments[clade.root].start,
            "entry": segments[clade.root].entry, "within": clade.within, "living": living[k],
        }
        for k, clade in enumerate(chosen.found)
    ]  # fmt: skip


def shares(forest: Forest, chosen: Clades, window: Window) -> list[list[float]]:
    """Of each clade, and last of the others, the share of the members in each bin; nan where there is none."""
    counts = presence(window, forest.spans(), chosen.owner, len(chosen.found) + 1)
    totals = [sum(column) for column in zip(*counts, strict=True)]
    return [[n / total if total else NAN for n, total in zip(row, totals, strict=True)] for row in counts]


def clades(followed: Followed, asked: Asked) -> bytes:
    """Columns of shares, one for each clade and the last for the others; ``order`` says how they are stacked."""
    low, high = asked.window(followed.last_step)
    window = Window.of(low, high, asked.number("width", WIDEST, 1, WIDEST))
    forest = followed.forest
    chosen = choose(forest, window, asked.number("most", MOST, 1, MOST))
    found = [Column("step", "f8", window.centres)]
    found += [Column(f"share/{k}", "f4", array("f", row)) for k, row in enumerate(shares(forest, chosen, window))]
    meta = {
        "from": low, "to": high, "order": chosen.order,
        "clades": described(forest, chosen, followed.population),
    }  # fmt: skip
    return columns(followed.entry, found, meta)
