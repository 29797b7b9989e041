"""The coordinator: it turns a worker's requests into entries and answers.

Every way of running uses this one object, in the worker's process or behind HTTP; only the journal under it
changes. Any number of coordinators may stand on one journal, in as many processes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from pbt.coordinator.answer import Answer
from pbt.coordinator.changing import SteerCommand
from pbt.coordinator.commands import Command, JoinCommand, Proposal, ReportCommand, StandCommand
from pbt.coordinator.exploration import Owed
from pbt.coordinator.leasing import Missing, gone
from pbt.coordinator.snapshot import crossed, dump, restored
from pbt.coordinator.telling import FinishCommand, TellCommand
from pbt.coordinator.transition import Fold, decide, fold_all, owes, steps_of
from pbt.errors import JournalError, PBTError, Uncreated
from pbt.journals.journal import Journal, Raced, weakly
from pbt.liveness.liveness import Liveness
from pbt.population.changes import Steer, Steering
from pbt.population.entries import Absent, Created, Decision, Entry, Event, Report, decode
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.settings import Wanted, compare, resolve
from pbt.strategies.registry import Builder, build
from pbt.strategies.strategy import Strategy

_NOTHING = "nothing was created here yet: the first join that brings a space creates the population"
_RUN = 1000
"""Entries that are folded at once."""
Outcome = list[Answer] | PBTError


class Coordinator:
    """Decides and remembers, on a journal. Any thread may ask: one report is sent again by a thread of its own.

    Args:
        journal: where entries are kept.
        alive: the sign of life that workers of this coordinator give.
        build: from settings to the strategy.
        clock: seconds since 1970, for the entries' times, which are for people only.
    """

    def __init__(
        self, journal: Journal, alive: Liveness, *, build: Builder = build, clock: Callable[[], float] = time.time
    ) -> None:
        self.journal = journal
        self._turn = journal.fair_turn(weakly(self._next_in_line))
        self._lock = threading.RLock()  # a turn keeps other processes out, not other threads
        self.alive = alive
        self._build = build
        self._clock = clock
        self._fold: Fold | None = None
        self._strategy: Strategy | None = None
        self._owing: dict[int, tuple[Fold, tuple[Decision, ...]]] = {}
        self._missing = Missing()
        self._alone = False
        self._others = 0
        self._last = b""
        self._snapshot_due = False

    @property
    def population(self) -> Population:
        """The population as last seen.

        Raises:
            Uncreated: if none was.
        """
        if self._fold is None:
            raise Uncreated(_NOTHING)
        return self._fold.population

    @property
    def exists(self) -> bool:
        """Whether a population was created, as last seen."""
        return self._fold is not None

    def catch_up(self) -> None:
        """Fold what others have appended since."""
        with self._lock:
            if self._fold is None:
                known = self._take_up_snapshot()
                self._fold_on()
                self._snapshot_due = self.exists and crossed(known, self.population)
            else:
                self._fold_on()

    def _fold_on(self) -> None:
        run: list[Entry] = []
        for body in self.journal.read(0 if self._fold is None else self._fold.population.count):
            entry = decode(body)
            if not run and self._strategy is None:
                self._strategy = self._strategy_of(entry)
            run.append(entry)
            if len(run) == _RUN or owes(entry):
                self._follow(run, body)
                run = []
        if run:
            self._follow(run, body)

    def _strategy_of(self, first: Entry) -> Strategy:
        if not isinstance(first.event, Created):
            raise JournalError("the journal does not begin with 'created': its beginning is missing")
        return self._build(first.event.settings)

    def _next_in_line(self) -> None:
        """Fold what others have written while one of them still writes: it would take its time in our own turn."""
        if self._fold is not None and not self._alone:
            self._fold_on()

    def _take_up_snapshot(self) -> int:
        """Begin with the snapshot, if there is one that belongs to this journal; how many entries it covers, or 0."""
        found = restored(self.journal, self._build)
        if found is None:
            return 0
        held, self._last = found
        self._fold, self._strategy = held.fold, held.strategy
        return held.count

    def entries(self, after: int = 0) -> Iterable[Entry]:
        """The journal's entries after number `after`."""
        return map(decode, self.journal.read(after))

    def create(self, asked: Wanted) -> Settings:
        """The population's settings: those asked for if it is new, else those that it has, compared.

        Raises:
            SettingsError: something has no default and was not given, or differs.
        """
        with self._lock, self._turn:
            self.catch_up()
            if self._fold is None:
                settings = resolve(asked)
                try:
                    self._append_first(settings)
                    return settings
                except Raced:
                    self.catch_up()
        compare(self.population.settings, asked)
        return self.population.settings

    def _append_first(self, settings: Settings) -> None:
        self._strategy = self._build(settings)
        body, after, entry = decide(None, Proposal(Created(settings)), self._strategy, self._clock())
        self.journal.append(0, [body])
        self._last = body
        self._note(after, entry)

    def join(self, nonce: str, asked: Wanted | None = None, member: int | None = None, turn: bool = False) -> Answer:
        """Lease a member: the one asked for, or the available one furthest behind.

        Args:
            nonce: drawn for this call; its retries carry the same one.
            turn: the lease is taken for a turn.

        Returns:
            How the member stands; without a member: wait, or stop because nothing is left to train.
        """
        self._create_or_find(asked)
        dead = gone(self.population, self.alive)
        if dead:
            self._one(TellCommand(Absent(dead)))
        return self._leased(JoinCommand(nonce, self.alive, member, turn))[0]

    def join_block(self, nonce: str, seats: int, asked: Wanted | None = None) -> list[Answer]:
        """Lease up to so many members in one append, for one process that trains them all at once.

        Args:
            nonce: as of `join`.
            seats: how many members, at least 1.

        Returns:
            How each of them stands; without a member, as `join`, where there is none to lease.
        """
        self._create_or_find(asked)
        return self._leased(JoinCommand(nonce, self.alive, seats=seats))

    def _leased(self, command: JoinCommand) -> list[Answer]:
        try:
            answers = self._one(command)
        finally:
            command.give_up(self.population)
        return [self._settled(answer) for answer in answers]

    def _create_or_find(self, asked: Wanted | None) -> None:
        self.catch_up()
        if asked is not None or not self.exists:
            self.create(asked or Wanted())

    def report(self, *reports: Report) -> list[Answer]:
        """Record reports, decide, and say how their members stand. The same report again: the same question again."""
        answers = self._one(ReportCommand(reports, self.alive))
        for answer in answers:
            if answer.wait:
                return self._attended(answers)
        return answers

    def _attended(self, answers: Sequence[Answer]) -> list[Answer]:
        """The members' answers once this coordinator has done what it can of what they wait for."""
        absent = self.absentees()
        if absent is not None:
            self._one(TellCommand(absent))
        return [self._settled(self.stand(a.member, a.lease)) for a in answers if a.member is not None]

    def tell(self, event: Event, decisions: Sequence[Decision] = ()) -> Answer:
        """Record `released`, `lost`, `absent` or `steered`."""
        return self._settled(self._one(TellCommand(event, decisions))[0])

    def steer(self, asked: Steer) -> Steering:
        """Change something from outside, as somebody asks; or only say what it would do."""
        command = SteerCommand(asked)
        self._one(command)
        return command.told

    def finish(self, member: int, lease: int) -> Answer:
        """Stop a member because its worker says that it is trained enough."""
        return self._one(FinishCommand(member, lease))[0]

    def stand(self, member: int, lease: int) -> Answer:
        """How a member stands, for the holder of `lease`."""
        return self._one(StandCommand(member, lease))[0]

    def let_go(self, member: int) -> None:
        """This process trains the member no longer."""
        self.alive.let_go(member)

    def close(self) -> None:
        """Give back the journal."""
        self.journal.close()

    def serve(self, commands: Sequence[Command]) -> list[Outcome]:
        """Answer several commands with one append; what one of them is refused does not touch the others.

        Raises:
            Unavailable: the commit failed; nothing of the batch was recorded.
        """
        refusals = self._commit(commands)
        return [
            refusal if refusal is not None else command.answers(self.population)
            for command, refusal in zip(commands, refusals, strict=True)
        ]

    def _commit(self, commands: Sequence[Command]) -> list[PBTError | None]:
        """Append what the commands propose; each one's refusal, if it was refused."""
        with self._lock:
            with self._turn:
                refusals = self._tried(commands) if self._alone else self._caught_up(commands)
            if self._snapshot_due and not self._owing:
                self._save_snapshot()
            return refusals

    def _tried(self, commands: Sequence[Command]) -> list[PBTError | None]:
        """As `_caught_up`, without having looked first whether another coordinator has written."""
        try:
            refusals, appended = self._propose_and_append(commands)
        except Raced:
            return self._caught_up(commands)
        if not all(appended):
            # Only an append proves that no other has written: commands without an entry are asked again.
            rest = [i for i, was in enumerate(appended) if not was]
            for i, refusal in zip(rest, self._caught_up([commands[i] for i in rest]), strict=True):
                refusals[i] = refusal
        return refusals

    def _save_snapshot(self) -> None:
        assert self._fold is not None and self._strategy is not None
        self._snapshot_due = False
        body = dump(self._fold, self._last, self._strategy)
        if body is not None:
            self.journal.save_snapshot(body)

    def _caught_up(self, commands: Sequence[Command]) -> list[PBTError | None]:
        while True:
            self.catch_up()
            self._alone, self._others = self._others == 0, 0
            try:
                return self._propose_and_append(commands)[0]
            except Raced:
                continue

    def _propose_and_append(self, commands: Sequence[Command]) -> tuple[list[PBTError | None], list[bool]]:
        """Each command's refusal, and whether it brought an entry."""
        if self._fold is None or self._strategy is None:
            raise Uncreated(_NOTHING)
        current = self._fold
        refusals: list[PBTError | None] = []
        appended: list[bool] = []
        bodies: list[bytes] = []
        steps: list[tuple[Fold, Entry]] = []
        for command in commands:
            found, refusal = steps_of(command, current, self._strategy, self._clock)
            for body, current, entry in found:
                bodies.append(body)
                steps.append((current, entry))
            refusals.append(refusal)
            appended.append(bool(found))
        if bodies:
            known = self._fold.population.count
            self.journal.append(known, bodies)
            for after, entry in steps:
                self._note(after, entry)
            self._last = bodies[-1]
            self._snapshot_due = self._snapshot_due or crossed(known, current.population)
        return refusals, appended

    def _one(self, command: Command) -> list[Answer]:
        (refusal,) = self._commit((command,))
        if refusal is not None:
            raise refusal
        return command.answers(self.population)

    def _follow(self, run: Sequence[Entry], last: bytes) -> None:
        """Fold entries that others have written; only the last of them may owe anything."""
        assert self._strategy is not None
        self._others += len(run)
        self._note(fold_all(self._fold, run, self._strategy), run[-1])
        self._last = last

    def _note(self, after: Fold, entry: Entry) -> None:
        self._fold = after
        if owes(entry):
            self._owing[after.population.count] = (after, tuple(d for d in entry.decisions if d.owed))
        if self._owing:
            still = {m.owed for m in after.population.owing()}
            self._owing = {number: kept for number, kept in self._owing.items() if number in still}

    def owed_to(self, member: int) -> Owed | None:
        """The exploration that a member waits for, if it is this coordinator's to make."""
        entry = self.population.members[member].owed
        if entry not in self._owing or self._strategy is None:
            return None
        return Owed(entry, *self._owing[entry], self._strategy)

    def _settled(self, answer: Answer) -> Answer:
        """The answer once hyperparameters that it waits for have been explored."""
        while answer.wait and answer.member is not None:
            owed = self.owed_to(answer.member)
            if owed is None:
                return answer
            self._one(owed.explore())
            answer = self.stand(answer.member, answer.lease)
        return answer

    def absentees(self) -> Absent | None:
        """Members that a barrier should no longer wait for: no living worker has held them for `barrier_timeout`."""
        return self._missing.absent(self.population, self.alive)
