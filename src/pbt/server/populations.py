"""The populations of a server: each, with its coordinator, and commits in groups.

A group is all requests that came while the last commit ran: none waits to fill one. The commit runs in a
thread of the population's own, so that a slow disk delays only the answers that need it; where one
connection asks alone, there is no other to delay, and the way to the thread and back is saved.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from pbt.errors import Invalid, NotFound, SettingsError
from pbt.server.backends import Backend, FolderBackend
from pbt.server.limits import MOST_OPEN, limits
from pbt.server.reader import Reader
from pbt.server.routes import NAME
from pbt.server.served import ServedPopulation
from pbt.server.tls import OWN
from pbt.settings import Wanted
from pbt.strategies.registry import KNOWN
from pbt.wire.keys import KEY_FILE, READ_KEY_FILE

_log = logging.getLogger("pbt.server")
_RESERVED = frozenset((KEY_FILE, READ_KEY_FILE, OWN))
"""Files of the server's own, beside the populations."""
_NAMED = 10
"""Populations that are named to who asks for one that is not there."""
UNNAMED = "default"
"""The population of a URL that names none."""
IDLE = 600.0
"""Seconds without training or requests after which a population is closed."""
_TICK = 1.0
SILENCE = 5
"""Ticks between two looks for holders that are not heard of any longer."""


def is_name(name: str) -> bool:
    """Whether it may name a population."""
    return re.fullmatch(NAME, name) is not None and name not in _RESERVED


class Populations:
    """All populations of a server, by name, each in its own folder below the server's.

    Args:
        defaults: settings of a new population where its creator asks for no others.
        strategies: strategies of the user's own, as module:Class, that workers may ask for. No other name is
            imported because a request says so.
        backing: where they are kept; by default in the folders themselves.
    """

    def __init__(
        self, folder: Path, defaults: Wanted, strategies: Iterable[str] = (), backing: Backend | None = None
    ) -> None:
        self.folder = folder
        self._backing = FolderBackend(folder) if backing is None else backing
        self.defaults = defaults
        self.strategies = frozenset((*KNOWN, *strategies))
        self.reader = Reader(folder, self._backing.database, self.strategies)
        self._populations: dict[str, ServedPopulation] = {}
        self._clock: asyncio.TimerHandle | None = None
        self._ticks = 0

    def served(self, name: str) -> ServedPopulation:
        """A population by its name; its folder is made if need be.

        It may be closed as soon as no request has it `in_use`: a coroutine that awaits meanwhile asks for it again.

        Raises:
            Invalid: for a name that is none.
            SettingsError: as many as may be are open, and none of them is idle.
        """
        if name not in self._populations:
            if not is_name(name):
                raise Invalid(f"{name[:80]!r} can not name a population: letters, digits, '.', '_' and '-', up to 64")
            self._make_way()
            self._populations[name] = ServedPopulation(self._backing.open(name))
            self._keep_time()
        return self._populations[name]

    def opened(self, name: str) -> ServedPopulation | None:
        """A population that is open already."""
        return self._populations.get(name)

    @property
    def in_training(self) -> frozenset[str]:
        """The names of those that are open now."""
        return frozenset(self._populations)

    def names(self) -> list[str]:
        """All populations that exist."""
        return self._backing.names()

    async def exists(self, name: str) -> bool:
        """Whether there is a population of this name; asking opens nothing."""
        return name in self._populations or (is_name(name) and await asyncio.to_thread(self._backing.has, name))

    async def check_exists(self, name: str) -> None:
        """Raises: NotFound: there is no population of this name; those that there are are named."""
        if not await self.exists(name):
            there = await asyncio.to_thread(self.names)
            more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
            known = f"it has {', '.join(there[:_NAMED])}{more}: name one in the URL" if there else "it has none yet"
            example = f", as in http://host:port/{there[0]}" if there else ""
            unnamed = " (which a URL without a name means)" if name == UNNAMED else ""
            raise NotFound(f"no population {name[:80]!r}{unnamed} on this server; {known}{example}")

    def read(self, name: str, after: int, limit: int) -> list[bytes]:
        """Entries of a population that is not open, which stays so: reading takes nothing that it does not give back.

        Any thread may ask.
        """
        journal = self._backing.reader(name)
        try:
            return list(islice(journal.read(after), limit))
        finally:
            journal.close()

    def _make_way(self) -> None:
        """Close idle populations until one more can be opened."""
        allowed = limits()
        for name, served in sorted(self._populations.items(), key=lambda item: item[1].used):
            if len(self._populations) < allowed.populations:
                return
            if served.idle:
                self._populations.pop(name).close()
        if len(self._populations) >= allowed.populations:
            raise SettingsError(
                f"{len(self._populations)} populations are in training on this server, as many as its limit of "
                f"{allowed.files} open files allows: raise that (ulimit -n) up to where {MOST_OPEN} populations fit, "
                "or start another server on a folder of its own"
            )

    def _keep_time(self) -> None:
        """Once a second as long as requests are read: then it is the holders' own silence that counts."""
        if self._clock is None:
            with suppress(RuntimeError):  # no loop: a test's
                self._clock = asyncio.get_running_loop().call_later(_TICK, self._tick)

    def _tick(self) -> None:
        self._clock = asyncio.get_running_loop().call_later(_TICK, self._tick)
        self._ticks += 1
        for name, served in list(self._populations.items()):
            served.alive.tick()
            if self._ticks % SILENCE == 0 and self.reader.pid is not None:
                self.reader.note_silent(name, served.silent())
            if time.monotonic() - served.used > IDLE and served.idle:
                self._populations.pop(name).close()

    def release_waiters(self) -> None:
        """See `ServedPopulation.release_waiters`."""
        if self._clock is not None:
            self._clock.cancel()
        for served in self._populations.values():
            served.release_waiters()
        self.reader.release()

    def close(self) -> None:
        """Close every population."""
        self.reader.close()
        for served in self._populations.values():
            served.close()
        self._backing.close()
