"""The server's side of the reading process: started at the first request for a view, and again if it dies."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import socket
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from pbt.errors import PBTError, Unavailable
from pbt.server.frames import Ask, Begin, Frames, Incoming, Silent, Told, Watch, packed

_log = logging.getLogger("pbt.server")
TIMEOUT = 60.0
"""Seconds after which a view is given up."""
WAITING = 256
"""Requests that may wait at once."""
FRESH = 1.0
"""Seconds for which a page that has an older view is given the same as others: else each new entry would have
everything computed for every page."""
_SHARED = 64
"""Views that are kept for that."""
_AGAIN = 0.5
"""Seconds after which a process that died is started again for the streams."""


class Stream:
    """Somebody who wants to be told of changes.

    Args:
        names: of populations; None: all.
    """

    def __init__(self, names: frozenset[str] | None) -> None:
        self.names = names
        self.changed = asyncio.Event()
        self._frames: dict[str, bytes] = {}
        self.ended = False

    def tell(self, frames: dict[str, bytes]) -> None:
        """Keep the newest frame of each population for when it is taken."""
        mine = frames if self.names is None else {n: f for n, f in frames.items() if n in self.names}
        if mine:
            self._frames.update(mine)
            self.changed.set()

    def take(self) -> bytes:
        """All that came since the last time."""
        self.changed.clear()
        frames, self._frames = self._frames, {}
        return b"".join(frames.values())

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self.changed.set()


class _Shared:
    """The last answer to one question, and the lock of whoever has it computed."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.told = Told(-1, 304, "", -1)
        self.made = 0.0

    def newer(self, known: int) -> bool:
        """Whether it will do for somebody who has the view as of entry `known`."""
        return self.told.entry > known and time.monotonic() - self.made < FRESH


class Reader:
    """Views and frames of a server's populations, computed elsewhere.

    Args:
        folder: the server's.
        database: that has the journals; "": none.
        strategies: names of those that may be imported to describe themselves.
    """

    def __init__(self, folder: Path, database: str, strategies: Iterable[str]) -> None:
        self._begin = Begin(str(folder.absolute()), database, tuple(sorted(strategies)))
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._starting: asyncio.Lock | None = None
        self._waiting: dict[int, asyncio.Future[Told]] = {}
        self._ids = itertools.count()
        self._shared: OrderedDict[tuple[str, str, str], _Shared] = OrderedDict()
        self._streams: set[Stream] = set()
        self._known: dict[str, bytes] = {}
        self._silent: dict[str, frozenset[tuple[int, int]]] = {}
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The process; None: none runs."""
        return None if self._writer is None or self._process is None else self._process.pid

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._streams)

    async def ask(self, population: str = "", view: str = "", query: str = "", known: int = -1) -> Told:
        """The answer of the reading process, or the one that somebody else got a moment ago, if it is newer.

        Args:
            known: as of which entry the asker has the view; -1: not at all, and the newest is wanted.

        Raises:
            Unavailable: too many wait, it takes too long, or the process can not live.
        """
        if known < 0:
            return await self._asked(population, view, query, known)
        shared = self._shared_of((population, view, query))
        async with shared.lock:
            if not shared.newer(known):
                told = await self._asked(population, view, query, known)
                if told.status != 200:
                    return told
                shared.told, shared.made = told, time.monotonic()
            return shared.told

    def _shared_of(self, key: tuple[str, str, str]) -> _Shared:
        found = self._shared[key] = self._shared.get(key) or _Shared()
        self._shared.move_to_end(key)
        if len(self._shared) > _SHARED:
            self._shared.popitem(last=False)
        return found

    async def _asked(self, population: str, view: str, query: str, known: int) -> Told:
        """The answer of the reading process; one that dies over it is started again, once."""
        if len(self._waiting) >= WAITING:
            raise Unavailable(f"{WAITING} requests for views wait already: ask again later")
        for _ in range(2):
            writer = await self._started()
            ask = Ask(next(self._ids), population, view, query, known)
            future = self._waiting[ask.id] = asyncio.get_running_loop().create_future()
            try:
                writer.write(packed(ask))
                async with asyncio.timeout(TIMEOUT):
                    told: Told = await future
                return told
            except TimeoutError:
                raise Unavailable(f"the view took more than {TIMEOUT:g} s: ask for less, or again later") from None
            except ConnectionError:
                continue
            finally:
                self._waiting.pop(ask.id, None)
        raise Unavailable("the process that reads journals has died twice over this view; see the server's output")

    def note_silent(self, population: str, leases: frozenset[tuple[int, int]]) -> None:
        """Have views say of these (member, lease) that nobody trains them."""
        if self._silent.get(population, frozenset()) != leases:
            self._silent[population] = leases
            if self._writer is not None:
                self._writer.write(packed(Silent(population, leases)))

    async def open(self, names: frozenset[str] | None) -> Stream:
        """A stream of these populations' frames, at first of how each stands."""
        stream = Stream(names)
        await self._started()
        self._streams.add(stream)
        stream.tell(self._known)
        self._watch()
        return stream

    def close_stream(self, stream: Stream) -> None:
        """Nobody takes its frames any longer."""
        self._streams.discard(stream)
        self._watch()

    def release(self) -> None:
        """End the streams: the server is closing."""
        self._closed = True
        for stream in self._streams:
            stream.end()

    def close(self) -> None:
        """End the process. It ends by itself as soon as this one's end of the socket is closed."""
        self._closed = True
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            if self._writer is not None:
                self._writer.close()
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    async def _started(self) -> asyncio.StreamWriter:
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if self._closed:
                raise Unavailable("the server is closing: ask again")
            if self._writer is None:
                here, there = socket.socketpair()
                self._process = await asyncio.to_thread(_start, there, self._process)
                reader, self._writer = await asyncio.open_unix_connection(sock=here)
                self._writer.write(packed(self._begin))
                for population, leases in self._silent.items():
                    self._writer.write(packed(Silent(population, leases)))
                self._listening = asyncio.create_task(self._listen(reader))
                self._known = {}
                self._watch()
            return self._writer

    def _watch(self) -> None:
        """Say which populations are watched now."""
        if self._writer is None:
            return
        everything = any(s.names is None for s in self._streams)
        names = {n for s in self._streams for n in s.names or ()}
        self._known = {n: f for n, f in self._known.items() if everything or n in names}
        self._writer.write(packed(Watch(tuple(sorted(names)), everything)))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        incoming = Incoming()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 18):
                for message in incoming.feed(data):
                    if isinstance(message, Told):
                        future = self._waiting.get(message.id)
                        if future is not None and not future.done():
                            future.set_result(message)
                    elif isinstance(message, Frames):
                        self._tell(message.frames)
        self._writer = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError())
        if not self._closed:
            _log.warning("the process that reads journals for views has ended; it is started again when it is needed")
            await self._start_again()

    def _tell(self, frames: dict[str, bytes]) -> None:
        fresh = {name: frame for name, frame in frames.items() if self._known.get(name) != frame}
        self._known.update(fresh)
        for stream in self._streams:
            stream.tell(fresh)

    async def _start_again(self) -> None:
        while self._streams and not self._closed and self._writer is None:
            await asyncio.sleep(_AGAIN)
            with contextlib.suppress(PBTError, OSError):
                await self._started()


def _start(there: socket.socket, before: subprocess.Popen[bytes] | None) -> subprocess.Popen[bytes]:
    """Start the process on its end of a socket; the one before has ended."""
    if before is not None:
        before.kill()
        before.wait()
    command = [sys.executable, "-m", "pbt.server.reading", str(there.fileno())]
    with there:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, pass_fds=[there.fileno()], env=dict(os.environ), start_new_session=True
        )
