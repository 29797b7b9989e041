"""A schedule that some or all members follow: a replay of what an earlier population found, or a start from it.

A follower trains with the schedule's hyperparameters, at their steps, for as long as it keeps its own weights. Who
exploits whom is decided by the strategy for the rest, `then`: a follower that is given other weights follows no
longer, and what it has can be taken over like anybody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from msgspec.structs import force_setattr, replace

from pbt.errors import SettingsError
from pbt.population.entries import Decision
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.schedule import check_steps, values_at
from pbt.space.space import Space, Values
from pbt.space.values import Value
from pbt.strategies.strategy import Memory, Strategy, Wrapper

NOTE, ENDS = "as scheduled", "the schedule ends here"


class Follow(Wrapper, frozen=True, dict=True):
    """Members that follow a schedule.

    Args:
        schedule: a `pbt.Schedule`, or (from step, hyperparameters) pairs, steps ascending, the first from step 0.
            Hyperparameters that it does not name are drawn at birth, and stay.
        followers: how many members follow it, the first by id; None: all.
        until: step at which followers that have kept their own weights are stopped; None: they are trained to the end.
        origin: where the schedule was found, for those who compare: the fields of `pbt.Schedule.origin`.
        then: the strategy that decides who exploits whom, as ``strategy=`` takes it; by default PBT, without any
            exploits where all follow.
    """

    schedule: tuple[tuple[int, dict[str, Value]], ...]
    followers: int | None = None
    until: int | None = None
    origin: dict[str, Value] | None = None
    then: str | dict[str, Any] | None = None

    def __post_init__(self) -> None:
        from pbt.strategies.registry import record

        inner = record(self.then or {"name": "pbt", **({} if self.followers else {"quantile": 0})})
        force_setattr(self, "then", {"name": inner.name, **inner.parameters})

    def check(self) -> None:
        """A schedule from step 0 on, with something in it."""
        check_steps(self.schedule)
        if self.followers is not None and self.followers < 1:
            raise SettingsError(f"followers is {self.followers}: at least 1, or leave it out for all members")
        if self.until is not None and self.until < 1:
            raise SettingsError(f"until is {self.until}: a step, 1 or more, or leave it out to train to the end")

    @cached_property
    def inner(self) -> Strategy:
        """The strategy for the rest."""
        from pbt.strategies.registry import bare, record

        return bare(record(self.then or "pbt"))

    def describe(self, population: Population) -> str:
        """Who follows the schedule, and what the rest does."""
        pieces = len(self.schedule)
        if self.followers is None:
            return f"all members follow a schedule of {pieces} pieces"
        return f"the first {self.followers} follow a schedule of {pieces} pieces; {self.inner.describe(population)}"

    def schedules(self, m: MemberState) -> bool:
        """Those that follow it."""
        return self._follows(m) or self.inner.schedules(m)

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> list[Decision]:
        """The inner strategy's decisions, with a follower's hyperparameters from the schedule.

        Raises:
            SettingsError: the schedule names what the space has not.
        """
        return [self._led(population, d) for d in self.inner.decide(population, memory, due)]

    def _led(self, population: Population, decision: Decision) -> Decision:
        m = population.members[decision.member]
        if decision.stop or not self._follows(m) or not (m.unborn or decision.start == "on"):
            return decision
        step = 0 if m.unborn else m.step
        if self.until is not None and step >= self.until:
            return Decision(m.id, m.ready, stop=True, why=replace(decision.why, note=ENDS))
        values = self._scheduled(population.settings.space, decision.hyperparameters or m.hyperparameters or {}, step)
        changes = [at for at in (*(at for at, _ in self.schedule), self.until) if at is not None and step < at]
        return replace(
            decision, ready=min([decision.ready, *changes]),
            hyperparameters=values if values != m.hyperparameters else None, why=replace(decision.why, note=NOTE),
        )  # fmt: skip

    def _follows(self, m: MemberState) -> bool:
        """It has kept the weights of its birth, and the values of its schedule."""
        return m.native and (self.followers is None or m.id < self.followers)

    def _scheduled(self, space: Space, drawn: Values, step: int) -> Values:
        values = values_at(self.schedule, step)
        strange = sorted(values.keys() - space.domains.keys())
        if strange:
            raise SettingsError(
                f"the schedule has {strange[0]!r}, which is not in the space: it has {', '.join(space)}"
            )
        return space.check({**drawn, **values}, "the schedule")
