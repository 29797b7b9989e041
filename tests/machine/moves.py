"""`Moves`: what workers, launchers and accidents do to a population, drawn at random or by hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from pbt.coordinator.answer import Answer
from pbt.population import changes
from pbt.population.entries import Absent, Checkpoint, Decision, Lost, Released, Report, Steered, Why
from tests.machine import expects
from tests.machine.drawing import Draw, Drawing, Worker
from tests.machine.journals import Opener
from tests.machine.table import Table


class Moves(Drawing):
    """A table, its workers, and everything that may happen next."""

    def __init__(self, draw: Draw, opener: Opener) -> None:
        super().__init__(draw)
        asked, strategy = self.settings()
        self.table = Table(opener, asked, strategy, coordinators=draw.integer(2, 3))
        self.workers: list[Worker] = []
        self.nonces: list[str] = []
        self.haunted = 0 if self.chance(25) else None

    def coordinator(self) -> int:
        """One that is not in the middle of something."""
        return self.choice([i for i in range(len(self.table.coordinators)) if i != self.table.busy])

    def worker(self) -> Worker | None:
        """Mostly one that holds its member still; those of a haunted member seldom get so far as to report twice."""
        holders = [w for w in self.workers if self._holds(w)]
        if self.chance(95):
            holders = [w for w in holders if w.member != self.haunted or self.table.model.members[w.member].own is None]
        if holders and not self.chance(8):
            return self.choice(holders)
        return self.choice(self.workers[-12:]) if self.workers else None

    def _holds(self, w: Worker) -> bool:
        lease = self.table.model.members[w.member].lease
        return lease is not None and lease.number == w.lease and not lease.ended

    # Joining

    def join(self, intruder: Callable[[], None] | None = None) -> None:
        """With a wish or without, sometimes said twice."""
        wish = self.draw.integer(0, len(self.table.model.members)) if self.chance(15) else None
        self._join(wish, intruder)

    def _join(self, wish: int | None, intruder: Callable[[], None] | None = None) -> None:
        nonce = self.choice(self.nonces[-4:]) if self.nonces and self.chance(8) else f"nonce {len(self.nonces)}"
        self.nonces.append(nonce)
        turn = self.chance(50)
        model, gone = self.table.model, self.table.alive.gone
        answer = self.table.say(
            self.coordinator(),
            lambda coordinator: coordinator.join(nonce, member=wish, turn=turn),
            lambda: expects.to_join(model, gone, nonce, wish, turn),
            intruder=intruder,
            joins=True,
        )
        if answer is not None and answer.member is not None:
            self.table.check_answer(answer, answer.lease)
            self.workers.append(
                Worker(answer.member, answer.lease, answer.decisions, answer.step, answer.ready, answer.seq)
            )
        elif answer is not None:
            assert (answer.stop, answer.wait) == (model.finished(), not model.finished())

    # Reports

    def report(self, intruder: Callable[[], None] | None = None) -> None:
        """One report, a repeat, or a mistake."""
        w = self.worker()
        if w is not None:
            self._send([w], [self.report_of(w, self.table.model)], intruder)

    def block(self, intruder: Callable[[], None] | None = None) -> None:
        """Several reports in one call."""
        ours = {w.member: w for w in self.workers[-12:] if self._holds(w) or self.chance(3)}
        if len(ours) > 1:
            several = list(ours.values())[: self.draw.integer(2, 4)]
            self._send(several, [self.report_of(w, self.table.model) for w in several], intruder)

    def _send(self, workers: list[Worker], reports: list[Report], intruder: Callable[[], None] | None) -> None:
        model, gone = self.table.model, self.table.alive.gone
        answers = self.table.say(
            self.coordinator(),
            lambda coordinator: coordinator.report(*reports),
            lambda: expects.to_reports(model, gone, reports),
            intruder=intruder,
            full=self._full(intruder),
        )
        for w, r in zip(workers, reports, strict=True):
            w.sent = r if r.member == w.member else w.sent
        if answers is None:
            for w in workers:
                self._learn(w, None)
            return
        assert [a.member for a in answers] == [r.member for r in reports]
        for w, a in zip(workers, answers, strict=True):
            self.table.check_answer(a, w.lease)
            if not self.chance(4):  # else the answer is lost
                self._learn(w, a)

    def _full(self, intruder: Callable[[], None] | None) -> str | None:
        """Now and then a disk is."""
        return self.choice(("now", "once explored", "once explored")) if intruder is None and self.chance(8) else None

    def _learn(self, w: Worker, answer: Answer | None) -> None:
        """Who was refused asks how its member stands."""
        a = self._ask(w) if answer is None else answer
        w.decided, w.step, w.ready, w.waits = a.decisions, a.step, a.ready, a.wait
        w.seq = max(a.seq, 0)

    def _ask(self, w: Worker) -> Answer:
        answer: Answer = self.table.say(
            self.coordinator(), lambda coordinator: coordinator.stand(w.member, w.lease), list
        )
        self._check(answer, w)
        return answer

    def _check(self, answer: Answer, w: Worker) -> None:
        """An answer to `stand` alone may wait for an exploration."""
        if self.table.model.members[w.member].owed == 0:
            self.table.check_answer(answer, w.lease)

    def stand(self) -> None:
        """How a member stands."""
        w = self.worker()
        if w is not None:
            self._learn(w, None)

    # What else is told

    def _tell(self, event: Any, decisions: Sequence[Decision] = (), refused: Any = None) -> Answer | None:
        model = self.table.model
        must: Callable[[], Any] = (lambda: refused) if refused else (lambda: expects.to_told(model, event, decisions))
        answer: Answer | None = self.table.say(
            self.coordinator(), lambda coordinator: coordinator.tell(event, decisions), must, by_hand=decisions
        )
        return answer

    def release(self) -> None:
        """In order, or failed."""
        w = self.worker()
        if w is not None:
            self._tell(Released(w.member, w.lease, failed=self.chance(50)))

    def lose(self) -> None:
        """A checkpoint is not whole."""
        w = self.worker()
        if w is None:
            return
        current = self.table.model.members[w.member].checkpoint
        id = f"{w.member}/9-9" if current is None or self.chance(10) else current.id
        stands = [m for m in self.table.model.members if m.lease and m.checkpoint and m.checkpoint.id == id]
        self._tell(Lost(w.member, w.lease, id))
        for m in stands:  # it may have yet to load it
            if m.id != w.member and m.lease is not None and self.chance(50):
                self._tell(Lost(m.id, m.lease.number, id))

    def absent(self) -> None:
        """Somebody says that a barrier need not wait for them."""
        model = self.table.model
        free = [m for m in model.living() if not model.held(m, self.table.alive.gone)]
        if free and not model.finished():
            m = self.choice(free)
            newest = 0 if m.lease is None else m.lease.number
            self._tell(Absent(((m.id, max(0, newest - self.chance(10))),)))

    def finish(self) -> None:
        """Trained enough."""
        w = self.worker()
        if w is not None and self.chance(60):
            model = self.table.model
            self.table.say(
                self.coordinator(),
                lambda coordinator: coordinator.finish(w.member, w.lease),
                lambda: expects.to_finish(model, w.member, w.lease),
                by_hand=expects.stopped(model, w.member),
            )

    def die(self) -> None:
        """The holder of a member is gone without a word."""
        w = self.worker()
        if w is not None:
            self.table.alive.gone.add((w.member, w.lease))

    def crash(self) -> None:
        """The holder of the haunted member dies or fails, and the next one comes."""
        model, m = self.table.model, self.haunted
        if m is None or m >= len(model.members):
            return
        lease = model.members[m].lease
        if lease is not None and not lease.ended:
            if self.chance(50):
                self._tell(Released(m, lease.number, failed=True))
            else:
                self.table.alive.gone.add((m, lease.number))
        self._join(m)

    def longer(self) -> None:
        """Raise the steps; told twice is once."""
        settings = self.table.model.settings
        assert settings is not None
        if settings.steps is not None and self.chance(30):
            event = Steered({"steps": settings.steps + self.draw.integer(1, 8)}, "a hand", f"n{len(self.nonces)}")
            self.nonces.append(event.nonce)
            for _ in range(2):
                self._tell(event)

    def steer(self) -> None:
        """A decision by hand."""
        model = self.table.model
        failed = [m for m in model.members if m.failed]
        m = self.choice(failed or model.members) if model.members else None
        if m is None:
            return
        values = self._values(m.checkpoint)
        sources = [o.checkpoint for o in model.members if o.checkpoint is not None and not o.broken]
        kind = self.choice(("copy", "copy", "on", "fresh", "stop"))
        why = Why(note="by hand")
        decision = Decision(m.id, m.step + 2, hyperparameters=values, why=why)
        if kind == "copy" and sources:
            source = self.choice(sources)
            decision = Decision(m.id, source.step + 2, "copy", (source,), self._values(source), why=why)
        elif kind == "fresh":
            decision = Decision(m.id, 2, "fresh", (), self._values(None), why=why)
        elif kind == "stop":
            decision = Decision(m.id, m.ready, stop=True, why=why)
        decision = replace(decision, decided=m.decisions)
        for _ in range(2):  # told twice, as by two hands, it is applied once
            self.nonces.append(f"n{len(self.nonces)}")
            self._tell(Steered({"set": [m.id]}, "a hand", self.nonces[-1]), (decision,))

    def change(self) -> None:
        """What a person asks for: pauses, pins, bounds, values; now and then what can not be done."""
        model = self.table.model
        if not model.members:
            return
        ids = tuple({self.choice(model.members).id for _ in range(self.draw.integer(1, 2))})
        kept = [c.id for c in model.kept()]
        pins = [pin.id for pin in model.pins]
        asked: list[Any] = [changes.Pause(ids), changes.Resume(ids), changes.Resume()]
        asked += [changes.Pin(self.choice(kept))] if kept else []
        asked += [changes.Unpin(self.choice(pins))] if pins else []
        asked += [changes.Bound("lr", self.choice((1e-4, 1e-3)), self.choice((0.25, 1.0)))]
        asked += [changes.Assign(ids[:1], {"lr": self.choice((0.1, 0.2))})]
        change = self.choice(asked)
        self.nonces.append(f"n{len(self.nonces)}")
        steer = changes.Steer(change, "a hand", nonce=self.nonces[-1])
        by_hand = expects.assigned(model, change, steer.by)
        for _ in range(2):  # told twice, it is made once
            self.table.say(
                self.coordinator(),
                lambda coordinator: coordinator.steer(steer),
                lambda: expects.to_steered(model, steer),
                by_hand=by_hand,
            )

    def _values(self, of: Checkpoint | None) -> dict[str, Any]:
        """By hand; what is never explored stays as in the weights."""
        width = self.draw.integer(1, 64) if of is None else of.hyperparameters["width"]
        assert self.table.model.settings is not None
        lr = self.table.model.settings.space["lr"].clip(self.choice((0.1, 0.5)))
        return {"lr": lr, "width": width, "act": self.choice(("a", "b"))}

    # Coordinators

    def begin_anew(self) -> None:
        """A coordinator's process dies; the next one may find a snapshot."""
        if self.chance(50):
            self.table.reader.save_snapshot(b"")
        self.table.renew(self.coordinator())

    def look(self) -> None:
        """A coordinator catches up."""
        coordinator = self.table.coordinators[self.coordinator()]
        coordinator.catch_up()
        self.table.compare(coordinator.population)


WEIGHTS = {
    "report": 60,
    "join": 14,
    "block": 5,
    "die": 4,
    "crash": 7,
    "release": 3,
    "lose": 1,
    "absent": 2,
    "finish": 1,
    "longer": 1,
    "steer": 2,
    "change": 4,
    "begin_anew": 1,
    "look": 3,
    "stand": 3,
}
"""How often each move is made, of a hundred."""
