"""Stalls: workers that hang. They hold a member that could be trained, or leave one free, and report nothing."""

from __future__ import annotations

import time
from collections.abc import Callable

from pbt.population.population import Population


class Stalls:
    """Judges workers by the journal.

    Args:
        limit: seconds without a journal entry after which a worker counts as hung; None: never.
        clock: monotonic seconds.
    """

    def __init__(self, limit: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._heard: dict[str, float] = {}

    def heard(self, token: str) -> None:
        """The worker that carries `token` wrote an entry, or was started."""
        self._heard[token] = self._clock()

    def hangs(self, token: str, population: Population | None) -> bool:
        """Whether the worker hangs; waiting for a decision or a member is no hang."""
        if self.limit is None or self._clock() - self._heard.setdefault(token, self._clock()) <= self.limit:
            return False
        if population is None or _has_work(token, population):
            return True
        self.heard(token)
        return False


def _has_work(token: str, population: Population) -> bool:
    """Whether the worker holds a member that does not wait, or holds none although one is free.

    A lease on a member that is done holds nothing any more, though no entry says that it ended.
    """
    free = False
    for m in population.members:
        if m.done:
            continue
        taken = m.lease is not None and not m.lease.ended
        if m.lease is not None and taken and m.lease.nonce.startswith(token):
            return not m.waits
        free = free or not (taken or m.waits or m.paused)
    return free
