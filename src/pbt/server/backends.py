"""Backends of a server: where a population's folder, its journal and its signs of life come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from pbt.disk.sharing import check_writable
from pbt.errors import SettingsError
from pbt.journals.journal import Journal, Snapshotted
from pbt.liveness.liveness import Liveness
from pbt.liveness.memory import MemoryLiveness
from pbt.opening import folder as folders


class Reader(Snapshotted, Protocol):
    """A journal that is read, and closed after that."""

    def close(self) -> None:
        """Release locks and connections."""
        ...


class ServedLiveness(Liveness, Protocol):
    """Signs of life that reach a server."""

    def tick(self) -> None:
        """A moment has passed in which requests were read."""
        ...


class Stored(NamedTuple):
    """A population as a server has it.

    Attributes:
        folder: where its checkpoints lie.
        near: whether a commit is the work of this machine alone, so that the server's loop may make one.
        give_back: called at the end, after the journal was closed.
    """

    folder: Path
    journal: Journal
    alive: ServedLiveness
    near: bool
    give_back: Callable[[], None]


class Backend(Protocol):
    """All populations of a server.

    Attributes:
        database: the URL of the one that has the journals; "": they lie in the populations' folders.
    """

    @property
    def database(self) -> str:
        """See above."""
        ...

    def open(self, name: str) -> Stored:
        """A population by its name; its folder is made if need be."""
        ...

    def names(self) -> list[str]:
        """Those that exist."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        ...

    def reader(self, name: str) -> Reader:
        """The journal of one that exists, read-only."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class FolderBackend:
    """Journals each in its population's folder below the server's. One server at a time."""

    database = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> Stored:
        """The population of this name.

        Raises:
            SettingsError: another server has it.
        """
        folder = folders.prepare(self._folder / name)
        check_writable(folder)
        here = folders.alive(folder)
        if not here.serve():
            raise SettingsError(f"another server serves {folder} already: use that one, or stop it")
        return Stored(
            folder, folders.journal(folder), MemoryLiveness(here), folders.kept_in(folder) == "sqlite", here.close
        )

    def names(self) -> list[str]:
        """All populations in the folder."""
        return folders.inside(self._folder)

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        return folders.marked(self._folder / name)

    def reader(self, name: str) -> Reader:
        """The journal of one that exists, read-only."""
        return folders.reader(self._folder / name)

    def close(self) -> None:
        """Nothing to give back."""
