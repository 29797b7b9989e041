"""Back-off: how writers without a lock come to turns. Fairness only: every append is safe without it."""

from __future__ import annotations

import random
import time
from types import TracebackType

MEMORY = 2.0
"""Seconds for which somebody who appended is taken for a rival."""
LONG = 0.02
"""Seconds: an append that took longer than this was held up, and says nothing about the next one."""


class Fairness:
    """Who has just won leaves time for one append of every rival; who lost tries again soon, the sooner the oftener.

    The winner knows the end already and would win again and again, while the others still read what it wrote. Time
    spent on training counts as waiting, so that nobody waits unless appends alone keep everybody busy.
    """

    def __init__(self) -> None:
        self._rivals: dict[bytes, float] = {}
        self._took = LONG / 2
        self._free_from = 0.0
        self._races = 0

    def saw(self, writer: bytes) -> None:
        """Somebody else has appended."""
        self._rivals[writer] = time.monotonic()

    def lost(self) -> None:
        """Somebody else was quicker: wait a little, lest all who lost collide again."""
        self._races += 1
        time.sleep(random.uniform(0, self._took * self.rivals() / self._races))

    def won(self, took: float) -> None:
        """An append succeeded, in so many seconds."""
        self._races = 0
        self._took += (min(took, LONG) - self._took) / 5
        self._free_from = time.monotonic() + random.uniform(0.5, 1.5) * self._took * self.rivals()

    def rivals(self) -> int:
        """How many others have appended lately."""
        past = time.monotonic() - MEMORY
        self._rivals = {writer: at for writer, at in self._rivals.items() if at > past}
        return len(self._rivals)

    def __enter__(self) -> None:
        wait = self._free_from - time.monotonic()
        if wait > 0:
            time.sleep(wait)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to give back."""
