"""The health of a population: what happened out of the ordinary, who waits, exploits, diversity, waits, checkpoints."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable

from pbt.population.entries import number
from pbt.population.population import Population
from pbt.views.asked import Asked
from pbt.views.bins import Binned, Window
from pbt.views.chains import chains, spans_of
from pbt.views.clades import choose
from pbt.views.followed import Followed
from pbt.views.forest import presence
from pbt.views.judge import in_training, lacking_a_worker, states_of
from pbt.views.signs import (
    Checkpoints,
    Curve,
    Diversity,
    Happened,
    Health,
    Holding,
    Kind,
    Rate,
    Waiting,
    Waits,
)

BINS = 120
"""Of each curve at most."""
EVENTS, LEASES, NAMED = 100, 50, 50
"""That are listed at most; `NAMED`: members of a group."""
_COPIES = 3
"""Checkpoints of a member at most: the newest, the one before it, one being published."""


def health(followed: Followed, asked: Asked) -> Health:
    """The health as of the last entry."""
    population, vitals = followed.population, followed.vitals
    low, high = asked.window(followed.last_step)
    window = Window.of(low, high, asked.number("width", BINS, 1, BINS))
    latest = list(vitals.incidents)[-EVENTS:][::-1]
    return Health(
        followed.entry,
        [Kind(kind, n) for kind, n in sorted(vitals.counts.items())],
        [Happened(i.entry, i.time, i.kind, i.member, i.sentence) for i in latest],
        list(_waiting(followed)),
        *_leases(followed),
        _rate(followed, window),
        _diversity(followed, window),
        _waits(followed),
        _checkpoints(population),
    )


def _waiting(followed: Followed) -> Iterable[Waiting]:
    population = followed.population
    if population.finished:
        return
    states = states_of(population, followed.held)
    paused = [m.id for m, state in zip(population.members, states, strict=True) if state == "paused"]
    due = [m.id for m in population.members if not (m.done or m.paused or m.owed) and m.due]
    owed = [m.id for m in population.members if not m.done and m.owed]
    free = lacking_a_worker(population, states)
    training = sum(state == "training" for state in states)
    barrier = f"a decision, until {training} still training have reported" if training else "a decision"
    computed = "hyperparameters, which are being computed"
    resumed = f"somebody to resume {'it' if len(paused) == 1 else 'them'}"
    for what, ids in ((barrier, due), (computed, owed), ("a worker", free), (resumed, paused)):
        if ids:
            yield Waiting(what, len(ids), ids[:NAMED])


def _leases(followed: Followed) -> tuple[int, list[Holding]]:
    """How many leases run, and those without a sign for longest."""
    found = []
    for m in in_training(followed.population, followed.held):
        assert m.lease is not None
        began = followed.vitals.leased.get(m.id)
        last = max((t for t in (began, followed.heard.get(m.id)) if t is not None), default=None)
        found.append((math.inf if last is None else last, Holding(m.id, m.lease.number, m.step, began, last)))
    found.sort(key=lambda pair: (pair[0], pair[1].member))
    return len(found), [holding for _, holding in found[:LEASES]]


def _rate(followed: Followed, window: Window) -> Rate:
    """The share of decisions that were exploits, over steps."""
    vitals = followed.vitals
    every = Binned(window, vitals.steps)
    taken = Binned(window, array("d", [s for s, e in zip(vitals.steps, vitals.exploits, strict=True) if e]))
    decided, exploits = every.counts(), taken.counts()
    shares = [e / d if d else None for e, d in zip(exploits, decided, strict=True)]
    total = len(vitals.steps)
    return Rate(total, sum(vitals.exploits), Curve(list(window.centres), shares))


def _diversity(followed: Followed, window: Window) -> Diversity:
    """Lineages of today's members over steps, and how far back they meet."""
    population, forest = followed.population, followed.forest
    alive = forest.alive(population)
    (lineages,) = presence(window, spans_of(chains(alive, [])))
    ancestor = followed.lineage.common_ancestor([segment.member for segment in alive])
    mean = sum(segment.end for segment in alive) / len(alive) if alive else 0.0
    since = None if ancestor is None else max(0.0, mean - ancestor[1])
    interval = population.settings.interval
    chosen = choose(forest, window)
    owners = {chosen.owner[forest.place(segment)] for segment in alive}
    return Diversity(
        len(alive), None if ancestor is None else ancestor[0].member, None if ancestor is None else ancestor[1], since,
        None if since is None or not interval else since / interval, len(owners),
        Curve(list(window.centres), [float(n) for n in lineages]),
    )  # fmt: skip


def _waits(followed: Followed) -> Waits:
    """Seconds between two reports of a member, over time."""
    vitals = followed.vitals
    if not vitals.times:
        return Waits(0, [], [], [], [], [])
    first, last = vitals.times[0], max(vitals.times)
    millis = array("d", [1000 * (t - first) for t in vitals.times])
    window = Window.of(0, math.ceil(1000 * (last - first)), BINS // 2)
    binned = Binned(window, millis)
    found = binned.quantiles(array("d", vitals.waits))
    columns = [[None if x != x else number(x) for x in column] for column in zip(*found, strict=True)]
    return Waits(
        len(vitals.times),
        [first + c / 1000 for c in window.centres],
        binned.counts(),
        columns[1],
        columns[2],
        columns[4],
    )


def _checkpoints(population: Population) -> Checkpoints:
    return Checkpoints(len(population.referenced()), _COPIES * len(population.members) + 1 + len(population.pins))
