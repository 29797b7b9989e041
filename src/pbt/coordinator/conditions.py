"""Changes from outside that decide nothing by themselves: pauses, pins, bounds, the number of steps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pbt.coordinator import effects
from pbt.coordinator.plan import Plan, named, source_of
from pbt.errors import Conflict, Invalid, SpaceError
from pbt.population.changes import Bound, Members, Pause, Pin, Resume, Steps, Unpin
from pbt.population.entries import LARGEST
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.steered import with_bounds
from pbt.space.domains import Float, Int
from pbt.strategies.registry import bare

MOST_PINS = 32
"""Checkpoints that may be pinned at once."""


def pause(population: Population, change: Pause) -> Plan:
    """No decisions until resumed."""
    members = named(population, change.members, lambda m: not m.done)
    found = [m for m in members if not m.done and not m.paused]
    if not found or population.reached:
        raise Conflict("of these none is trained, or all are paused already: there is nothing to pause")
    return Plan({"pause": [m.id for m in found]}, effects.paused(population, found), _paused(change.members, members))


def resume(population: Population, change: Resume) -> Plan:
    """Decisions again, on those that wait at once."""
    members = named(population, change.members, lambda m: m.paused)
    found = [m for m in members if m.paused]
    if not found:
        raise Conflict("none of these is paused: there is nothing to resume")
    return Plan({"resume": [m.id for m in found]}, effects.resumed(population, found), _paused(change.members, members))


def pin(population: Population, change: Pin) -> Plan:
    """A checkpoint that is kept."""
    source = source_of(population, change.checkpoint)
    if population.settings.foreign:
        raise Invalid("the checkpoints of this population are kept elsewhere: there is nothing to pin here")
    if any(pin.id == source.id for pin in population.pins):
        raise Conflict(f"checkpoint {source.id} is pinned already")
    if len(population.pins) >= MOST_PINS:
        raise Conflict(f"{MOST_PINS} checkpoints are pinned, which is the most: unpin one first")
    return Plan({"pin": [source.id]}, effects.pinned(source), {"checkpoint": source.id})


def unpin(population: Population, change: Unpin) -> Plan:
    """A checkpoint that is kept no longer than it is needed."""
    found = next((pin for pin in population.pins if pin.id == change.checkpoint), None)
    if found is None:
        known = ", ".join(pin.id for pin in population.pins) or "none"
        raise Conflict(f"no checkpoint {change.checkpoint[:80]!r} is pinned: pinned are {known}")
    return Plan({"unpin": [found.id]}, effects.unpinned(population, found), {"checkpoint": found.id})


def bound(population: Population, change: Bound) -> Plan:
    """Other bounds of a range."""
    name, settings = change.name, population.settings
    domain = settings.space.domains.get(name)
    if domain is None:
        raise Invalid(f"no hyperparameter {name[:80]!r}: the space has {', '.join(settings.space)}")
    if not isinstance(domain, Float | Int) or not domain.explore:
        raise Invalid(f"{name} has no bounds that could be moved: it is no range of numbers, or is never explored")
    strategy = bare(settings.strategy)
    if name in settings.space.constrained or any(strategy.schedules(m) for m in population.members):
        raise Invalid(f"the bounds of {name} can not be moved: a constraint, or a schedule, says what it may be")
    low = domain.min if change.low is None else change.low
    high = domain.max if change.high is None else change.high
    if isinstance(domain, Int) and float(low).is_integer() and float(high).is_integer():
        low, high = int(low), int(high)
    if (low, high) == (domain.min, domain.max):
        raise Conflict(f"the bounds of {name} are {low:g} and {high:g} already")
    if low > high:
        raise Invalid(f"{name} would go from {low:g} to {high:g}: the lower bound must not be above the upper one")
    if isinstance(domain, Float) and domain.step is not None and not _on_grid(domain, low, high):
        raise Invalid(f"{name} goes in steps of {domain.step:g} from {domain.min:g}: bounds must be among its values")
    try:
        with_bounds(settings, name, low, high)
    except SpaceError as error:
        raise Invalid(f"{name}: {error}") from None
    effect = effects.bounded(population, name, (domain.min, domain.max), (low, high))
    return Plan({"bound": {name: [low, high]}}, effect, {"bounds": {name: [domain.min, domain.max]}})


def _on_grid(domain: Float, low: float, high: float) -> bool:
    assert domain.step is not None
    places = [(bound - domain.min) / domain.step for bound in (low, high)]
    return all(abs(place - round(place)) < 1e-9 for place in places)


def steps(population: Population, change: Steps) -> Plan:
    """More steps for each member."""
    now = population.settings.steps
    if now is None:
        raise Invalid("this population has no number of steps that could be raised: it trains until a goal or `finish`")
    if not now < change.steps <= LARGEST:
        raise Conflict(f"steps can be raised from {now:,}, to at most {LARGEST}; not to {change.steps:,}")
    return Plan({"steps": change.steps}, effects.lengthened(population, change.steps), {"steps": now})


def _paused(named: Members, members: Iterable[MemberState]) -> dict[str, Any]:
    """Which of the named ones are paused; what is said of all holds for whoever that is by then."""
    return {"paused": {m.id: m.paused for m in members}} if named else {}
