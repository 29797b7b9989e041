"""From what a user writes for "where" (a folder or a URL) to a coordinator and its checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from pbt.checkpoints.folder import FolderStore
from pbt.coordinator.answer import Answer
from pbt.errors import SettingsError
from pbt.member import Face
from pbt.population.entries import Decision, Event, Settings
from pbt.settings import Wanted


class Joinable(Face, Protocol):
    """A coordinator, in this process or at the far end of HTTP."""

    def create(self, asked: Wanted) -> Settings:
        """See `Coordinator.create`."""
        ...

    def tell(self, event: Event, decisions: Sequence[Decision] = ()) -> Answer:
        """See `Coordinator.tell`."""
        ...

    def join(self, nonce: str, asked: Wanted | None = None, member: int | None = None, turn: bool = False) -> Answer:
        """See `Coordinator.join`."""
        ...


class Reads(Protocol):
    """A journal, for reading."""

    def read(self, after: int) -> Iterable[bytes]:
        """The entries after number `after`."""
        ...


class Place(NamedTuple):
    """A population and what belongs to it.

    Attributes:
        where: the folder, absolute, or the URL.
        store: its checkpoints, where this machine sees them.
        logs: where workers of this machine write their output.
    """

    where: str
    face: Joinable
    journal: Reads
    store: FolderStore | None
    logs: Path


def is_url(where: str) -> bool:
    """Whether `where` names a server."""
    return where.startswith(("http://", "https://"))


def open_place(where: str) -> Place:
    """The population at `where`, for training it; a folder is made if need be.

    Raises:
        SettingsError: the folder can not hold a population, or the URL can not be understood.
        Unreachable: no server answers.
    """
    if is_url(where):
        from pbt.remote import open_remote

        remote, store = open_remote(where)
        return Place(where, remote, remote, store, Path("pbt-runs", "logs", where.rpartition("/")[2] or "default"))
    if "://" in where:
        raise SettingsError(f"{where}: give a folder, or a URL that begins with http://")
    from pbt import place

    folder = Path(where).expanduser().absolute()
    coordinator = place.coordinator(folder)
    return Place(str(folder), coordinator, coordinator.journal, FolderStore(folder), folder / "logs")


def open_journal(where: str) -> Reads:
    """The journal at `where`, read-only.

    Raises:
        JournalError: there is no population.
        Unreachable: no server answers.
    """
    if is_url(where):
        from pbt.remote import open_remote

        return open_remote(where)[0]
    from pbt import place

    return place.reader(where)
