"""Changes from outside that are decisions on members: values set, weights given, stopped, begun anew."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from pbt.coordinator import effects
from pbt.coordinator.plan import Plan, decided_of, named, source_of
from pbt.errors import Conflict, Invalid, SpaceError
from pbt.population.changes import Assign, Clone, Fork, Revive, Stop
from pbt.population.entries import Checkpoint, Decision, Why
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.space.space import Values
from pbt.strategies.cure import again
from pbt.strategies.explore import perturb_or_resample
from pbt.strategies.registry import bare

FACTORS, RESAMPLE = (0.8, 1.25), 0.25
"""With which a clone explores, whatever the strategy does."""
BY_HAND = "by hand"
"""The operation behind a hyperparameter that somebody set."""


def assign(population: Population, change: Assign) -> Plan:
    """Values of some hyperparameters."""
    members = named(population, change.members)
    if not change.values:
        raise Invalid("say which hyperparameters to set, and to what")
    strategy, decisions = bare(population.settings.strategy), []
    for m in members:
        _check_trained(population, m)
        if strategy.schedules(m):
            raise Invalid(f"member {m.id} follows a schedule, which would put its own values back at once")
        if m.hyperparameters is None:
            raise Conflict(f"the hyperparameters of member {m.id} are being computed: try again in a moment")
        values = _with(population, m.hyperparameters, change.values)
        if values == m.hyperparameters:
            raise Conflict(f"member {m.id} trains with these values already")
        decisions.append(_decision(m, m.ready, hyperparameters=values, why=_operations(change.values)))
    effect = effects.assigned(population, members, decisions)
    return Plan({"set": [m.id for m in members]}, effect, decided_of(members), tuple(decisions))


def clone(population: Population, change: Clone) -> Plan:
    """The current weights and hyperparameters of another member."""
    m, parent = population.member(change.member), population.member(change.parent)
    if m is parent:
        raise Invalid(f"member {m.id} can not be cloned into itself: name another one, or fork one of its checkpoints")
    source = source_of(population, str(parent.id))
    values, why = parent.hyperparameters or source.hyperparameters, Why()
    if change.explore:
        space = population.settings.space
        values, operations = perturb_or_resample(space, values, population.chance(m.id), FACTORS, RESAMPLE)
        if not space.holds(values):
            raise Conflict("no values near the parent's satisfy the constraints of the space: clone without exploring")
        why = Why(operations=operations)
    return _given(population, m, source, values, why, parent)


def fork(population: Population, change: Fork) -> Plan:
    """The weights of a checkpoint that is kept, with values of one's own."""
    m, source = population.member(change.member), source_of(population, change.checkpoint)
    values = _with(population, source.hyperparameters, change.values)
    return _given(population, m, source, values, _operations(change.values))


def _given(
    population: Population, m: MemberState, source: Checkpoint, values: Values, why: Why, *seen_too: MemberState
) -> Plan:
    """The plan that gives a member the weights of a checkpoint; `seen_too`: on whom it depends besides."""
    if population.reached:
        raise Conflict("the goal is reached: nothing is trained any longer")
    steps = population.settings.steps
    if steps is not None and source.step >= steps:
        raise Conflict(
            f"{source.id} is of step {source.step:,}, the last one: nothing is left to train; raise the steps first"
        )
    values = population.settings.space.clip(values)
    decision = _decision(
        m, source.step + population.settings.interval, start="copy", parents=(source,), hyperparameters=values, why=why
    )
    seen = {**decided_of([m, *seen_too]), "checkpoint": source.id}
    return Plan({"set": [m.id]}, effects.given(population, m, source, values), seen, (decision,))


def stop(population: Population, change: Stop) -> Plan:
    """No further training."""
    members = named(population, change.members, lambda m: not m.done)
    for m in members:
        if m.done:
            raise Conflict(f"member {m.id} is not trained any longer already")
    if not members or population.reached:
        raise Conflict("nothing is trained any longer: there is nothing to stop")
    decisions = tuple(_decision(m, m.ready, stop=True) for m in members)
    seen = decided_of(members) if change.members else {}
    return Plan({"set": [m.id for m in members]}, effects.stopped(population, members), seen, decisions)


def revive(population: Population, change: Revive) -> Plan:
    """Training again, for members that were stopped or have failed."""
    members = named(population, change.members, lambda m: m.failed)
    if not members or population.reached:
        raise Conflict("no member has failed: there is none to revive")
    for m in members:
        if not m.stopped:
            raise Conflict(f"member {m.id} was not stopped: there is nothing to revive")
    decisions = [again(population, m, "") if m.failed else _taken_up(population, m) for m in members]
    decisions = [replace(d, decided=population.members[d.member].decisions) for d in decisions]
    effect = effects.revived(population, members)
    return Plan({"set": [m.id for m in members]}, effect, decided_of(members), tuple(decisions))


def _taken_up(population: Population, m: MemberState) -> Decision:
    """A member that was stopped goes on where it stood."""
    own = m.checkpoint
    values = m.hyperparameters or (own.hyperparameters if own else None)
    if values is None or m.broken:
        return again(population, m, "")
    values = population.settings.space.clip(values)
    ready = m.ready if m.ready > m.saved_step else m.saved_step + population.settings.interval
    return Decision(
        m.id, ready, start="copy" if own else "fresh", parents=(own,) if own else (), hyperparameters=values
    )


def _with(population: Population, values: Values, given: Values) -> Values:
    """Values with some replaced, which must be ones that exploration could give."""
    space = population.settings.space
    try:
        checked = space.check(given, "values")
    except SpaceError as error:
        raise Invalid(str(error)) from None
    for name, value in checked.items():
        if not space[name].explore and value != values.get(name):
            raise Invalid(f"{name} is never explored, since weights may fit one value alone: it can not be changed")
    found = space.clip({**values, **checked})
    if (fault := space.fault(found)) is not None:
        raise Invalid(fault)
    return found


def _operations(values: Values) -> Why:
    return Why(operations=dict.fromkeys(values, BY_HAND))


def _decision(m: MemberState, ready: int, **more: Any) -> Decision:
    return Decision(m.id, ready, decided=m.decisions, **more)


def _check_trained(population: Population, m: MemberState) -> None:
    if population.reached or m.done:
        raise Conflict(f"member {m.id} is not trained any longer: fork a checkpoint onto it, or raise the steps")
