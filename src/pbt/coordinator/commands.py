"""Commands to a coordinator: each proposes an event for the fold that it meets, and reads the answer.

A command may meet several folds before its event is appended, since others append too; so proposing has no
effect on the population, and an answer is read from it only after the commit.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from pbt.coordinator.admission import admit, is_new, outdated
from pbt.coordinator.answer import Answer, answer, no_member
from pbt.coordinator.leasing import available, further_behind, held, round_lacks_free
from pbt.errors import Invalid, LeaseLost, NobodyFree
from pbt.liveness.liveness import Liveness
from pbt.population.entries import (
    Decision,
    Event,
    Explored,
    Leased,
    Released,
    Report,
    Reported,
    Steered,
    Why,
)
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.space.space import Values

Seat = tuple[int, int]
"""A member, and the number of a lease on it."""


class Proposal(NamedTuple):
    """An event, with decisions that it brings along; the strategy adds its own.

    Attributes:
        more: the command has more to propose, on the fold that includes this; all is appended together or nothing.
    """

    event: Event
    decisions: tuple[Decision, ...] = ()
    more: bool = False


class Command(Protocol):
    """One request to a coordinator."""

    def propose(self, population: Population) -> Proposal | None:
        """The entry to append, or None; an error that it raises is the asker's answer instead."""
        ...

    def answers(self, population: Population) -> list[Answer]:
        """How things stand after the commit."""
        ...


class ReportCommand:
    """One worker's report, or a block of them in one entry; whose lease is lost is answered `released`."""

    __slots__ = ("_alive", "_reports")

    def __init__(self, reports: Sequence[Report], alive: Liveness) -> None:
        self._reports = reports
        self._alive = alive

    def propose(self, population: Population) -> Proposal | None:
        """The reports that are new, then the ends of leases whose last reports came too late; or a turn gives way."""
        if len(self._reports) > 1 and len({r.member for r in self._reports}) < len(self._reports):
            raise Invalid("a block has two reports of one member: one report in flight per member")
        new: list[Report] = []
        for report in self._reports:
            try:
                admitted = admit(population, report)
            except LeaseLost:
                if len(self._reports) == 1:
                    raise
                continue  # a block goes on without it
            if admitted is not None:
                new.append(self._at_turns_end(population, admitted))
        leaving = [r for r in self._reports if r.release and outdated(population, r)]
        if new:
            return Proposal(Reported(tuple(new)), more=bool(leaving))
        leaving = leaving or [r for r in self._reports if self._waits_in_vain(population, r)]
        if leaving:
            return Proposal(Released(leaving[0].member, leaving[0].lease), more=len(leaving) > 1)
        return None

    def _at_turns_end(self, population: Population, report: Report) -> Report:
        lease = population.members[report.member].lease
        if lease is None or not lease.turn or report.checkpoint is None or report.release:
            return report
        over = report.step >= lease.began + population.settings.turn_steps
        if over and further_behind(population, report.member, report.step, self._alive):
            return replace(report, release=True)
        return report

    def _waits_in_vain(self, population: Population, report: Report) -> bool:
        """A turn's worker waits while it could train another: one that the round lacks, or any if its own is paused."""
        m = population.member(report.member)
        mine = m.lease is not None and m.lease.number == report.lease and m.lease.turn and not m.lease.ended
        if not mine or not m.due or population.finished:
            return False
        if population.settings.synchronous:
            return round_lacks_free(population, self._alive)
        return m.paused and next(available(population, self._alive), None) is not None

    def answers(self, population: Population) -> list[Answer]:
        """How each of the members stands."""
        return [answer(population, r.member, r.lease) for r in self._reports]


class SaveCommand:
    """A report, and its script's decision on the member since the last one, in an entry of its own.

    Of the original client, which takes over what it was offered, or does not, and explores by itself.
    """

    def __init__(self, report: Report, decision: Decision | None = None) -> None:
        self._report = report
        self._decision = decision

    def propose(self, population: Population) -> Proposal | None:
        """First the decision, then the report; neither, if another decision was made on the member meanwhile."""
        report, decision = self._report, self._decision
        m = population.member(report.member)
        if decision is not None:
            known = self._check(decision)
            told = f"{m.id}/{report.lease}-{report.seq}"
            if told not in population.steered:
                if not is_new(population, m, report, known) or m.stopped or m.decisions != known:
                    return None
                return Proposal(Steered({"set": [m.id]}, "client", told), (decision,), more=True)
        admitted = admit(population, report)
        return None if admitted is None else Proposal(Reported((admitted,)))

    def _check(self, decision: Decision) -> int:
        """How many decisions its teller knew of before this one."""
        report, known = self._report, decision.decided
        if decision.member != report.member or known is None or report.decided != known + 1 or decision.stop:
            raise Invalid(
                f"member {report.member}: the decision of a save is on its own member and does not stop it, and the "
                f"report's decided is one more than the decision's; not {report.decided} and {known}"
            )
        return known

    def answers(self, population: Population) -> list[Answer]:
        """How the member stands."""
        return [answer(population, self._report.member, self._report.lease)]


class JoinCommand:
    """A worker looks for a member, or for several at once. The nonce makes the retries of one call one join.

    Args:
        nonce: drawn for the call.
        member: the one that is asked for; None: the available one furthest behind.
        turn: the lease is taken for a turn.
        seats: how many members; as many as are free, all leased in one append.
    """

    def __init__(
        self, nonce: str, alive: Liveness, member: int | None = None, turn: bool = False, seats: int = 1
    ) -> None:
        self._nonce = nonce
        self._alive = alive
        self._wish = member
        self._turn = turn
        self._wanted = seats
        self._block = secrets.token_hex(8) if seats > 1 else ""
        self._held: list[Seat] = []
        self._mine: list[Seat] = []
        self._free: Iterator[Seat] = iter(())
        self._count = 0

    def propose(self, population: Population) -> Proposal | None:
        """A lease on the next free member; None where this nonce has as many as it wants, or no member is free."""
        if not self._goes_on(population):
            self._begin(population)
        if len(self._mine) >= self._wanted:
            return None
        for member, number in self._free:
            sign = self._alive.hold(member, number, self._block)
            if sign:
                self._held.append((member, number))
                self._mine.append((member, number))
                self._count = population.count + 1
                leased = Leased(member, number, self._nonce, self._turn, sign)
                return Proposal(leased, more=len(self._mine) < self._wanted)
        return None

    def _goes_on(self, population: Population) -> bool:
        """Whether this fold is the last one that was proposed for, with the lease that was proposed then."""
        if population.count != self._count or not self._mine or self._mine[-1][0] >= len(population.members):
            return False
        member, number = self._mine[-1]
        return self._is_mine(population.members[member]) and population.members[member].newest == number

    def _begin(self, population: Population) -> None:
        """Look at all members anew: the last proposal was not appended, or this is the beginning."""
        self.give_up(population)
        self._mine = self._leased(population)
        finished = population.finished and not self._makes_one_more(population)
        self._free = iter(()) if finished else self._candidates(population)

    def _is_mine(self, m: MemberState) -> bool:
        return m.lease is not None and m.lease.nonce == self._nonce and not m.lease.ended

    def _leased(self, population: Population) -> list[Seat]:
        return [(m.id, m.newest) for m in population.members if self._is_mine(m)]

    @staticmethod
    def _makes_one_more(population: Population) -> bool:
        return population.settings.members is None and not population.reached

    def _candidates(self, population: Population) -> Iterator[Seat]:
        """Members that could be leased, with the numbers that their leases would have."""
        if self._wish is not None:
            if not self._mine:
                yield self._wished(population, population.member(self._wish))
        elif self._makes_one_more(population):
            yield from ((member, 1) for member in itertools.count(len(population.members)))
        else:
            for m in available(population, self._alive):
                yield m.id, m.newest + 1

    def _wished(self, population: Population, m: MemberState) -> Seat:
        if m.done:
            raise Invalid(f"member {m.id} is done: there is nothing left to train in it")
        if m.due or m.paused or held(m, self._alive):
            raise NobodyFree(f"member {m.id} waits for a decision, is paused, or is trained by a living worker")
        return m.id, m.newest + 1

    def give_up(self, population: Population) -> None:
        """Take back the signs of life of leases that did not come about."""
        mine = self._leased(population)
        for seat in self._held:
            if seat not in mine:
                self._alive.let_go(seat[0])
        self._held = [seat for seat in self._held if seat in mine]

    def answers(self, population: Population) -> list[Answer]:
        """How the leased members stand, or that there is none to lease."""
        return [answer(population, *seat) for seat in self._leased(population)] or [no_member(population)]


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
        # Somebody may have moved the bounds while this was computed.
        space = population.settings.space
        return Proposal(Explored(self._entry, {id: space.clip(v) for id, v in self._values.items()}, self._why))

    def answers(self, population: Population) -> list[Answer]:
        """No worker asked: the answer is the same as without a member."""
        return [no_member(population)]
