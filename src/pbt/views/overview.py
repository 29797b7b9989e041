"""A population in a line of the list of all, and in short."""

from __future__ import annotations

import time
from bisect import bisect_right

from pbt.errors import PBTError
from pbt.population.entries import Number, number
from pbt.population.population import Population
from pbt.strategies.registry import bare
from pbt.views.asked import Asked
from pbt.views.followed import Followed
from pbt.views.judge import in_training, lacking_a_worker, notes_on, state_of, states_of
from pbt.views.shapes import Ancestor, BestSoFar, Line, Span, Spark, Summary, Top, Warned

_SPARK = 60
_WARNINGS = 50
"""Warnings that are told at most."""


_LATE = 60.0
"""Seconds: what was read so far of a journal is older than that, and does not tell how the population stands."""


def state_of_all(followed: Followed) -> str:
    """The state of a population in one word: see `Line`."""
    if not followed.exists:
        return "empty"
    population = followed.population
    if followed.behind and time.time() - (followed.last or 0.0) > _LATE:
        return "reading"
    if population.finished:
        return "finished"
    return "training" if any(True for _ in in_training(population, followed.held)) else "waiting"


def top_of(population: Population) -> Top | None:
    """The best score so far."""
    best = population.best
    return None if best is None else Top(best.score, best.member, best.step)


def line(name: str, followed: Followed) -> Line:
    """A population in the list of all."""
    if not followed.exists:
        return Line(name, "empty")
    p = followed.population
    return Line(
        name, state_of_all(followed), len(p.members), p.settings.steps, top_of(p), p.settings.strategy.name,
        p.settings.maximize, p.count, followed.last, age(followed.last), spark_of_best(followed),
        followed.exploits, followed.last_step,
    )  # fmt: skip


def age(then: float | None) -> float | None:
    """Seconds since then, not below 0: clocks differ."""
    return None if then is None else round(max(0.0, time.time() - then), 3)


def spark_of_best(followed: Followed, most: int = _SPARK) -> Spark:
    """The best score so far when the furthest member stood at each of at most `most` steps at equal distances."""
    records, last = followed.records, followed.last_step
    n = min(most, last + 1) if records else 0
    furthest = [step for step, _ in records]
    found: Spark = []
    for i in range(n):
        at = bisect_right(furthest, last * (i + 1) / n) - 1
        best = records[at][1] if at >= 0 else None
        found.append(None if best is None or best != best else drawn(best))
    return found


def drawn(x: float) -> Number:
    """A number of a small picture: six digits are more than can be seen."""
    return number(float(f"{x:.6g}"))


def summary(name: str, followed: Followed, asked: Asked, strategies: frozenset[str]) -> Summary:
    """A population in short.

    Args:
        strategies: names of those that may be imported to describe themselves.
    """
    if not followed.exists:
        return Summary(name, 0, "empty")
    p, best = followed.population, followed.population.best
    steps = [m.step for m in p.members]
    ancestor = followed.lineage.common_ancestor([m.id for m in p.members if not m.failed])
    return Summary(
        name, p.count, state_of_all(followed), p.settings, len(p.members), p.living,
        sum(state_of(p, m) == "waiting" for m in p.members),
        sum(m.done and not m.failed for m in p.members), sum(m.failed for m in p.members), p.reports, followed.exploits,
        None if best is None else BestSoFar(best.score, best.member, best.step, best.hyperparameters, best.id),
        Span(min(steps), max(steps)) if steps else None, followed.last_step,
        None if ancestor is None else Ancestor(ancestor[0].member, ancestor[1]),
        followed.first, followed.last, _described(p, strategies),
        [Warned(note.what, note.do) for note, _ in zip(notes_on(p), range(_WARNINGS), strict=False)],
        sum(m.paused and not m.done for m in p.members), len(lacking_a_worker(p, states_of(p, followed.held))),
        max(followed.heard.values(), default=None),
    )  # fmt: skip


def _described(population: Population, strategies: frozenset[str]) -> str:
    """No strategy is imported because a journal names it."""
    record = population.settings.strategy
    if record.name not in strategies:
        return record.name
    try:
        return bare(record).describe(population)
    except PBTError:
        return record.name
