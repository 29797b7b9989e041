"""The same population seen in memory, in a folder, in one that machines share, behind a server, behind two."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
import types
from pathlib import Path
from typing import Any

import uvicorn
import uvicorn.server

from pbt.client.remote import Remote
from pbt.coordinator.coordinator import Coordinator
from pbt.journals.memory import MemoryJournal
from pbt.liveness.files import TERM, FilesLiveness, beat_now
from pbt.liveness.liveness import SameProcess
from pbt.opening import folder as folders
from pbt.population.entries import Entry, decode, encode
from pbt.population.fold import refold
from pbt.population.population import Population
from pbt.server.access import RequestCheck
from pbt.server.app import App
from pbt.server.backends import Backend
from pbt.server.keys import Key
from pbt.server.populations import Populations
from pbt.server.running import bind
from pbt.settings import Wanted
from tests.support.postgres import postgres

KEY = "a-key-for-tests-only"


class Dying(SameProcess):
    """Holders live until a test says otherwise."""

    def __init__(self) -> None:
        self.gone: set[tuple[int, int]] = set()

    def dead(self, member: int, lease: Any) -> bool:
        return (member, lease.number) in self.gone


class World:
    """A population, and coordinators that behave like those of so many processes."""

    journal: Any

    def coordinator(self) -> Any:
        raise NotImplementedError

    def die(self, coordinator: Any, member: int) -> None:
        """The process behind `coordinator`, which trains `member`, is gone without a word."""
        raise NotImplementedError

    def close(self) -> None:
        """Give everything back."""

    def check(self) -> None:
        """Whatever happened, the journal refolds to what its coordinators hold, and is written as it would be anew."""
        bodies = self.bodies
        assert [encode(decode(body)) for body in bodies] == bodies
        for coordinator in self.coordinators():
            if bodies:
                coordinator.catch_up()
                assert coordinator.population == self.population

    def coordinators(self) -> list[Coordinator]:
        """Those that live in this process."""
        return []

    @property
    def bodies(self) -> list[bytes]:
        return list(self.journal.read(0))

    @property
    def entries(self) -> list[Entry]:
        return [decode(body) for body in self.bodies]

    @property
    def population(self) -> Population:
        return refold(self.entries)


class MemoryWorld(World):
    def __init__(self, tmp_path: Path | None = None) -> None:
        self.journal = MemoryJournal()
        self.alive = Dying()
        self.opened: list[Coordinator] = []

    def coordinator(self) -> Coordinator:
        self.opened.append(Coordinator(self.journal, self.alive))
        return self.opened[-1]

    def coordinators(self) -> list[Coordinator]:
        return self.opened

    def die(self, coordinator: Any, member: int) -> None:
        lease = self.population.members[member].lease
        assert lease is not None
        self.alive.gone.add((member, lease.number))


class FolderWorld(World):
    kind = "sqlite"

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "population"
        self.opened: list[Coordinator] = []
        folders.prepare(self.folder, self.kind)

    @property
    def journal(self) -> Any:  # type: ignore[override]
        return folders.reader(self.folder)

    def coordinator(self) -> Coordinator:
        self.opened.append(folders.coordinator(self.folder))
        return self.opened[-1]

    def coordinators(self) -> list[Coordinator]:
        return self.opened

    def die(self, coordinator: Any, member: int) -> None:
        coordinator.let_go(member)

    def close(self) -> None:
        for coordinator in self.opened:
            coordinator.close()


class Watched(FilesLiveness):
    """Whoever judges has looked on for a whole term, in which everybody who lives has counted."""

    def __init__(self, folder: Path) -> None:
        self.now = 0.0
        super().__init__(folder, clock=lambda: self.now)

    def dead(self, member: int, lease: Any) -> bool:
        for _ in range(5):
            gone = super().dead(member, lease)
            beat_now()
            self.now += TERM / 4
        return gone


class FilesWorld(FolderWorld):
    kind = "files"

    def coordinator(self) -> Coordinator:
        self.opened.append(Coordinator(folders.journal(self.folder), Watched(self.folder)))
        return self.opened[-1]


# It looks ten times a second whether it is to end, and waits as long again: that would be a third of all tests' time.
uvicorn.server.asyncio = types.SimpleNamespace(**{**vars(asyncio), "sleep": lambda delay: asyncio.sleep(delay / 20)})  # type: ignore[attr-defined]


class ServerWorld(World):
    def __init__(
        self, tmp_path: Path, defaults: Wanted | None = None, key: str | None = KEY, backing: Backend | None = None
    ) -> None:
        self.folder = tmp_path / "served"
        self.folder.mkdir(exist_ok=True)
        self.key = key
        strategies = ["tests.deferring:Deferring", "tests.support.toy:Toy"]
        self.populations = Populations(self.folder, defaults or Wanted(), strategies, backing)
        self.app = App(self.populations, RequestCheck(Key(key)))
        self.socket = bind("127.0.0.1", 0)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/digits"
        config = uvicorn.Config(self.app, lifespan="off", log_level="error", access_log=False, ws="none")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(
            target=lambda: asyncio.run(self.server.serve(sockets=[self.socket])), daemon=True
        )
        self.thread.start()

    @property
    def journal(self) -> Any:  # type: ignore[override]
        return Remote(self.url, self.key)

    def coordinator(self) -> Remote:
        return Remote(self.url, self.key, patience=5.0)

    def die(self, coordinator: Any, member: int) -> None:
        coordinator.let_go(member)
        lease = self.population.members[member].lease
        assert lease is not None
        self.silence(member, lease.number)

    def silence(self, member: int, lease: int) -> None:
        alive: Any = self.populations.served("digits").alive
        alive.heard[member, lease] = time.monotonic() - 1e6

    def coordinators(self) -> list[Coordinator]:
        return [self.populations.served("digits").coordinator] if self.populations.names() else []

    def close(self) -> None:
        self.populations.release_waiters()
        self.server.should_exit = True
        self.thread.join(10)
        self.populations.close()


class PostgresWorld(World):
    """Two servers on one database, with the same folder; coordinators come by one and by the other in turn."""

    def __init__(self, tmp_path: Path) -> None:
        from pbt.journals.postgres import PostgresJournal
        from pbt.server.postgres import PostgresBackend

        self.database = postgres().schema()
        folder = tmp_path / "served"
        self.servers = [ServerWorld(tmp_path, backing=PostgresBackend(folder, self.database, every=None)) for _ in "ab"]
        self.journal = PostgresJournal(self.database, "digits")
        self._servers = itertools.cycle(self.servers)

    def coordinator(self) -> Remote:
        return next(self._servers).coordinator()

    def die(self, coordinator: Any, member: int) -> None:
        coordinator.let_go(member)
        lease = self.population.members[member].lease
        assert lease is not None
        for server in self.servers:
            server.silence(member, lease.number)

    def coordinators(self) -> list[Coordinator]:
        return [coordinator for server in self.servers for coordinator in server.coordinators()]

    def close(self) -> None:
        for server in self.servers:
            server.close()
        self.journal.close()


WORLDS = {
    "memory": MemoryWorld, "folder": FolderWorld, "files": FilesWorld, "server": ServerWorld, "postgres": PostgresWorld,
}  # fmt: skip
