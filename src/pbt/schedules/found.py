"""Schedules that a population found, with where they come from."""

from __future__ import annotations

from pbt.population.entries import real
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.schedule import schedule, schedule_of_member
from pbt.schedules.schedule import Origin, Schedule


def of_best(population: Population, lineage: Lineage, name: str | None) -> Schedule | None:
    """The schedule that led to the best checkpoint; None: there is none with a finite score."""
    best = population.best
    if best is None:
        return None
    origin = Origin(name, best.member, best.step, real(best.score), population.settings.maximize)
    return Schedule(schedule(lineage, best), origin)


def of_member(population: Population, lineage: Lineage, name: str | None, member: int) -> Schedule | None:
    """The schedule along a member's lineage, up to the values in force; None: they are still owed.

    Raises:
        UnknownMember: there is no such member.
    """
    m = population.member(member)
    pieces = schedule_of_member(lineage, m.id)
    score = None if m.score is None else real(m.score)
    return Schedule(pieces, Origin(name, m.id, m.step, score, population.settings.maximize)) if pieces else None
