"""What stands behind a server's rooms: where a population's folder, its journal and its signs of life come from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from pbt.disk.sharing import check_writable
from pbt.errors import SettingsError
from pbt.journals.journal import Journal, Reads
from pbt.liveness.liveness import Alive
from pbt.liveness.memory import Beats
from pbt.opening import folder as place
from pbt.opening.folder import MARK


class Reader(Reads, Protocol):
    """A journal that is read, and closed after that."""

    def close(self) -> None:
        """Give back what it holds."""
        ...


class Heard(Alive, Protocol):
    """Signs of life that reach a server."""

    def tick(self) -> None:
        """A moment has passed in which requests were read."""
        ...


class Kept(NamedTuple):
    """A population as a server has it.

    Attributes:
        folder: where its checkpoints lie.
        near: whether a commit is the work of this machine alone, so that the server's loop may make one.
        give_back: called at the end, after the journal was closed.
    """

    folder: Path
    journal: Journal
    alive: Heard
    near: bool
    give_back: Callable[[], None]


class Backing(Protocol):
    """All populations of a server."""

    def open(self, name: str) -> Kept:
        """The population of this name; its folder is made if need be."""
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


class InFolders:
    """Journals each in its population's folder below the server's. One server at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> Kept:
        """The population of this name.

        Raises:
            SettingsError: another server has it.
        """
        folder = place.prepare(self._folder / name)
        check_writable(folder)
        here = place.alive(folder)
        if not here.serve():
            raise SettingsError(f"another server serves {folder} already: use that one, or stop it")
        return Kept(folder, place.journal(folder), Beats(here), place.kept_in(folder) == "sqlite", here.close)

    def names(self) -> list[str]:
        """All populations in the folder."""
        return sorted(path.parent.name for path in self._folder.glob(f"*/{MARK}"))

    def has(self, name: str) -> bool:
        """Whether there is one of this name."""
        return place.marked(self._folder / name)

    def reader(self, name: str) -> Reader:
        """The journal of one that exists, read-only."""
        return place.reader(self._folder / name)

    def close(self) -> None:
        """Nothing to give back."""
