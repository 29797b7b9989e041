"""The coordinator: it turns what a worker says into an entry and an answer.

Every way of running uses this one object; only the journal under it and the face over it change. Any
number of coordinators may stand on one journal, in as many processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from pbt.alive import Alive
from pbt.coordinator.answer import Answer
from pbt.coordinator.asks import Ask, ExploredAsk, FinishAsk, JoinAsk, Proposal, ReportAsk, StandAsk, TellAsk
from pbt.coordinator.leases import Missing, held
from pbt.coordinator.walk import Fold, fold, walk
from pbt.errors import JournalError, PBTError, SettingsError, StrategyError
from pbt.journals.journal import Journal, Raced
from pbt.population.entries import Absent, Created, Decision, Entry, Event, Report, Settings, decode
from pbt.population.value import Population
from pbt.settings import Wanted, compare, resolve
from pbt.strategies.named import Builder, build
from pbt.strategies.strategy import Strategy

Outcome = list[Answer] | PBTError
_A = TypeVar("_A", bound=Ask)


class Coordinator:
    """Decides and remembers, on a journal.

    Args:
        journal: where entries are kept.
        alive: the sign of life that workers of this coordinator give.
        build: from settings to the strategy.
        clock: seconds since 1970, for the entries' times, which are for people only.
    """

    def __init__(
        self, journal: Journal, alive: Alive, *, build: Builder = build, clock: Callable[[], float] = time.time
    ) -> None:
        self.journal = journal
        self.alive = alive
        self._build = build
        self._clock = clock
        self._fold: Fold | None = None
        self._strategy: Strategy | None = None
        self._owing: dict[int, tuple[Fold, tuple[Decision, ...]]] = {}
        self._missing = Missing()

    @property
    def population(self) -> Population:
        """The population as last seen.

        Raises:
            JournalError: if none was created.
        """
        if self._fold is None:
            raise JournalError(
                "nothing was created here yet: the first join that brings a space creates the population"
            )
        return self._fold.population

    @property
    def exists(self) -> bool:
        """Whether a population was created, as last seen."""
        return self._fold is not None

    def catch_up(self) -> None:
        """Fold what others have appended since."""
        for body in self.journal.read(0 if self._fold is None else self._fold.population.count):
            self._follow(decode(body))

    def entries(self, after: int = 0) -> Iterable[Entry]:
        """The journal's entries after number `after`."""
        return map(decode, self.journal.read(after))

    def create(self, asked: Wanted) -> Settings:
        """The population's settings: those asked for if it is new, else those that it has, compared.

        Raises:
            SettingsError: something has no default and was not given, or differs.
        """
        with self.journal.turn():
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
        body, after, entry = walk(None, Proposal(Created(settings)), self._strategy, self._clock())
        self.journal.append(0, [body])
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
        if self.population.settings.members is None:
            self._declare_absent(0.0, dead_only=True)
        ask = JoinAsk(nonce, self.alive, member, turn)
        try:
            (answer,) = self._one(ask)
        finally:
            ask.give_up()
        return self._settled(answer)

    def _create_or_find(self, asked: Wanted | None) -> None:
        if asked is not None:
            self.create(asked)
            return
        self.catch_up()
        if self._fold is None:
            raise SettingsError("no population exists here yet, and no space was given to create one: pass space={…}")

    def report(self, *reports: Report) -> list[Answer]:
        """Record reports, decide, and say how their members stand. The same report again: the same question again."""
        answers = self._one(ReportAsk(reports, self.alive))
        if any(a.wait for a in answers):
            timeout = self.population.settings.barrier_timeout
            if self.population.settings.synchronous:
                self._declare_absent(timeout)
            answers = [self._settled(self.stand(a.member, a.lease)) for a in answers if a.member is not None]
        return answers

    def tell(self, event: Event, decisions: Sequence[Decision] = ()) -> Answer:
        """Record `released`, `lost`, `absent` or `steered`."""
        (answer,) = self._one(TellAsk(event, decisions))
        return self._settled(answer)

    def finish(self, member: int, lease: int) -> Answer:
        """Stop a member because its worker says that it is trained enough."""
        (answer,) = self._one(FinishAsk(member, lease))
        return answer

    def stand(self, member: int, lease: int) -> Answer:
        """How a member stands, for the holder of `lease`."""
        (answer,) = self._one(StandAsk(member, lease))
        return answer

    def beat(self, member: int, lease: int) -> None:
        """A sign of life from the holder of `lease`."""
        self.alive.beat(member, lease)

    def let_go(self, member: int) -> None:
        """This process trains the member no longer."""
        self.alive.let_go(member)

    def close(self) -> None:
        """Give back the journal."""
        self.journal.close()

    def serve(self, asks: Sequence[Ask]) -> list[Outcome]:
        """Answer several asks with one append; what one of them is refused does not touch the others.

        Raises:
            Unavailable: the commit failed; nothing of the batch was recorded.
        """
        with self.journal.turn():
            while True:
                self.catch_up()
                try:
                    refusals = self._propose_and_append(asks)
                    break
                except Raced:
                    continue
        outcomes: list[Outcome] = []
        for ask, refusal in zip(asks, refusals, strict=True):
            outcomes.append(refusal if refusal is not None else ask.answers(self.population))
        return outcomes

    def _propose_and_append(self, asks: Sequence[Ask]) -> list[PBTError | None]:
        start = self.population.count
        assert self._fold is not None
        assert self._strategy is not None
        current = self._fold
        refusals: list[PBTError | None] = []
        bodies: list[bytes] = []
        steps: list[tuple[Fold, Entry]] = []
        for ask in asks:
            try:
                proposal = ask.propose(current.population)
                if proposal is not None:
                    body, current, entry = walk(current, proposal, self._strategy, self._clock())
                    bodies.append(body)
                    steps.append((current, entry))
                refusals.append(None)
            except PBTError as refusal:
                refusals.append(refusal)
        if bodies:
            self.journal.append(start, bodies)
            for after, entry in steps:
                self._note(after, entry)
        return refusals

    def _one(self, ask: Ask) -> list[Answer]:
        (outcome,) = self.serve([ask])
        if isinstance(outcome, PBTError):
            raise outcome
        return outcome

    def _follow(self, entry: Entry) -> None:
        if isinstance(entry.event, Created):
            self._strategy = self._build(entry.event.settings)
        if self._strategy is None:
            raise JournalError("the journal does not begin with 'created': its beginning is missing")
        self._note(fold(self._fold, entry, self._strategy), entry)

    def _note(self, after: Fold, entry: Entry) -> None:
        self._fold = after
        owed = tuple(d for d in entry.decisions if d.owed) if entry.decisions else ()
        if owed:
            self._owing[after.population.count] = (after, owed)
        if self._owing:
            still = {m.owed for m in after.population.owing()}
            self._owing = {number: kept for number, kept in self._owing.items() if number in still}

    def _settled(self, answer: Answer) -> Answer:
        """The answer once hyperparameters that it waits for have been explored."""
        while answer.wait and answer.member is not None:
            entry = self.population.members[answer.member].owed
            if entry not in self._owing:
                return answer
            self._explore(entry)
            answer = self.stand(answer.member, answer.lease)
        return answer

    def _explore(self, entry: int) -> None:
        then, owed = self._owing[entry]
        assert self._strategy is not None
        try:
            values = self._strategy.explore(then.population, then.memory, owed)
        except Exception as error:
            raise StrategyError(f"exploration raised {type(error).__name__}: {error}") from error
        space = then.population.settings.space
        for decision in owed:
            if decision.member not in values or values[decision.member] not in space:
                raise StrategyError(f"exploration gave member {decision.member} no values inside the space")
        self._one(ExploredAsk(entry, values))

    def _declare_absent(self, timeout: float, dead_only: bool = False) -> None:
        """Let the population go on without members that nobody has held for `timeout` seconds."""
        population = self.population
        if dead_only:
            missing = tuple(
                (m.id, m.lease.number) for m in population.members if m.living and m.lease and not held(m, self.alive)
            )
        else:
            missing = self._missing.longer_than(timeout, population, self.alive)
        if missing:
            self._one(TellAsk(Absent(missing)))
