"""Patience: how writers without a lock come to turns. Fairness only: every append is safe without it."""

from __future__ import annotations

from types import TracebackType


class Patience:
    """Who has just won waits a little before the next append, if others append too; who lost tries again at once.

    The winner knows the end already and would win again, while the others are still reading what it wrote.
    """

    def __init__(self) -> None:
        pass

    def saw(self, others: int) -> None:
        """So many entries of others were read."""

    def lost(self) -> None:
        """Somebody else was quicker."""

    def won(self) -> None:
        """An append succeeded."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
