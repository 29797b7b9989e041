"""What changes from outside do, in words for the one who makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pbt.errors import counted
from pbt.population.entries import Checkpoint, Decision, Number
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.rules import rank
from pbt.space.space import Values
from pbt.space.values import Value

_MOST = 6
"""Members or hyperparameters that are named one by one."""


def assigned(population: Population, members: Sequence[MemberState], decisions: Sequence[Decision]) -> str:
    """Hyperparameters are set."""
    said = [
        f"{_name(population, m)} changes {_changes(m.hyperparameters or {}, d.hyperparameters or {})}"
        for m, d in zip(members[:_MOST], decisions, strict=False)
    ]
    if len(members) > _MOST:
        said.append(f"{counted(len(members) - _MOST, 'more member')} likewise, each from its own values")
    return f"{'; '.join(said)}. {_learns(population, members)}"


def given(population: Population, m: MemberState, source: Checkpoint, values: Values) -> str:
    """A member is given weights."""
    whose = "its own earlier" if source.member == m.id else f"member {source.member}'s"
    changed = _changes(source.hyperparameters, values) or "the hyperparameters that came with them"
    kept = max(m.since, source.step) if source.member == m.id else m.since
    lost = f" What it has learnt since step {kept:,} is lost." if m.step > kept else ""
    fate = "it trains to its next report that is due, and waits there" if _held(m) else "nobody takes it up until then"
    paused = f" It is paused, until it is resumed: {fate}."
    return (
        f"{_name(population, m)} takes over {whose} weights (step {source.step:,}, score {_number(source.score)}) with "
        f"{changed}.{lost} {_learns(population, [m])}{paused if m.paused else ''}"
    )


def stopped(population: Population, members: Sequence[MemberState]) -> str:
    """Members are stopped."""
    left = population.undone - len(members)
    rest = f"{_count(left)} left to train." if left else "Nothing is left to train: the population is finished."
    one = len(members) == 1
    learns = f" {_learns(population, members)}" if any(map(_held, members)) else ""
    return (
        f"{_names(population, members)} {'is' if one else 'are'} not trained any further; "
        f"{'its' if one else 'their'} checkpoints stay.{learns} {rest}"
    )


def revived(population: Population, members: Sequence[MemberState]) -> str:
    """Members that were stopped, or failed, are trained again."""
    failed, rest = [m for m in members if m.failed], [m for m in members if not m.failed]
    said = [f"{_names(population, failed)}: another beginning, with hyperparameters drawn anew"] if failed else []
    said += [f"{_names(population, rest)}: trained on from where it was stopped"] if rest else []
    waiting = [m for m in members if m.paused]
    paused = f" {_count(len(waiting))} paused, and taken up only once resumed." if waiting else ""
    return f"{'; '.join(said)}. The next worker that is free takes it up; pbt run starts workers.{paused}"


def paused(population: Population, members: Sequence[MemberState]) -> str:
    """Members are paused."""
    one = len(members) == 1
    held = [m for m in members if _held(m) and not m.due]
    at = f" (from step {members[0].ready:,} on)" if one and held else ""
    where = (
        f"{'trains' if one else 'train'} to {'its' if one else 'their'} next report that is due{at}, and "
        f"{'waits' if one else 'wait'} there until resumed"
        if held
        else f"{'is' if one else 'are'} taken up by no worker until resumed"
    )
    barrier = " All others wait for it at the end of their round." if population.settings.synchronous else ""
    return f"{_names(population, members)} {where}.{barrier}"


def resumed(population: Population, members: Sequence[MemberState]) -> str:
    """Members are resumed."""
    due = sum(m.due for m in members)
    waited = f" {_count(due)} waiting for a decision: what was put off is decided now." if due else ""
    return f"{_names(population, members)} {'goes' if len(members) == 1 else 'go'} on.{waited}"


def pinned(source: Checkpoint) -> str:
    """A checkpoint is pinned."""
    return (
        f"Checkpoint {source.id} (member {source.member}, step {source.step:,}, score {_number(source.score)}) is kept "
        "until it is unpinned."
    )


def unpinned(population: Population, source: Checkpoint) -> str:
    """A checkpoint is unpinned."""
    needed = any(c.id == source.id for m in population.members for c in m.holds)
    best = population.best is not None and population.best.id == source.id
    nobody = "nobody needs it, so it is deleted"
    # A worker of its member deletes it; of one that is done there is none any longer.
    if population.finished:
        nobody = "nobody needs it: the next pbt run deletes it"
    elif population.members[source.member].done:
        nobody = "nobody needs it: it is deleted once all members are done"
    fate = "it stays as long as it is needed" if needed or best else nobody
    return f"Checkpoint {source.id} (step {source.step:,}, score {_number(source.score)}) is pinned no longer: {fate}."


def bounded(population: Population, name: str, old: tuple[float, float], new: tuple[float, float]) -> str:
    """Bounds are moved."""
    outside = [
        m.id
        for m in population.members
        if m.hyperparameters is not None and not m.done and not new[0] <= m.hyperparameters[name] <= new[1]  # type: ignore[operator]
    ]
    those = f"{_count(len(outside))} outside: {'it keeps its value' if len(outside) == 1 else 'they keep their values'}"
    present = f" {those} until the next exploration." if outside else ""
    return (
        f"{name} is explored from {_number(new[0])} to {_number(new[1])} from now on, until now from {_number(old[0])} "
        f"to {_number(old[1])}.{present}"
    )


def lengthened(population: Population, steps: int) -> str:
    """Steps are raised."""
    over = sum(m.done and not m.stopped for m in population.members)
    anew = f" {_count(over)} done: trained on once workers are there (pbt run starts them)." if over else ""
    return f"Each member is trained to step {steps:,}, until now to {population.settings.steps:,}.{anew}"


def moved(population: Population, shown: dict[str, Any], now: dict[str, Any]) -> str:
    """What is not as it was shown any longer; "" if everything is."""
    if shown == now:
        return ""
    if shown.get("checkpoint") != now.get("checkpoint"):
        return f"the checkpoint is another one by now, {now.get('checkpoint')}"
    was = shown.get("decided")
    for id, decided in (now.get("decided") or {}).items():
        if not isinstance(was, dict) or was.get(id) != decided:
            m = population.member(int(id))
            return f"member {id} has been decided on since: it stands at step {m.step:,}, score {_number(m.score)}"
    for name, (low, high) in (now.get("bounds") or {}).items():
        return f"the bounds of {name} are {_number(low)} and {_number(high)} by now"
    if "steps" in now:
        return f"each member is to do {now['steps']:,} steps by now"
    if "paused" in now:
        return "somebody has paused or resumed one of these members since"
    if shown.get("values") != now.get("values"):
        return "the hyperparameters would be others by now, since bounds have moved"
    return "what it depends on has changed since"


def _name(population: Population, m: MemberState) -> str:
    # A rank is of the member's own last report; the score that stands beside it may be its new parent's.
    place, of = rank(population, m) if m.standing else 0, len(population.ranked)
    ranked = f"rank {place} of {of}, " if place else ""
    return f"Member {m.id} ({ranked}step {m.step:,}, score {_number(m.score)})"


def _names(population: Population, members: Sequence[MemberState]) -> str:
    if len(members) == 1:
        return _name(population, members[0])
    if len(members) == len(population.members):
        return f"All {len(members)} members"
    named = ", ".join(str(m.id) for m in members[:_MOST])
    rest = f" and {len(members) - _MOST} more" if len(members) > _MOST else ""
    return f"Members {named}{rest}"


def _held(m: MemberState) -> bool:
    """A worker has it, as far as the journal tells."""
    return m.lease is not None and not m.lease.ended


def _count(n: int) -> str:
    return "1 member is" if n == 1 else f"{n} members are"


def _learns(population: Population, members: Sequence[MemberState]) -> str:
    """When workers come to know."""
    if not any(map(_held, members)):
        return "No worker trains it now: the next one begins so." if len(members) == 1 else "No worker trains them now."
    return "Its worker learns of it at its next report." if len(members) == 1 else "Workers learn of it as they report."


def _changes(before: Values, after: Values) -> str:
    changed = [
        f"{name} {_number(before.get(name))} → {_number(value)}"
        for name, value in after.items()
        if before.get(name) != value
    ]
    more = f" and {len(changed) - _MOST} more" if len(changed) > _MOST else ""
    return ", ".join(changed[:_MOST]) + more


def _number(value: Number | Value | None) -> str:
    return "none" if value is None else f"{value:.4g}" if type(value) is float else str(value)
