"""Signs of life that reach a server over the network: a counter a lease, in the server's memory."""

from __future__ import annotations

import time
from collections.abc import Callable

from pbt.alive import Alive
from pbt.flock import TERM
from pbt.population.member import Lease


class Beats:
    """Leases given by this server; those that workers took in the folder itself are judged by their signs there.

    After the server's restart every lease has a full term.
    """

    kind = "server"

    def __init__(self, folder: Alive, clock: Callable[[], float] = time.monotonic, term: float = TERM) -> None:
        self._folder = folder
        self._clock = clock
        self._term = term
        self._last: dict[tuple[int, int], float] = {}

    def hold(self, member: int, number: int) -> bool:
        """A lease is about to be given."""
        self._last[member, number] = self._clock()
        return True

    def beat(self, member: int, number: int) -> None:
        """Its holder lives."""
        self._last[member, number] = self._clock()

    def let_go(self, member: int) -> None:
        """Its holder trains it no longer."""
        self._last = {key: last for key, last in self._last.items() if key[0] != member}

    def dead(self, member: int, lease: Lease) -> bool:
        """Whether nothing was heard of the holder for a term."""
        if lease.sign != self.kind:
            return self._folder.dead(member, lease)
        last = self._last.setdefault((member, lease.number), self._clock())
        return self._clock() - last > self._term
