"""From "where" (a folder or a URL, as the user gives it) to a coordinator and its checkpoints."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.store import CheckpointStore
from pbt.coordinator.interface import AnyCoordinator
from pbt.errors import JournalError, SettingsError
from pbt.journals.journal import Reads, Snapshotted
from pbt.population.recorded import FOREIGN, OWN

if TYPE_CHECKING:
    from pbt.client.remote import Remote

_HOST = re.compile(r"[\w.-]+:[0-9]{4,5}(/.*)?")
"""A host with a port: a URL whose beginning was forgotten, rather than the name of a folder."""


class Opened(NamedTuple):
    """A population, with its coordinator and its store.

    Attributes:
        where: the folder, absolute, or the URL.
        own: opens the store of checkpoints that are the population's own.
        logs: where workers of this machine write their output.
    """

    where: str
    coordinator: AnyCoordinator
    journal: Reads
    own: Callable[[], CheckpointStore]
    logs: Path

    def store(self, checkpoints: str) -> CheckpointStore | None:
        """The store of the checkpoints, by the population's setting; None if they are foreign.

        Raises:
            SettingsError: a package is missing.
            OutOfReach: an object store can not be reached.
        """
        if checkpoints == FOREIGN:
            return None
        if checkpoints == OWN:
            return self.own()
        from pbt.checkpoints.objects import ObjectStore

        return ObjectStore(checkpoints)


def names_server(where: str) -> bool:
    """Whether `where` names a server."""
    return where.startswith(("http://", "https://"))


def name_of(where: str) -> str:
    """A population's name, for people and for files: of a folder the last part of its path, of a URL what is below it.

    Slashes in it become hyphens.
    """
    if names_server(where):
        address = where.partition("#")[0].partition("?")[0]
        return (address.partition("://")[2].partition("/")[2].strip("/") or "default").replace("/", "-")
    from pbt.opening import folder as folders

    return folders.path_of(where).name or "population"


def open_population(where: str, kind: str | None = None, begin: Callable[[], object] = lambda: None) -> Opened:
    """The population at `where`, for training it; a folder is made if need be.

    Args:
        kind: of a new folder's journal; see `pbt.opening.folder.prepare`.
        begin: called before one is made; what it raises is raised.

    Raises:
        SettingsError: the folder can not hold a population, or the URL can not be understood.
        Unreachable: no server answers.
    """
    if names_server(where):
        if kind is not None:
            raise SettingsError(f"{where}: the server chooses how its journal is kept")
        remote, seen, id = _open_remote(where)
        own = _uploads(remote, id) if seen is None else lambda: FolderStore(seen)
        name = where.partition("#")[0].partition("://")[2].partition("/")[2] or "default"
        return Opened(where, remote, remote, own, Path("pbt-runs", "logs", name))
    if "://" in where:
        raise SettingsError(f"{where}: give a folder, or a URL that begins with http://")
    from pbt.opening import folder as folders

    folder = folders.path_of(where)
    if _HOST.fullmatch(where) and not folder.exists():
        raise SettingsError(f"{where}: a server's URL begins with http://, as in http://{where}; a folder is ./{where}")
    if not folder.is_file() and not folders.marked(folder):
        begin()
    coordinator = folders.coordinator(folder, kind)
    return Opened(str(folder), coordinator, coordinator.journal, lambda: FolderStore(folder), folder / "logs")


def _uploads(remote: Remote, id: str) -> Callable[[], CheckpointStore]:
    """Through the server, where this machine does not see its folder."""

    def opened() -> CheckpointStore:
        from pbt.checkpoints.cache import Cache
        from pbt.checkpoints.upload import UploadStore

        return UploadStore(remote, Cache(id))

    return opened


def existing(where: str) -> AnyCoordinator:
    """The coordinator of a population that exists; nothing is made.

    Raises:
        JournalError: there is no population.
        Unreachable: no server answers.
    """
    if names_server(where):
        from pbt.client.remote import Remote

        return Remote(where, patience=10.0)
    from pbt.opening import folder as folders

    folders.reader(where)
    return folders.coordinator(where)


def open_journal(where: str) -> Snapshotted:
    """The journal at `where`, read-only.

    Raises:
        JournalError: there is no population.
        Unreachable: no server answers.
    """
    if names_server(where):
        from pbt.client.remote import Remote

        return Remote(where)
    from pbt.opening import folder as folders

    return folders.reader(where)


def _open_remote(url: str) -> tuple[Remote, Path | None, str]:
    """The population at a URL, its folder if this machine sees the server's, and its id."""
    from pbt.client.remote import Remote
    from pbt.opening.folder import read_mark

    remote = Remote(url)
    opened = remote.open()
    folder = Path(opened.folder)
    try:
        seen = read_mark(folder).id == opened.id
    except JournalError:
        seen = False
    return remote, folder if seen else None, opened.id
