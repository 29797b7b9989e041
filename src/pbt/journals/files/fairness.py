"""Back-off: how writers without a lock come to turns. Fairness only: every append is safe without it."""

from __future__ import annotations

import random
import time
from types import TracebackType

MEMORY = 2.0
"""Seconds after its last append for which a writer counts as a rival."""
LONG = 0.02
"""Seconds: an append that took longer than this was held up, and says nothing about the next one."""


class Fairness:
    """Back-off among writers.

    After a success the writer waits for one append of each recent rival; after a lost race it retries after a random
    delay that shrinks with each loss. Without the first, the winner would win again and again: it knows the end of the
    journal already, while the others still read the winner's entry. Time spent on training counts as waiting, so
    writers are delayed only where appends follow each other without a pause.
    """

    def __init__(self) -> None:
        self._rivals: dict[bytes, float] = {}
        self._took = LONG / 2
        self._free_from = 0.0
        self._races = 0

    def saw(self, writer: bytes) -> None:
        """Note an append of another writer."""
        self._rivals[writer] = time.monotonic()

    def lost(self) -> None:
        """Note a lost race: wait a random time, so that the losers do not collide again."""
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
