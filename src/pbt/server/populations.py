"""Rooms: one population each, with its coordinator, and commits in groups.

A group is whatever asked while the last commit ran: nobody sleeps to fill one. The commit runs in a
thread of the room's own, so that a slow disk delays the answers that need it and nobody else; where one
connection asks alone, there is nobody to delay, and the way to the thread and back is saved.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from pbt.coordinator.answer import Answer
from pbt.coordinator.commands import Ask, ReportAsk, TellAsk
from pbt.coordinator.coordinator import Coordinator, Outcome
from pbt.coordinator.leasing import held
from pbt.errors import Invalid, PBTError, SettingsError
from pbt.population.entries import Report
from pbt.server.backends import Backing, InFolders, Kept
from pbt.server.limits import ROOMS, limits
from pbt.server.routes import NAME
from pbt.server.tls import OWN
from pbt.settings import Wanted
from pbt.strategies.registry import KNOWN
from pbt.wire.keys import KEY_FILE, READ_KEY_FILE, SEAT
from pbt.wire.messages import HOLD

_log = logging.getLogger("pbt.server")
_RESERVED = frozenset((KEY_FILE, READ_KEY_FILE, SEAT, OWN))
"""Files of the server's own, beside the populations."""
IDLE = 600.0
"""Seconds after which a population that nobody trains or asks for is closed."""
_TICK = 1.0
_LOOK_AGAIN = 1.0
"""Seconds after which a waiting question looks again: others may append to the folder too."""
_LATELY, _INLINE = 0.02, 0.005
"""Seconds: connections that ask within the first share commits; a commit that takes longer than the second never
again holds up the loop."""
T = TypeVar("T")
Group = list[tuple[Ask, "asyncio.Future[list[Answer]]"]]


class Room:
    """One population."""

    def __init__(self, kept: Kept) -> None:
        self.folder = kept.folder
        self.alive = kept.alive
        self.coordinator = Coordinator(kept.journal, kept.alive)
        self._near = kept.near
        self._give_back = kept.give_back
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="commit", daemon=True)
        self._thread.start()
        self._queue: Group = []
        self._committing = False
        self._busy = 0
        self._slow = False
        self._asker: object = None
        self._asked = 0.0
        self._count = 0
        self._changed = asyncio.Event()
        self._closing = False
        self.users = 0
        self.used = time.monotonic()

    @contextmanager
    def in_use(self) -> Iterator[Room]:
        """While somebody is being answered, which may take several commits."""
        self.users += 1
        try:
            yield self
        finally:
            self.users -= 1
            self.used = time.monotonic()

    @property
    def idle(self) -> bool:
        """Whether it may be closed: nobody asks, and nobody lives whose signs of life only this room knows."""
        if self.users or self._busy or self._queue or self._committing:
            return False
        members = self.coordinator.population.members if self.coordinator.exists else ()
        return not any(
            m.lease is not None and m.lease.sign == self.alive.kind and not m.done and held(m, self.alive)
            for m in members
        )

    def ask(self, ask: Ask, asker: object = None) -> asyncio.Future[list[Answer]]:
        """Answer after the commit of the group that this ask is in.

        Args:
            asker: the connection that the ask came by.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Answer]] = loop.create_future()
        lone = self._is_lone(asker, loop.time())
        if lone and self._busy == 0:
            began = loop.time()
            self._deliver([(ask, future)], self._serve([ask]))
            self._slow = loop.time() - began > _INLINE
        else:
            self._queue.append((ask, future))
            if not self._committing:
                self._commit_next(loop)
        return future

    def _is_lone(self, asker: object, now: float) -> bool:
        """Whether one connection alone has asked lately, and the disk is quick: then a thread would only cost."""
        others = asker != self._asker and now - self._asked < _LATELY
        self._asker, self._asked = asker, now
        return asker is not None and self._near and not others and not self._slow

    def _commit_next(self, loop: asyncio.AbstractEventLoop) -> None:
        group, self._queue = self._queue, []
        self._committing = bool(group)
        if group:
            asks = [ask for ask, _ in group]
            self._busy += 1
            self._jobs.put(lambda: _call(loop, self._committed, loop, group, self._serve(asks)))

    def _committed(self, loop: asyncio.AbstractEventLoop, group: Group, outcomes: Sequence[Outcome]) -> None:
        self._busy -= 1
        self._slow = False
        self._commit_next(loop)
        self._deliver(group, outcomes)

    def _deliver(self, group: Group, outcomes: Sequence[Outcome]) -> None:
        self._tell_if_changed()
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if future.cancelled():
                continue
            if isinstance(outcome, PBTError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _serve(self, asks: Sequence[Ask]) -> Sequence[Outcome]:
        try:
            return self.coordinator.serve(asks)
        except PBTError as error:
            return [error] * len(asks)
        except Exception as error:
            _log.exception("serving %s", self.folder)
            return [_unforeseen(error)] * len(asks)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    async def call(self, work: Callable[[], T]) -> T:
        """Run something on the room's thread, between two commits."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            try:
                result = work()
            except PBTError as error:
                _call(loop, self._called, future, None, error)
            except BaseException as error:
                _log.exception("in the room of %s", self.folder)
                _call(loop, self._called, future, None, _unforeseen(error))
            else:
                _call(loop, self._called, future, result, None)

        self._busy += 1
        self._jobs.put(job)
        return await future

    def _called(self, future: asyncio.Future[Any], result: object, error: Exception | None) -> None:
        self._busy -= 1
        self._tell_if_changed()
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def _tell_if_changed(self) -> None:
        count = self.coordinator.population.count if self.coordinator.exists else 0
        if count != self._count:
            self._count = count
            self._changed.set()
            self._changed = asyncio.Event()

    def beat(self, member: int, lease: int) -> None:
        """Note a sign of life, if it is that of a member's newest lease: nobody else's life matters."""
        members = self.coordinator.population.members if self.coordinator.exists else ()
        if 0 <= member < len(members) and members[member].newest == lease:
            self.alive.beat(member, lease)

    async def report(self, reports: Sequence[Report], asker: object) -> list[Answer]:
        """Record reports; a question that must wait is held until something changes, `HOLD` seconds at most."""
        for report in reports:
            self.beat(report.member, report.lease)
        loop = asyncio.get_running_loop()
        end = loop.time() + HOLD
        ask = ReportAsk(reports, self.alive)
        while True:
            changed = self._changed
            answers = await self.ask(ask, asker)
            waiting = [a for a in answers if a.wait and not a.released]
            if not waiting or self._closing or loop.time() >= end:
                return answers
            if not await self._move_on(waiting):
                await _wait(changed, _LOOK_AGAIN)

    async def _move_on(self, waiting: Sequence[Answer]) -> bool:
        """Explore what is owed, or declare absent whom the barrier waits for in vain; whether there was anything."""
        for answer in waiting:
            assert answer.member is not None
            owed = self.coordinator.owed_to(answer.member)
            if owed is not None:
                await self.ask(await asyncio.to_thread(owed.explore))
                return True
        absent = self.coordinator.absentees()
        if absent is not None:
            await self.ask(TellAsk(absent))
        return absent is not None

    def hush(self) -> None:
        """Answer held questions now: the server is closing."""
        self._closing = True
        self._changed.set()

    def close(self) -> None:
        """Finish the present commit and give everything back."""
        self._jobs.put(None)
        self._thread.join()
        self.coordinator.close()
        self._give_back()


def is_name(name: str) -> bool:
    """Whether it may name a population."""
    return re.fullmatch(NAME, name) is not None and name not in _RESERVED


def _unforeseen(error: BaseException) -> PBTError:
    return PBTError(f"the server has failed in an unforeseen way ({type(error).__name__}: {error}); see its output")


def _call(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *arguments: object) -> None:
    """Have the loop call something, unless it has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(what, *arguments)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


class Rooms:
    """All populations of a server, by name, each in its own folder below the server's.

    Args:
        defaults: settings that a new population has where nobody asks for others.
        strategies: strategies of the user's own, as module:Class, that workers may ask for. No other name is
            imported because a request says so.
        backing: where they are kept; by default in the folders themselves.
    """

    def __init__(
        self, folder: Path, defaults: Wanted, strategies: Iterable[str] = (), backing: Backing | None = None
    ) -> None:
        self.folder = folder
        self._backing = InFolders(folder) if backing is None else backing
        self.defaults = defaults
        self.strategies = frozenset((*KNOWN, *strategies))
        self._rooms: dict[str, Room] = {}
        self._clock: asyncio.TimerHandle | None = None

    def room(self, name: str) -> Room:
        """The room of a population; its folder is made if need be.

        It may be closed as soon as nobody has it `in_use`: whoever gives up control meanwhile asks for it again.

        Raises:
            Invalid: for a name that is none.
            SettingsError: as many as may be are open, and none of them is idle.
        """
        if name not in self._rooms:
            if not is_name(name):
                raise Invalid(f"{name[:80]!r} can not name a population: letters, digits, '.', '_' and '-', up to 64")
            self._make_way()
            self._rooms[name] = Room(self._backing.open(name))
            self._keep_time()
        return self._rooms[name]

    def opened(self, name: str) -> Room | None:
        """The room of a population that is open already."""
        return self._rooms.get(name)

    def names(self) -> list[str]:
        """All populations that exist."""
        return self._backing.names()

    async def exists(self, name: str) -> bool:
        """Whether there is a population of this name; asking opens nothing."""
        return name in self._rooms or (is_name(name) and await asyncio.to_thread(self._backing.has, name))

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
        """Close what is idle, until one more population can be opened."""
        allowed = limits()
        for name, room in sorted(self._rooms.items(), key=lambda item: item[1].used):
            if len(self._rooms) < allowed.rooms:
                return
            if room.idle:
                self._rooms.pop(name).close()
        if len(self._rooms) >= allowed.rooms:
            raise SettingsError(
                f"{len(self._rooms)} populations are in training on this server, as many as its limit of "
                f"{allowed.files} open files allows: raise that (ulimit -n) up to where {ROOMS} populations fit, "
                "or start another server on a folder of its own"
            )

    def _keep_time(self) -> None:
        """Once a second as long as requests are read: then it is the holders' own silence that counts."""
        if self._clock is None:
            with suppress(RuntimeError):  # no loop: a test's
                self._clock = asyncio.get_running_loop().call_later(_TICK, self._tick)

    def _tick(self) -> None:
        self._clock = asyncio.get_running_loop().call_later(_TICK, self._tick)
        for name, room in list(self._rooms.items()):
            room.alive.tick()
            if time.monotonic() - room.used > IDLE and room.idle:
                self._rooms.pop(name).close()

    def hush(self) -> None:
        """See `Room.hush`."""
        if self._clock is not None:
            self._clock.cancel()
        for room in self._rooms.values():
            room.hush()

    def close(self) -> None:
        """Close every room."""
        for room in self._rooms.values():
            room.close()
        self._backing.close()
