"""Populations whose journals lie in PostgreSQL, so that several servers may serve them, and each be replaced."""

from __future__ import annotations

from pathlib import Path

from pbt.journals.database import Session
from pbt.journals.postgres import PostgresJournal, has, names
from pbt.liveness.postgres import BEAT_EVERY, HeartbeatTable
from pbt.opening.folder import POSTGRES, prepare
from pbt.server.backends import Stored


class PostgresBackend:
    """Journals and signs of life in a database; checkpoints in folders, which the servers may share.

    Args:
        url: of the database: see `Session`.
        every: seconds between two looks at the signs of life; None: never by itself.

    Raises:
        SettingsError: the URL can not be understood.
        Unavailable: the database is away, or refuses.
    """

    def __init__(self, folder: Path, url: str, every: float | None = BEAT_EVERY) -> None:
        self._folder = folder
        self._url = self.database = url
        self._session = Session(url)
        self.names()
        self._counters = HeartbeatTable(self._session, every)

    def open(self, name: str) -> Stored:
        """The population of this name."""
        folder = prepare(self._folder / name, POSTGRES)
        return Stored(folder, PostgresJournal(self._url, name), self._counters.of(name), False, lambda: None)

    def names(self) -> list[str]:
        """All populations in the database: another server, with another folder, may have begun them."""
        return names(self._session)

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        return has(self._session, name)

    def reader(self, name: str) -> PostgresJournal:
        """The journal of one that exists, read-only."""
        return PostgresJournal(self._url, name)

    def close(self) -> None:
        """End the look-out and close the connection."""
        self._counters.close()
        self._session.close()
