"""``python -m pbt.server.reading FD``: the process that follows journals and computes views.

It reads journals only, is told of requests by a socket that it inherits, and ends when the other end of that is
closed, however the server ended. It is `nice`: where processors are scarce, reports go first.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import time
from collections import OrderedDict, deque
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from pbt.errors import NotFound, PBTError
from pbt.opening.folder import MARK
from pbt.population.member import MemberState
from pbt.server.backends import Backend, FolderBackend, Reader
from pbt.server.frames import Ask, Begin, Frames, Incoming, Message, Silent, Told, Watch, packed
from pbt.views.asked import Asked
from pbt.views.catalogue import JSON, View, view
from pbt.views.followed import Followed
from pbt.views.judge import Held, for_a_while, in_training, judge_in
from pbt.views.overview import line, state_of_all, top_of
from pbt.views.shapes import Event, Line

EVERY = 0.25
"""Seconds between two looks at the populations that are watched."""
PATIENCE = 1.0
"""Seconds for which a view waits for all entries; a longer journal is shown up to where it was read, and read on."""
_SLICE = 500
"""Entries that are read between two looks at the requests."""
_NAMES_EVERY = 2.0
MOST_REPORTS = 2_000_000
"""Reports of all followed populations together; beyond, those that nobody asked about longest are forgotten."""
_JUDGED_FOR = 1.0
"""Seconds for which nobody looks again who lives."""
_KEPT = 32
"""Answers that are kept for those who ask the same."""
NICE = 10


class _Kept(NamedTuple):
    """A view, and as of which entry it is."""

    entry: int
    view: View


class Place:
    """A population: its journal, what was read of it, and the answers for its last entry."""

    def __init__(self, name: str, mark: bytes, journal: Reader, held: Held) -> None:
        self.name = name
        self.mark = mark
        self.journal = journal
        self.followed = Followed(journal)
        self.followed.held = held
        self.behind = True
        self._judged_until = 0.0
        self._in_training: tuple[int, ...] = ()
        self._kept: OrderedDict[object, _Kept] = OrderedDict()

    def read_on(self) -> None:
        """Read a few entries more."""
        self.behind = self.followed.catch_up(_SLICE) == _SLICE

    def view(self, name: str, asked: Asked, strategies: frozenset[str]) -> _Kept:
        """A view as of the last entry that was read; computed once."""
        key, entry = (name, asked.key, self._holders()), self.followed.entry
        kept = self._kept.get(key)
        if kept is None or kept.entry != entry:
            found = view(name, self.name, self.followed, asked, strategies)
            kept = self._kept[key] = _Kept(entry, found)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept

    def _holders(self) -> tuple[int, ...]:
        """Members in training: of a worker's death the journal says nothing, and views do."""
        now = time.monotonic()
        if now >= self._judged_until and self.followed.exists:
            self._judged_until = now + _JUDGED_FOR
            self._in_training = tuple(m.id for m in in_training(self.followed.population, self.followed.held))
        return self._in_training


class Reading:
    """All populations that were asked about.

    Args:
        begun: where they are.
    """

    def __init__(self, begun: Begin) -> None:
        self._folder = Path(begun.folder)
        self._backing = _backing(self._folder, begun.database)
        self._strategies = frozenset(begun.strategies)
        self._places: OrderedDict[str, Place] = OrderedDict()
        self._told: dict[str, tuple[int, str]] = {}
        self._silent: dict[str, frozenset[tuple[int, int]]] = {}
        self._watched: frozenset[str] = frozenset()
        self._everything = False
        self._names: list[str] = []
        self._looked = 0.0

    @property
    def watching(self) -> bool:
        """Whether anybody wants to be told of changes."""
        return self._everything or bool(self._watched)

    def answer(self, ask: Ask) -> Told:
        """Answer one request."""
        try:
            if not ask.population:
                return Told(ask.id, 200, JSON, 0, msgspec.json.encode([self._line(n) for n in self._backing.names()]))
            asked = Asked(ask.query)
            place = self._caught_up(ask.population)
            if ask.known == place.followed.entry:
                return Told(ask.id, 304, JSON, ask.known)
            found = place.view(ask.view, asked, self._strategies)
            return Told(ask.id, 200, found.view.media, found.entry, found.view.body)
        except PBTError as error:
            return Told(ask.id, error.status, error.code, 0, str(error).encode())
        except (OSError, LookupError, ArithmeticError, TypeError, ValueError) as error:
            self._forget(ask.population)
            return Told(ask.id, 500, PBTError.code, 0, f"the view could not be computed ({error!r})".encode())

    def watch(self, watch: Watch) -> bool:
        """From now on tell of these, of each first how it stands; whether any of them was not watched before."""
        names, more = frozenset(watch.names), watch.everything and not self._everything
        fresh = more or not (self._everything or names <= self._watched)
        if not watch.everything:
            self._told = {name: told for name, told in self._told.items() if name in names}
        self._watched, self._everything = names, watch.everything
        if more:
            self._looked = 0.0
        return fresh

    def note(self, silent: Silent) -> None:
        """Take these leases for nobody's: the server hears who lives, this process does not."""
        self._silent[silent.population] = silent.leases

    def look(self) -> Frames:
        """What has changed in the populations that are watched since the last look."""
        if self._everything and time.monotonic() - self._looked >= _NAMES_EVERY:
            self._looked = time.monotonic()
            with suppress(PBTError):
                self._names = self._backing.names()
        found: dict[str, bytes] = {}
        for name in sorted(self._watched.union(self._names if self._everything else ())):
            event = self._event(name)
            if event is not None and self._told.get(name) != (event.entry, event.state):
                self._told[name] = event.entry, event.state
                said = msgspec.json.encode(event)
                found[name] = b"id: %d\nevent: population\ndata: %s\n\n" % (event.entry, said)
        return Frames(found)

    def read_on(self) -> bool:
        """Read on where there is more; whether there is still."""
        for name, place in [(n, p) for n, p in self._places.items() if p.behind]:
            try:
                place.read_on()
            except PBTError:
                self._forget(name)
        return any(place.behind for place in self._places.values())

    def _event(self, name: str) -> Event | None:
        try:
            place = self._place(name)
            place.read_on()
        except NotFound:
            return None
        except PBTError:
            self._forget(name)
            return Event(name, 0, "broken", 0, None)
        if not place.followed.exists:
            return Event(name, 0, "empty", 0, None)
        p = place.followed.population
        return Event(name, p.count, state_of_all(place.followed), p.reports, top_of(p))

    def _line(self, name: str) -> Line:
        try:
            return line(name, self._caught_up(name, PATIENCE / 4).followed)
        except PBTError:
            return Line(name, "broken")

    def _caught_up(self, name: str, patience: float = PATIENCE) -> Place:
        """A population, all of it read unless that takes too long."""
        place = self._place(name)
        end = time.monotonic() + patience
        place.behind = True
        try:
            while place.behind and time.monotonic() < end:
                place.read_on()
        except PBTError:
            self._forget(name)
            raise
        return place

    def _place(self, name: str) -> Place:
        """A population that is followed from now on; one whose folder was made anew is read anew.

        Raises:
            NotFound: there is none of this name.
        """
        mark = self._mark(name)
        place = self._places.get(name)
        if place is not None and place.mark != mark:
            self._forget(name)
            place = None
        if place is None:
            if not self._backing.has(name):
                raise NotFound(f"no population {name[:80]!r} on this server")
            self._make_room()
            place = self._places[name] = Place(name, mark, self._backing.reader(name), self._held(name))
        self._places.move_to_end(name)
        return place

    def _held(self, name: str) -> Held:
        """Who lives: seen where workers use the folder itself, and as the server hears it."""
        seen = None if self._backing.database else for_a_while(judge_in(self._folder / name))

        def judge(m: MemberState) -> bool:
            return (m.id, m.newest) not in self._silent.get(name, ()) and (seen is None or seen(m))

        return judge

    def _mark(self, name: str) -> bytes:
        try:
            return (self._folder / name / MARK).read_bytes()
        except OSError:
            return b""

    def _make_room(self) -> None:
        while len(self._places) > 1 and sum(len(p.followed.steps) for p in self._places.values()) > MOST_REPORTS:
            self._forget(next(iter(self._places)))

    def _forget(self, name: str) -> None:
        place = self._places.pop(name, None)
        if place is not None:
            place.journal.close()


def _backing(folder: Path, database: str) -> Backend:
    if not database:
        return FolderBackend(folder)
    from pbt.server.postgres import PostgresBackend

    return PostgresBackend(folder, database, every=None)


def serve(channel: socket.socket) -> None:
    """Answer until the other end is closed."""
    incoming, asks = Incoming(), deque[Ask]()
    reading: Reading | None = None
    due, behind = 0.0, False
    with selectors.DefaultSelector() as selector:
        selector.register(channel, selectors.EVENT_READ)
        while True:
            until = max(0.0, due - time.monotonic()) if reading is not None and reading.watching else None
            if selector.select(0 if asks or behind else until):
                data = channel.recv(1 << 16)
                if not data:
                    return
                for message in incoming.feed(data):
                    if isinstance(message, Begin):
                        reading = Reading(message)
                    elif isinstance(message, Watch) and reading is not None:
                        due = 0.0 if reading.watch(message) else due
                    elif isinstance(message, Silent) and reading is not None:
                        reading.note(message)
                    elif isinstance(message, Ask):
                        asks.append(message)
            if reading is None:
                continue
            if asks:
                _send(channel, reading.answer(asks.popleft()))
            if reading.watching and time.monotonic() >= due:
                due = time.monotonic() + EVERY
                frames = reading.look()
                if frames.frames:
                    _send(channel, frames)
            behind = reading.read_on() if not asks else behind


def _send(channel: socket.socket, message: Message) -> None:
    channel.sendall(packed(message))


def main(arguments: list[str]) -> None:
    """Serve on the descriptor that is named."""
    import gc
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(NICE)
    gc.set_threshold(200_000, 50, 100)  # what is kept of a journal has no cycles
    with socket.socket(fileno=int(arguments[0])) as channel, suppress(ConnectionError):
        serve(channel)


if __name__ == "__main__":
    main(sys.argv[1:])
