"""Commands to a coordinator: each proposes an event for the fold that it meets, and reads the answer.

A command may meet several folds before its event is appended, since others append too; so proposing has no
effect on the population, and an answer is read from it only after the commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from pbt.coordinator.admission import admit, outdated
from pbt.coordinator.answer import Answer, answer, nobody
from pbt.coordinator.leasing import available, further_behind, held, round_lacks_free
from pbt.errors import Invalid, NobodyFree
from pbt.liveness.liveness import Liveness
from pbt.population.entries import (
    LARGEST,
    Absent,
    Decision,
    Event,
    Explored,
    Leased,
    Lost,
    Released,
    Report,
    Reported,
    Steered,
    Why,
)
from pbt.population.population import Population
from pbt.space.space import Values
from pbt.strategies.cure import again


class Proposal(NamedTuple):
    """An event, with decisions that it brings along; the strategy adds its own."""

    event: Event
    decisions: tuple[Decision, ...] = ()


class Command(Protocol):
    """One request to a coordinator."""

    def propose(self, population: Population) -> Proposal | None:
        """What to append, if anything; raises what the asker is told instead."""
        ...

    def answers(self, population: Population) -> list[Answer]:
        """How things stand after the commit."""
        ...


class ReportCommand:
    """One worker's report, or a block of them in one entry."""

    __slots__ = ("_alive", "_reports")

    def __init__(self, reports: Sequence[Report], alive: Liveness) -> None:
        self._reports = reports
        self._alive = alive

    def propose(self, population: Population) -> Proposal | None:
        """The reports that are new; or the end of a lease, where a turn is over or its weights were replaced."""
        if len(self._reports) > 1 and len({r.member for r in self._reports}) < len(self._reports):
            raise Invalid("a block has two reports of one member: one report in flight per member")
        new: list[Report] = []
        for report in self._reports:
            admitted = admit(population, report)
            if admitted is not None:
                new.append(self._at_turns_end(population, admitted))
        if new:
            return Proposal(Reported(tuple(new)))
        for report in self._reports:
            if (report.release and outdated(population, report)) or self._blocks_round(population, report):
                return Proposal(Released(report.member, report.lease))
        return None

    def _at_turns_end(self, population: Population, report: Report) -> Report:
        lease = population.members[report.member].lease
        if lease is None or not lease.turn or report.checkpoint is None or report.release:
            return report
        over = report.step >= lease.began + population.settings.turn_steps
        if over and further_behind(population, report.member, report.step, self._alive):
            return replace(report, release=True)
        return report

    def _blocks_round(self, population: Population, report: Report) -> bool:
        """A turn's worker waits at a barrier while a member that the round lacks could be trained by it."""
        m = population.member(report.member)
        mine = m.lease is not None and m.lease.number == report.lease and m.lease.turn and not m.lease.ended
        waits = m.due and not population.finished
        return mine and waits and population.settings.synchronous and round_lacks_free(population, self._alive)

    def answers(self, population: Population) -> list[Answer]:
        """How each of the members stands."""
        return [answer(population, r.member, r.lease) for r in self._reports]


class JoinCommand:
    """A worker looks for a member. The nonce makes the retries of one call one join."""

    def __init__(self, nonce: str, alive: Liveness, member: int | None = None, turn: bool = False) -> None:
        self._nonce = nonce
        self._alive = alive
        self._wish = member
        self._turn = turn
        self._held: tuple[int, int] | None = None

    def propose(self, population: Population) -> Proposal | None:
        """A lease on the member furthest behind; nothing if this nonce has one, or nobody is free."""
        if self._mine(population) is not None or (population.finished and not self._makes_one_more(population)):
            return None
        taken = self._take(population)
        if taken is None:
            return None
        return Proposal(Leased(taken[0], taken[1], self._nonce, self._turn, self._alive.kind))

    def _mine(self, population: Population) -> tuple[int, int] | None:
        """The member and the number of the lease that carries this nonce."""
        for m in population.members:
            if m.lease is not None and m.lease.nonce == self._nonce and not m.lease.ended:
                return m.id, m.lease.number
        return None

    @staticmethod
    def _makes_one_more(population: Population) -> bool:
        return population.settings.members is None and not population.reached

    def _take(self, population: Population) -> tuple[int, int] | None:
        for member, number in self._free(population):
            if self._held == (member, number) or self._alive.hold(member, number):
                if self._held is not None and self._held[0] != member:
                    self._alive.let_go(self._held[0])
                self._held = (member, number)
                return self._held
        return None

    def _free(self, population: Population) -> Iterator[tuple[int, int]]:
        """Members that could be leased, with the numbers that their leases would have."""
        if self._wish is not None:
            m = population.member(self._wish)
            if m.done:
                raise Invalid(f"member {m.id} is done: there is nothing left to train in it")
            mine = (m.id, m.newest + 1)  # its sign of life may be mine already, from an append that was raced
            if m.due or (self._held != mine and held(m, self._alive)):
                raise NobodyFree(f"member {m.id} waits for a decision, or is trained by a living worker")
            yield mine
        elif self._makes_one_more(population):
            yield len(population.members), 1
        else:
            for m in available(population, self._alive):
                yield m.id, m.newest + 1

    def give_up(self, population: Population) -> None:
        """Take back the sign of life of a lease that did not come about."""
        if self._held is not None and self._held != self._mine(population):
            self._alive.let_go(self._held[0])

    def answers(self, population: Population) -> list[Answer]:
        """How the leased member stands, or that nobody is to be had."""
        mine = self._mine(population)
        return [nobody(population) if mine is None else answer(population, *mine)]


class TellCommand:
    """`released`, `lost`, `absent` or `steered`; told twice is told once."""

    def __init__(self, event: Event, decisions: Sequence[Decision] = ()) -> None:
        self._event = event
        self._decisions = tuple(decisions)

    def propose(self, population: Population) -> Proposal | None:
        """The event, if it still says something new."""
        event = self._event
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
            _check_change(population, event, self._decisions)
            if "again" in event.change and not self._decisions:
                return _tried_again(population, event)
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


def _check_change(population: Population, event: Steered, decisions: Sequence[Decision]) -> None:
    named = event.change.get("again", [])
    members = range(len(population.members))
    if not isinstance(named, list) or any(type(id) is not int or id not in members for id in named):
        raise Invalid(f"again names members, 0 to {len(members) - 1}; not {named!r:.40}")
    if decisions and sorted(d.member for d in decisions) != sorted(named):
        raise Invalid(f"decisions from outside are on the members that are named, again={named!r:.40}, and no others")
    steps, now = event.change.get("steps"), population.settings.steps
    if "steps" in event.change and (type(steps) is not int or now is None or not now <= steps <= LARGEST):
        raise Invalid(f"steps can be raised from {now}, to an integer up to {LARGEST}; not to {steps!r:.40}")
    for name in event.change:
        if name not in ("steps", "again", "finish"):
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


class StandCommand:
    """How does this member stand?"""

    def __init__(self, member: int, lease: int) -> None:
        self._member = member
        self._lease = lease

    def propose(self, population: Population) -> Proposal | None:
        """Nothing is appended."""
        population.member(self._member)
        return None

    def answers(self, population: Population) -> list[Answer]:
        """How it stands."""
        return [answer(population, self._member, self._lease)]


class ExploredCommand:
    """Hyperparameters that one entry's decisions owed; the first append wins."""

    def __init__(self, entry: int, explored: Mapping[int, tuple[Values, Why]]) -> None:
        self._entry = entry
        self._values = {id: values for id, (values, _) in explored.items()}
        self._why = {id: why for id, (_, why) in explored.items()}

    def propose(self, population: Population) -> Proposal | None:
        """The values, if any member still owes for that entry."""
        if not any(m.owed == self._entry for m in population.owing()):
            return None
        return Proposal(Explored(self._entry, self._values, self._why))

    def answers(self, population: Population) -> list[Answer]:
        """Nobody in particular asked."""
        return [nobody(population)]
