"""What holds of every lineage, whatever happened to its members."""

from __future__ import annotations

import itertools
import random

import pbt
from pbt.population.entries import Checkpoint, Created, Entry, real
from pbt.population.fold import refold
from pbt.population.lineage import Lineage, Segment
from pbt.population.population import Population
from pbt.settings import resolve, wanted


def whole(lineage: Lineage, checkpoint: Checkpoint) -> list[tuple[Segment, int]]:
    """The path to a checkpoint, whose segments cover [0, its step] without gap or overlap."""
    path = lineage.ancestry(checkpoint)
    assert path[0][0].start == 0
    assert path[-1][1] == checkpoint.step
    for (_, end), (after, _) in itertools.pairwise(path):
        assert after.start == end, "a lineage with a gap"
    return path


def drifted(members: int, rounds: int, seed: int = 0) -> Lineage:
    """A lineage of members of which each round a fifth take over others, by chance alone; a step is a round."""
    rng, lineage, values = random.Random(seed), Lineage(), {"lr": 0.1}
    for m in range(members):
        lineage.current[m] = Segment(m, 0, 1, changes=[(0, values)])
    lineage.segments += lineage.current.values()
    for step in range(1, rounds + 1):
        for m in range(members):
            lineage.current[m].end = step
            lineage.current[m].scores.append((step, rng.random()))
        ranked = sorted(range(members), key=lambda m: real(lineage.current[m].scores[-1][1]))
        k = members // 5 if step < rounds else 0
        for low, parent in zip(ranked[:k], rng.choices(ranked[members - k :], k=k) if k else [], strict=True):
            after = Segment(low, step, step + 1, lineage.current[parent], None, step, [(step, values)], exploit=True)
            lineage.segments.append(after)
            lineage.current[low] = after
    return lineage


def unranked(members: int) -> Population:
    """A population of a lineage that was made by hand: members, and no best."""
    asked = wanted(space={"lr": pbt.Float(1e-4, 1, log=True)}, members=members, steps=10**6, maximize=True, seed=1)
    return refold([Entry(0.0, Created(resolve(asked)))])
