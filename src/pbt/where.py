"""From what a user writes for "where" (a folder or a URL) to a coordinator and its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pbt.checkpoints.folder import FolderStore
from pbt.errors import SettingsError
from pbt.face import Joinable
from pbt.journals.journal import Reads


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
        name = where.partition("#")[0].partition("://")[2].partition("/")[2] or "default"
        return Place(where, remote, remote, store, Path("pbt-runs", "logs", name))
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
        from pbt.remote import Remote

        return Remote(where)
    from pbt import place

    return place.reader(where)
