"""Signs of life that reach a server over the network: a counter a lease, in the server's memory."""

from __future__ import annotations

import time
from collections.abc import Callable

from pbt.liveness.flock import TERM
from pbt.liveness.liveness import Liveness
from pbt.population.member import Lease

MOST = 5.0
"""Seconds that pass at most between two moments in which this server was seen to run."""


class MemoryLiveness:
    """Leases given by this server; those that workers took in the folder itself are judged by the folder's liveness.

    After the server's restart every lease has a full term. Time passes only while the server runs: one that was
    stopped for a minute has not yet read the holders' requests of that minute.

    Attributes:
        heard: by (member, number of the lease): when its holder was last heard of, in seconds of this server's time.
    """

    kind = "server"

    def __init__(self, folder: Liveness, clock: Callable[[], float] = time.monotonic, term: float = TERM) -> None:
        self._folder = folder
        self._clock = clock
        self._term = term
        self._seen = clock()
        self._behind = 0.0
        self.heard: dict[tuple[int, int], float] = {}
        self._newest: dict[int, int] = {}

    def tick(self) -> None:
        """The server runs."""
        self._now()

    def _now(self) -> float:
        """The clock, less the time in which the server did not run."""
        seen, self._seen = self._seen, self._clock()
        self._behind += max(0.0, self._seen - seen - MOST)
        return self._seen - self._behind

    def hold(self, member: int, number: int, block: str = "") -> str:
        """A lease is about to be given."""
        self._note(member, number)
        return self.kind

    def beat(self, member: int, number: int) -> None:
        """Note a sign of life of its holder."""
        self._note(member, number)

    def _note(self, member: int, number: int) -> float:
        before = self._newest.setdefault(member, number)
        if before != number:  # a member has one holder: earlier leases are over
            self.heard.pop((member, before), None)
            self._newest[member] = number
        self.heard[member, number] = now = self._now()
        return now

    def let_go(self, member: int) -> None:
        """Its holder trains it no longer."""
        self.heard.pop((member, self._newest.pop(member, 0)), None)

    def dead(self, member: int, lease: Lease) -> bool:
        """Whether there was no sign of life of the holder for a term."""
        if lease.sign != self.kind:
            return self._folder.dead(member, lease)
        last = self.heard.get((member, lease.number))
        if last is None:
            last = self._note(member, lease.number)
        return self._now() - last > self._term
