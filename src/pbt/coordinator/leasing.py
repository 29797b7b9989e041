"""Which members may be leased, and which a barrier waits for in vain."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from heapq import heapify, heappop

from pbt.liveness.liveness import Liveness
from pbt.population.entries import Absent
from pbt.population.losses import against, nothing_to_show
from pbt.population.member import MemberState
from pbt.population.population import Population


def held(m: MemberState, alive: Liveness) -> bool:
    """Whether a living worker holds the member."""
    return m.lease is not None and not m.lease.ended and not alive.dead(m.id, m.lease)


def available(population: Population, alive: Liveness) -> Iterator[MemberState]:
    """Members that may be leased: not done, neither paused nor waiting for a decision, held by no living worker.

    The order is that of leasing: furthest behind first, standing before not standing, then by id. Behind all of them
    come those whose last lease had nothing to show while it is not known yet whose fault that was, the oftener so the
    later: the next to be tried is one that may bring the evidence.
    """
    free = [
        (_unexplained(population, m), m.saved_step, not m.standing, m.id) for m in population.members if _trainable(m)
    ]
    heapify(free)
    while free:
        m = population.members[heappop(free)[3]]
        if not held(m, alive):
            yield m


def _trainable(m: MemberState) -> bool:
    """It may be leased if nobody holds it."""
    return not (m.done or m.due or m.paused)


def _unexplained(population: Population, m: MemberState) -> int:
    """How many of its last leases had nothing to show and count against neither member nor worker so far."""
    return m.misses + 1 if nothing_to_show(m) and not against(population, m) else 0


def further_behind(population: Population, than: int, step: int, alive: Liveness) -> bool:
    """Whether an available member is further behind than member `than` at `step`."""
    return any(m.saved_step < step and m.id != than and not held(m, alive) for m in population.members if _trainable(m))


def round_lacks_free(population: Population, alive: Liveness) -> bool:
    """Whether no living worker holds a member that the barrier's round still lacks."""
    return any(m.living and _trainable(m) and not held(m, alive) for m in population.members)


def gone(population: Population, alive: Liveness) -> tuple[tuple[int, int], ...]:
    """(member, newest lease number) of members of an open population whose workers are dead: they rank no longer."""
    if population.settings.members is not None:
        return ()
    return tuple((m.id, m.lease.number) for m in population.members if m.living and m.lease and not held(m, alive))


class Missing:
    """Members without a living holder, and since when, on this observer's own monotonic clock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[tuple[int, int], float] = {}

    def absent(self, population: Population, alive: Liveness) -> Absent | None:
        """Members that a barrier does not wait for any longer: without a living holder for `barrier_timeout`."""
        if not population.settings.synchronous:
            return None
        missing = self._longer_than(population.settings.barrier_timeout, population, alive)
        return Absent(missing) if missing else None

    def _longer_than(self, seconds: float, population: Population, alive: Liveness) -> tuple[tuple[int, int], ...]:
        """(member, newest lease number) of living members that no living worker has held for that long.

        Nobody may take up a paused one: the barrier waits until it is resumed.
        """
        now = self._clock()
        lacking = (m for m in population.members if m.living and _trainable(m))
        missing = [(m.id, m.newest) for m in lacking if not held(m, alive)]
        self._since = {key: self._since.get(key, now) for key in missing}
        return tuple(key for key, since in self._since.items() if now - since >= seconds)
