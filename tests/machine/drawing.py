"""What is drawn: a population's settings, scores, and the reports of workers, some of them mistaken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

import pbt
from pbt.population.entries import Past, Report, number
from pbt.settings import Wanted, wanted
from tests.deferring import Deferring
from tests.machine.model import Model, mean_of

T = TypeVar("T")
SPACE = {
    "lr": pbt.Float(1e-4, 1.0, log=True),
    "width": pbt.Int(1, 64, explore=False),
    "act": pbt.Choice(["a", "b", "c"]),
}
SCORES: tuple[Any, ...] = (0.0, 1, 1.0, 2.5, -1.0, 0.5, 0.25, float("nan"), float("inf"), float("-inf"))


class Draw(Protocol):
    """Where chance comes from."""

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        ...


@dataclass
class Worker:
    """What one worker knows of its member."""

    member: int
    lease: int
    decided: int
    step: int
    ready: int
    seq: int = 0
    sent: Report | None = None
    waits: bool = False


class Drawing:
    """Draws, from one source of chance."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw

    def choice(self, of: Sequence[T]) -> T:
        return of[self.draw.integer(0, len(of) - 1)]

    def chance(self, percent: int) -> bool:
        return self.draw.integer(0, 99) >= 100 - percent

    def settings(self) -> tuple[Wanted, pbt.PBT]:
        parameters = {"quantile": self.choice((0.2, 0.5, 0.0)), "resample": self.choice((0.25, 0.0))}
        strategy = (Deferring if self.chance(25) else pbt.PBT)(**parameters)
        members = None if self.chance(15) else self.draw.integer(2, 5)
        maximize = self.chance(50)
        goal = 50.0 if maximize else -50.0
        asked = wanted(
            space=SPACE,
            strategy=strategy,
            members=members,
            open=True if members is None else None,
            maximize=maximize,
            seed=self.draw.integer(0, 999),
            interval=self.draw.integer(1, 3),
            steps=self.choice((12, 40, 4, None)),
            synchronous=self.chance(40),
            goal=self.choice((None, None, None, goal)),
            quorum=self.choice((None, 1)),
            turn_steps=self.choice((None, 2)),
            barrier_timeout=self.choice((600.0, 1e-9)),
            initial=[{"lr": 0.5}] if self.chance(30) else None,
        )
        return asked, strategy

    def score(self) -> Any:
        if self.chance(15):
            return tuple(number(self.choice(SCORES)) for _ in range(self.draw.integer(1, 4)))
        if self.chance(1):
            return 50.0 if self.chance(50) else -50.0
        return number(self.choice(SCORES) if self.chance(30) else self.draw.integer(-1000, 1000) / 100)

    def report_of(self, w: Worker, model: Model) -> Report:
        if w.sent is not None and (self.chance(60) if w.waits else self.chance(6)):
            return self._repeat(w.sent)
        made = self._drafted(w, model)
        if not self.chance(8):
            return made
        made = self._mistaken(made, w)
        rename = made.checkpoint is not None and self.chance(80)
        return replace(made, checkpoint=f"{made.member}/{made.lease}-{made.seq}") if rename else made

    def _drafted(self, w: Worker, model: Model) -> Report:
        m = model.members[w.member]
        step = w.step + self.choice((1, 1, 1, 2, 3))
        score = self.score()
        release = self.chance(6)
        history = tuple(Past(w.step + i, number(float(i))) for i in range(1, step - w.step)) if self.chance(25) else ()
        r = Report(
            member=w.member,
            lease=w.lease,
            seq=w.seq + (self.draw.integer(2, 3) if self.chance(3) else 1),
            decided=w.decided,
            step=step,
            score=score,
            release=release,
            history=history,
            used={"lr": 0.5} if self.chance(5) else {},
            metrics={"loss": number(self.choice(SCORES))} if self.chance(5) else {},
        )
        assert model.settings is not None
        last = model.settings.steps is not None and step >= model.settings.steps
        due = step >= min(w.ready, m.ready) or last or release or model.reaches_goal(mean_of(r))
        if due or self.chance(40):
            return replace(r, checkpoint=f"{r.member}/{r.lease}-{r.seq}")
        return r

    def _repeat(self, sent: Report) -> Report:
        if self.chance(12):
            return replace(sent, score=77.0) if self.chance(50) else replace(sent, metrics={"other": 1.0})
        return replace(sent, release=not sent.release) if self.chance(10) else sent

    def _mistaken(self, r: Report, w: Worker) -> Report:
        wrong = self.draw.integer(0, 6)
        if wrong == 0:
            return replace(r, seq=max(0, r.seq - self.draw.integer(1, 2)))
        if wrong == 1:
            return replace(r, step=w.step - self.draw.integer(0, 2), history=())
        if wrong == 2:
            return replace(r, checkpoint=None)
        if wrong == 3:
            return replace(r, checkpoint=f"{r.member}/{r.lease}-{r.seq + 1}")
        if wrong == 4:
            return replace(r, member=self.choice((99, -1)))
        if wrong == 5:
            return replace(r, history=(Past(r.step, 1.0),))
        return replace(r, decided=max(0, r.decided - 1))
