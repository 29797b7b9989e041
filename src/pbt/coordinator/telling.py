"""Commands that tell of what happened elsewhere, and that change a population from outside."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from pbt.coordinator.answer import Answer, answer, nobody
from pbt.coordinator.commands import Proposal
from pbt.errors import Conflict, Invalid
from pbt.population.entries import LARGEST, Absent, Decision, Event, Lost, Released, Steered, Why
from pbt.population.population import Population
from pbt.strategies.cure import again


class TellCommand:
    """`released`, `lost`, `absent` or `steered`; told twice is told once."""

    def __init__(self, event: Event, decisions: Sequence[Decision] = ()) -> None:
        self._event = event
        self._decisions = tuple(decisions)

    def propose(self, population: Population) -> Proposal | None:
        """The event, if it still says something new."""
        event = self._event
        _check_named(event, self._decisions)
        if isinstance(event, Released | Lost):
            m = population.member(event.member)
            if m.lease is None or m.lease.number != event.lease or m.lease.ended:
                return None
            if isinstance(event, Lost) and (m.checkpoint is None or m.checkpoint.id != event.checkpoint or m.broken):
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
            if event.nonce and event.nonce == population.steered:
                return None
            _check_change(population, event)
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
        return [nobody(population)]


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


def _check_named(event: Event, decisions: Sequence[Decision]) -> None:
    named = event.change.get("set", []) if isinstance(event, Steered) else []
    if not isinstance(named, list) or sorted(d.member for d in decisions) != sorted(named):
        raise Invalid(f"decisions from outside are on the members that are named, set={named!r:.40}, and no others")


def _check_change(population: Population, event: Steered) -> None:
    members = range(len(population.members))
    for name in ("again", "set"):
        named = event.change.get(name, [])
        if not isinstance(named, list) or any(type(id) is not int or id not in members for id in named):
            raise Invalid(f"{name} names members, 0 to {len(members) - 1}; not {named!r:.40}")
    steps, now = event.change.get("steps"), population.settings.steps
    if "steps" in event.change and (type(steps) is not int or now is None or not now <= steps <= LARGEST):
        raise Invalid(f"steps can be raised from {now}, to an integer up to {LARGEST}; not to {steps!r:.40}")
    for name in event.change:
        if name not in ("steps", "again", "set", "finish"):
            raise Invalid(f"nobody knows how to steer {name!r:.40}")


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
