"""Commands to a coordinator: each proposes an event for the fold that it meets, and reads the answer.

A command may meet several folds before its event is appended, since others append too; so proposing has no
effect on the population, and an answer is read from it only after the commit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from pbt.coordinator.admission import admit, is_new, outdated
from pbt.coordinator.answer import Answer, answer, nobody
from pbt.coordinator.leasing import available, further_behind, held, round_lacks_free
from pbt.errors import Invalid, NobodyFree
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
from pbt.population.population import Population
from pbt.space.space import Values


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


class SaveCommand:
    """A report, and what its script decided on its member since the last one: a decision in an entry of its own.

    Of the original client, which takes over what it was offered, or does not, and explores by itself.
    """

    def __init__(self, report: Report, decision: Decision | None = None) -> None:
        self._report = report
        self._decision = decision

    def propose(self, population: Population) -> Proposal | None:
        """First the decision, then the report; neither, if the member was decided on by somebody else meanwhile."""
        report, decision = self._report, self._decision
        m = population.member(report.member)
        if decision is not None:
            known = self._check(decision)
            told = f"{m.id}/{report.lease}-{report.seq}"
            if population.steered != told:
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
