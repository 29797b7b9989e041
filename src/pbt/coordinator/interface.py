"""The methods that a coordinator in this process and one at the far end of HTTP share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pbt.coordinator.answer import Answer
from pbt.population.changes import Steer, Steering
from pbt.population.entries import Decision, Event, Report
from pbt.population.recorded import Settings
from pbt.settings import Wanted


class AnyCoordinator(Protocol):
    """The methods of a coordinator for training scripts and launchers, in this process or at the far end of HTTP."""

    def create(self, asked: Wanted) -> Settings:
        """See `Coordinator.create`."""
        ...

    def join(self, nonce: str, asked: Wanted | None = None, member: int | None = None, turn: bool = False) -> Answer:
        """See `Coordinator.join`."""
        ...

    def report(self, *reports: Report) -> list[Answer]:
        """See `Coordinator.report`."""
        ...

    def tell(self, event: Event, decisions: Sequence[Decision] = ()) -> Answer:
        """See `Coordinator.tell`."""
        ...

    def steer(self, asked: Steer) -> Steering:
        """See `Coordinator.steer`."""
        ...

    def finish(self, member: int, lease: int) -> Answer:
        """See `Coordinator.finish`."""
        ...

    def stand(self, member: int, lease: int) -> Answer:
        """See `Coordinator.stand`."""
        ...

    def let_go(self, member: int) -> None:
        """See `Coordinator.let_go`."""
        ...
