"""`Table`: a model, and several coordinators on one journal, each compared with it after all that they do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pbt
from pbt.coordinator.answer import Answer
from pbt.coordinator.commands import Proposal
from pbt.coordinator.coordinator import Coordinator
from pbt.coordinator.transition import decide
from pbt.errors import PBTError, Unavailable
from pbt.population.entries import Absent, Created, Decision, Entry, Explored, decode, encode
from pbt.population.fold import refold
from pbt.population.population import Population
from pbt.settings import Wanted
from pbt.strategies.registry import build
from tests.machine import expects
from tests.machine.expects import Expected, Refused
from tests.machine.journals import Opener, Raced
from tests.machine.judge import take
from tests.machine.model import Model, owner
from tests.support.worlds import Dying


class Table:
    """Coordinators 0 and up on one journal; 0 waits for its turn, the others never do and meet each other."""

    def __init__(self, opener: Opener, wanted: Wanted, strategy: pbt.PBT, coordinators: int) -> None:
        self.opener, self.strategy = opener, strategy
        self.model = Model()
        self.alive = Dying()
        self.figures: Counter[str] = Counter()
        self.ticks = 0
        self.busy: int | None = None
        self.by_hand: dict[int, tuple[Decision, ...]] = {}
        self.reader = opener()
        self.coordinators = [self.opened(raced=i > 0) for i in range(coordinators)]
        self.coordinators[0].create(wanted)
        self._take(self._news()[0])
        self.compare(self.coordinators[0].population)

    def opened(self, raced: bool) -> Coordinator:
        """One more coordinator."""
        journal = self.opener()
        return Coordinator(Raced(journal) if raced else journal, self.alive, clock=self._clock)

    def _clock(self) -> float:
        self.ticks += 1
        return float(self.ticks)

    def renew(self, i: int) -> None:
        """The process of a coordinator dies, and another begins."""
        self.coordinators[i].close()
        self.coordinators[i] = self.opened(raced=i > 0)
        self.figures["coordinators begun anew"] += 1

    def close(self) -> None:
        for coordinator in self.coordinators:
            coordinator.close()
        self.reader.close()

    # One thing said

    def say(
        self,
        i: int,
        ask: Callable[[Coordinator], Any],
        expected: Callable[[], Expected],
        by_hand: Sequence[Decision] = (),
        intruder: Callable[[], None] | None = None,
        joins: bool = False,
        full: str | None = None,
    ) -> Any:
        """Say it to coordinator `i`; the outcome must be the expected one. Answers, or None if it was refused."""
        coordinator = self.coordinators[i]
        self.busy = i
        outcome, was_full = _ask(coordinator, ask, intruder, full)
        self.busy = None
        news = self._without_the_dead(self._news()) if joins else self._news()
        if was_full:
            self._was_full(news, outcome, expected, full)
            return None
        must = expected()
        if isinstance(must, Refused):
            assert type(outcome) is must.error, f"{outcome!r} where {must.error.__name__} was due"
            assert not news, f"refused, but recorded {news}"
            self.figures[f"refused: {must.error.__name__}"] += 1
            outcome = None
        else:
            assert not isinstance(outcome, PBTError), f"{outcome!r} where {must} was to be recorded"
            self._fold(news, must, by_hand)
        if coordinator.exists:
            self.compare(coordinator.population)
        return outcome

    def _was_full(self, news: list[Entry], outcome: Any, expected: Callable[[], Expected], full: str | None) -> None:
        """503: nothing was recorded; or all that was asked for, but for the exploration that it led to."""
        assert isinstance(outcome, Unavailable)
        self.figures["journals full"] += 1
        must = [] if full == "now" else expected()
        assert not isinstance(must, Refused)
        self._fold(news, must, ())

    def _fold(self, news: list[Entry], must: list[Any], by_hand: Sequence[Decision]) -> None:
        """The expected events come first, save for members that are found dead; then what somebody waits for."""
        for entry in news:
            if must and expects.same(entry.event, must[0]):
                must = must[1:]
                self._take(entry, by_hand)
                by_hand = ()
            elif isinstance(entry.event, Absent):
                self._absent(entry.event)
                self._take(entry)
            else:
                assert isinstance(entry.event, Explored), f"recorded {entry.event}, expected {must}"
                assert not must
                self._take(entry)
        assert not must, f"{must} was not recorded, but {[e.event for e in news]}"

    def _without_the_dead(self, news: list[Entry]) -> list[Entry]:
        """Who joins an open population says first of whom nothing is to be expected any longer."""
        if news and isinstance(news[0].event, Absent):
            self._absent(news[0].event)
            self._take(news[0])
            return news[1:]
        return news

    def _absent(self, event: Absent) -> None:
        """Declared by a coordinator: nobody living holds them."""
        model = self.model
        assert event.members
        for id, number in event.members:
            m = model.members[id]
            assert m in model.living() and not model.held(m, self.alive.gone), f"member {id} is held"
            assert number == (0 if m.lease is None else m.lease.number)

    def _news(self) -> list[Entry]:
        return [decode(body) for body in self.reader.read(self.model.count)]

    def _take(self, entry: Entry, by_hand: Sequence[Decision] = ()) -> None:
        take(self.model, entry, self.strategy, by_hand)
        if by_hand:
            self.by_hand[self.model.count] = tuple(by_hand)
        figures = self.figures
        figures["entries"] += 1
        figures[f"entries: {type(entry.event).__name__.lower()}"] += 1
        figures["exploits"] += sum(d.start == "copy" and d.why.parent_rank > 0 for d in entry.decisions)
        figures["failed for good"] += sum(d.stop and d.why.note.startswith("failed") for d in entry.decisions)
        figures["cures"] += len(self.model.cured)
        settings = self.model.settings
        if settings is not None and settings.synchronous and not isinstance(entry.event, Created):
            figures["rounds completed"] += any(d.start == "on" or d.why.of for d in entry.decisions[len(by_hand) :])

    # What it must look like

    def compare(self, p: Population) -> None:
        """A coordinator that has just looked sees what the model says, in everything that means something."""
        model = self.model
        assert p.count == model.count
        assert p.settings == model.settings
        assert len(p.members) == len(model.members)
        self._share_drops(p)
        for m in model.members:
            _same(f"member {m.id}", seen(p, m.id), expects.member(model, m.id))
        _same("population", whole(p), expects.population(model))
        for m in p.members:
            assert not p.referenced() & set(m.drop), "to be dropped, and needed"
            moved = "space" in p.settings.overridden
            assert m.hyperparameters is None or moved or m.hyperparameters in p.settings.space
        assert len(p.referenced()) <= 2 * len(p.members) + 1 + len(p.pins)

    def _share_drops(self, p: Population) -> None:
        """Of what several members made unreferenced at once, each is told a part, and nothing is forgotten."""
        for gone, tellers, must in self.model.untold:
            told: set[str] = set()
            for id in tellers:
                mine = gone & set(p.members[id].drop)
                self.model.members[id].drop |= mine
                told |= mine
            forgotten = {c for c in gone - told if must and owner(c) not in tellers}
            assert not forgotten, f"nobody is told to drop {forgotten}"
        self.model.untold = []

    def check_answer(self, got: Answer, lease: int) -> None:
        """What a member's worker is told is how it stands."""
        assert got.member is not None
        must = expects.answer(self.model, got.member, lease)
        told = {name: getattr(got, name) for name in must}
        told["keep"], told["drop"] = set(got.keep), set(got.drop)
        _same("answer", told, must)
        owed = self.model.members[got.member].owed
        assert not owed or got.stop, "the hyperparameters that it waits for could have been explored"

    # At the end

    def check_journal(self) -> None:
        """Written as it would be anew, decided as it would be anew, and folded alike by everybody."""
        bodies = list(self.reader.read(0))
        entries = [decode(body) for body in bodies]
        assert [encode(e) for e in entries] == bodies
        whole = refold(entries)
        for coordinator in self.coordinators:
            coordinator.catch_up()
            assert coordinator.population == whole
        self.compare(whole)
        fresh = Coordinator(self.opener(), self.alive)
        fresh.catch_up()
        assert fresh.population == whole
        fresh.close()
        self._decide_anew(bodies)

    def _decide_anew(self, bodies: Iterable[bytes]) -> None:
        """Same seed, same journal up to here, same event: same decisions, byte for byte."""
        assert self.model.settings is not None
        strategy, fold = build(self.model.settings), None
        for number, body in enumerate(bodies, 1):
            entry = decode(body)
            told = Proposal(entry.event, self.by_hand.get(number, ()))
            anew, fold, _ = decide(fold, told, strategy, entry.time)
            assert anew == body, f"entry {number} is decided otherwise now"


def _ask(
    coordinator: Coordinator, ask: Callable[[Coordinator], Any], intruder: Callable[[], None] | None, full: str | None
) -> tuple[Any, bool]:
    """Answers or the error, and whether the journal was full."""
    journal = coordinator.journal
    if isinstance(journal, Raced):
        journal.intruder, journal.full, journal.was_full = intruder, full, False
    outcome: Any
    try:
        outcome = ask(coordinator)
    except PBTError as error:
        outcome = error
    if not isinstance(journal, Raced):
        return outcome, False
    journal.intruder = journal.full = None
    return outcome, journal.was_full


def seen(p: Population, id: int) -> dict[str, Any]:
    """A member as the code has it."""
    m = p.members[id]
    return {
        **{name: getattr(m, name) for name in expects.MEMBER},
        "evaluations": list(m.evaluations),
        "drop": set(m.drop),
        "due": id in p.due,
        "lease": None if m.lease is None else {name: getattr(m.lease, name) for name in expects.LEASE},
    }


def whole(p: Population) -> dict[str, Any]:
    """All members together, as the code has it."""
    return {
        "ranked": [id for _, id in p.ranked],
        "due": list(p.due),
        "best": p.best,
        "finished": p.finished,
        "referenced": set(p.referenced()),
        "keep": {m.id: set(p.kept(m.id)) for m in p.members},
        "reached": p.reached,
        "living": p.living,
        "paused": list(p.paused),
        "pins": list(p.pins),
        "undone": p.undone,
    }


def _same(what: str, got: dict[str, Any], must: dict[str, Any]) -> None:
    wrong = {name: (got[name], must[name]) for name in must if not _equal(got[name], must[name])}
    assert not wrong, f"{what}: (is, must be) {wrong}"


def _equal(a: Any, b: Any) -> bool:
    return bool(a == b) or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))
