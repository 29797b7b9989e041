"""Commands that record events from elsewhere, and that change a population from outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from pbt.coordinator.answer import Answer, answer, no_member
from pbt.coordinator.commands import Proposal
from pbt.errors import Conflict, Invalid
from pbt.population.entries import LARGEST, Absent, Decision, Event, Lost, Released, Steered, Why
from pbt.population.population import Population
from pbt.space.numbers import short
from pbt.strategies.cure import again


class TellCommand:
    """`released`, `lost`, `absent` or `steered`; told twice is told once."""

    def __init__(self, event: Event, decisions: Sequence[Decision] = ()) -> None:
        self._event = event
        self._decisions = tuple(decisions)

    def propose(self, population: Population) -> Proposal | None:
        """The event, if it still says something new."""
        event = self._event
        _check_named(population, event, self._decisions)
        if isinstance(event, Released | Lost):
            m = population.member(event.member)
            if m.lease is None or m.lease.number != event.lease or m.lease.ended:
                return None
            if isinstance(event, Lost):
                known = m.broken and m.cure  # another may have told before, for whom this one was not cured
                current = m.checkpoint is not None and m.checkpoint.id == event.checkpoint
                if known or not (current or m.began_with_lost):
                    return None
        elif isinstance(event, Absent):
            still = tuple(
                (id, number)
                for id, number in event.members
                if (m := population.member(id)).living and not m.due and m.newest == number
            )
            if not still:
                return None
            event = Absent(still)
        elif isinstance(event, Steered):
            if event.nonce in population.steered:
                return None
            if "steps" in event.change and not _is_longer(population, event.change["steps"]):
                return None
            if "again" in event.change:
                return _tried_again(population, event)
            if _is_known(population, self._decisions):
                return None
        else:
            raise Invalid("only released, lost, absent and steered can be told")
        return Proposal(event, self._decisions)

    def answers(self, population: Population) -> list[Answer]:
        """How the member of the event stands, where it has one."""
        if isinstance(self._event, Released | Lost):
            return [answer(population, self._event.member, self._event.lease)]
        return [no_member(population)]


def _tried_again(population: Population, event: Steered) -> Proposal | None:
    """Another beginning for those of the named members that have failed, and still have when this is decided."""
    failed = [population.members[id] for id in event.change["again"] if population.members[id].failed]
    if not failed or population.reached:
        return None
    change = event.change | {"again": [m.id for m in failed]}
    note = f"tried again by {event.by}" if event.by else "tried again"
    return Proposal(replace(event, change=change), tuple(again(population, m, note) for m in failed))


def _is_known(population: Population, decisions: Sequence[Decision]) -> bool:
    """Whether these decisions were told already: each member has been decided on since its teller looked.

    Raises:
        Conflict: some of the members have been, others not.
        Invalid: a decision does not say what its teller knew.
    """
    stale = []
    for decision in decisions:
        m = population.member(decision.member)
        if decision.decided is None or decision.decided > m.decisions:
            raise Invalid(
                f"a decision from outside says how many its teller knew of: decided={m.decisions} for member {m.id}"
            )
        if decision.decided < m.decisions:
            stale.append(m.id)
    if stale and len(stale) < len(decisions):
        raise Conflict(f"members {stale} have been decided on since: look how they stand, and tell it anew")
    return bool(stale)


def _check_named(population: Population, event: Event, decisions: Sequence[Decision]) -> None:
    """A change is one of steps, again and set; decisions come with set alone, one on each member that it names."""
    change = event.change if isinstance(event, Steered) else {}
    if isinstance(event, Steered) and (len(change) != 1 or not change.keys() <= {"steps", "again", "set"}):
        raise Invalid(f"a change from outside is one of steps, again and set; not {short(change)}")
    members = range(len(population.members))
    for name in change.keys() & {"again", "set"}:
        named = change[name]
        if not isinstance(named, list) or any(type(id) is not int or id not in members for id in named):
            raise Invalid(f"{name} names members, 0 to {len(members) - 1}; not {named!r:.40}")
        if not named or len(set(named)) < len(named):
            raise Invalid(f"{name} names at least one member, and each of them once; not {named!r:.40}")
    named = change.get("set", [])
    if sorted(d.member for d in decisions) != sorted(named):
        raise Invalid(f"decisions from outside are on the members that are named, set={named!r:.40}, and no others")


def _is_longer(population: Population, steps: Any) -> bool:
    """Whether these are more steps than the population has; as many were raised to already.

    Raises:
        Invalid: they are fewer, or no steps at all.
    """
    now = population.settings.steps
    if type(steps) is not int or now is None or not now <= steps <= LARGEST:
        raise Invalid(f"steps can be raised from {now}, to an integer up to {LARGEST}; not to {steps!r:.40}")
    return steps > now


class FinishCommand:
    """The worker says that its member has been trained enough: a `stop` decision."""

    def __init__(self, member: int, lease: int) -> None:
        self._member = member
        self._lease = lease

    def propose(self, population: Population) -> Proposal | None:
        """A steered entry with the decision, unless the member is done or the lease is over."""
        m = population.member(self._member)
        if m.done or m.lease is None or m.lease.number != self._lease or m.lease.ended:
            return None
        stop = Decision(m.id, m.ready, stop=True, why=Why(note="finished by its worker"))
        return Proposal(Steered({"finish": m.id}, by="worker"), (stop,))

    def answers(self, population: Population) -> list[Answer]:
        """How the member stands."""
        return [answer(population, self._member, self._lease)]
