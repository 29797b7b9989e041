"""Signs of life that any of several servers may hear and every one of them judges: counters in PostgreSQL.

Signs of life are noted in memory; one thread a server writes them every few seconds, for all populations at once,
and reads those of the other servers. So a sign costs nothing in the path of a report, and time is only
ever taken from this observer's own monotonic clock.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from pbt.errors import Unavailable
from pbt.journals.database import OutcomeUnknown, Session
from pbt.liveness.flock import TERM
from pbt.population.member import Lease

_log = logging.getLogger("pbt.server")
BEAT_EVERY = 3.0
"""Seconds between two looks."""
_GAP = 15.0
"""Seconds between two looks after which a silence in between is unknown: every lease has a full term again."""
_ARRAYS = "unnest(%(populations)s::text[], %(members)s::bigint[], %(leases)s::bigint[])"
_BEAT = f"""
INSERT INTO pbt_beats (population, member, lease) SELECT * FROM {_ARRAYS}
ON CONFLICT (population, member, lease) DO UPDATE SET beats = pbt_beats.beats + 1
"""
_FORGET = f"""
DELETE FROM pbt_beats USING {_ARRAYS} AS given (population, member, lease)
WHERE pbt_beats.population = given.population AND pbt_beats.member = given.member AND pbt_beats.lease < given.lease
"""
_LOOK = "SELECT population, member, lease, beats FROM pbt_beats WHERE population = ANY(%(populations)s::text[])"
Key = tuple[int, int]
"""A member and the number of a lease."""


class New(NamedTuple):
    """Signs of life that one server has received, and leases that it has given, since its last look."""

    heard: set[Key]
    given: set[Key]


class HeartbeatTable:
    """The signs of life of all populations of a server.

    Args:
        session: with the database.
        every: seconds between two looks; None: only when `look` is called.
    """

    def __init__(
        self, session: Session, every: float | None = BEAT_EVERY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session = session
        self._clock = clock
        self._signs: dict[str, PostgresLiveness] = {}
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        if every is not None:
            self._thread = threading.Thread(target=self._keep_looking, args=(every,), name="beats", daemon=True)
            self._thread.start()

    def of(self, population: str) -> PostgresLiveness:
        """Those of one population."""
        return self._signs.setdefault(population, PostgresLiveness(self._clock))

    def look(self) -> None:
        """Write received signs of life, and read those of other servers.

        Raises:
            Unavailable, OutcomeUnknown: the database is away; no time passes for any lease until it is back.
        """
        signs = dict(self._signs)
        if not signs:
            return
        heard: list[tuple[str, int, int]] = []
        given: list[tuple[str, int, int]] = []
        for name, sign in sorted(signs.items()):
            new = sign.take()
            heard += ((name, *key) for key in sorted(new.heard))
            given += ((name, *key) for key in sorted(new.given))
        if heard:  # sorted: two servers that write the same rows must not wait for each other
            self._session.run(_BEAT, _columns(heard))
        if given:
            self._session.run(_FORGET, _columns(given))
        found: dict[str, dict[Key, int]] = {name: {} for name in signs}
        for name, member, lease, beats in self._session.ask(_LOOK, {"populations": list(signs)}):
            found[name][member, lease] = beats
        for name, sign in signs.items():
            sign.saw(found[name])

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _keep_looking(self, every: float) -> None:
        while not self._closing.wait(every):
            try:
                self.look()
            except (Unavailable, OutcomeUnknown) as error:
                _log.debug("signs of life can be neither written nor seen: %s", error)
            except Exception:
                _log.exception("signs of life")


class PostgresLiveness:
    """The signs of life of one population, as one server hears and sees them.

    Attributes:
        heard: by (member, number of the lease): when its holder was last heard of, in seconds of the clock.
    """

    kind = "postgres"

    def __init__(self, clock: Callable[[], float], term: float = TERM) -> None:
        self._clock = clock
        self._term = term
        self._lock = threading.Lock()
        self._looked = clock()
        self.heard: dict[Key, float] = {}
        self._beats: dict[Key, int] = {}
        self._new = New(set(), set())

    def hold(self, member: int, number: int, block: str = "") -> str:
        """A lease is about to be given."""
        with self._lock:
            self._new.given.add((member, number))
        self.beat(member, number)
        return self.kind

    def beat(self, member: int, number: int) -> None:
        """Its holder lives."""
        with self._lock:
            self.heard[member, number] = self._clock()
            self._new.heard.add((member, number))

    def tick(self) -> None:
        """Nothing to do: time passes with every look at the counters."""

    def let_go(self, member: int) -> None:
        """Its holder trains it no longer."""
        with self._lock:
            self.heard = {key: last for key, last in self.heard.items() if key[0] != member}

    def dead(self, member: int, lease: Lease) -> bool:
        """Whether neither this server nor another has heard of the holder for a term, as far as could be seen."""
        if lease.sign != self.kind:
            return False
        with self._lock:
            last = self.heard.setdefault((member, lease.number), self._clock())
            return self._looked - last > self._term

    def take(self) -> New:
        """Signs of life and leases since the last call. A new lease ends the earlier ones of its member."""
        with self._lock:
            new, self._new = self._new, New(set(), set())
            newest = dict(sorted(new.given))
            self.heard = {key: last for key, last in self.heard.items() if key[1] >= newest.get(key[0], 0)}
            return new

    def saw(self, beats: dict[Key, int]) -> None:
        """Take the counters, just read. One that moved is a sign of life; after a gap every lease has a full term."""
        with self._lock:
            now = self._clock()
            moved = set(self.heard) if now - self._looked > _GAP else set()
            moved.update(key for key, count in beats.items() if self._beats.get(key) != count)
            self.heard.update((key, now) for key in moved)
            newest = dict(sorted(self.heard))  # another server may have given the later ones
            self.heard = {key: last for key, last in self.heard.items() if key[1] == newest[key[0]]}
            self._beats, self._looked = beats, now


def _columns(rows: list[tuple[str, int, int]]) -> dict[str, list[str] | list[int]]:
    return {
        "populations": [name for name, _, _ in rows],
        "members": [member for _, member, _ in rows],
        "leases": [lease for _, _, lease in rows],
    }
