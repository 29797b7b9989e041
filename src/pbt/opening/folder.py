"""A place: from a folder to the journal, the checkpoints and the coordinator of a population.

``population.json`` fixes the kind of journal for ever; the file system only chooses it at creation.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pbt.disk.filesystem import NETWORK, file_system
from pbt.disk.sharing import check_writable, make_folder
from pbt.disk.whole import make_once
from pbt.errors import UNREADABLE, JournalError, SettingsError, plainly

if TYPE_CHECKING:
    from pbt.coordinator.coordinator import Coordinator
    from pbt.journals.files.journal import FilesJournal
    from pbt.journals.sqlite import SQLiteJournal, SQLiteReader
    from pbt.liveness.files import FilesLiveness
    from pbt.liveness.flock import FlockLiveness

_log = logging.getLogger("pbt")
MARK = "population.json"
POSTGRES = "postgres"
"""The kind of a folder whose journal lies in a database, which its servers know."""
KINDS = ("sqlite", "files")
"""Kinds of journals: one file for the processes of one machine; many, for machines that share the folder."""
JOURNAL_ENV = "PBT_JOURNAL"
"""In the environment: the kind of journal of new folders."""


class Mark(msgspec.Struct, frozen=True):
    """The content of ``population.json``; `id` tells this folder from every other."""

    format: int = 1
    journal: str = "sqlite"
    id: str = ""


def path_of(folder: str | Path) -> Path:
    """The absolute path of a folder as given; `~` is the user's home, for training and for reading alike.

    Raises:
        SettingsError: it names the home of an unknown user.
    """
    try:
        return Path(folder).expanduser().absolute()
    except RuntimeError:
        raise SettingsError(f"{folder} names a home that is not there; write ./{folder} for a folder here") from None


def coordinator(folder: str | Path, kind: str | None = None) -> Coordinator:
    """The coordinator of the population in `folder`, which is made if need be.

    Args:
        kind: of the journal, if the folder is new; see `prepare`.

    Raises:
        SettingsError: the folder can not hold one.
        JournalError: it is damaged, or newer than this version.
    """
    path = prepare(folder, kind)
    check_writable(path)
    from pbt.coordinator.coordinator import Coordinator

    try:
        return Coordinator(journal(path), alive(path))
    except OSError as error:
        raise SettingsError(f"{path} can not be written ({error.strerror}): training needs that") from None


def journal(path: Path) -> SQLiteJournal | FilesJournal:
    """The journal of a folder that `prepare` gave."""
    if kept_in(path) == "files":
        from pbt.journals.files.journal import FilesJournal

        return FilesJournal(path)
    from pbt.journals.sqlite import SQLiteJournal

    return SQLiteJournal(path)


def alive(path: Path) -> FlockLiveness | FilesLiveness:
    """The kind of liveness for workers in this folder: one that every machine with a worker there can see."""
    if kept_in(path) == "files":
        from pbt.liveness.files import FilesLiveness

        return FilesLiveness(path)
    from pbt.liveness.flock import FlockLiveness

    return FlockLiveness(path)


def marked(path: Path) -> bool:
    """Whether the folder is a population's.

    Raises:
        JournalError: that can not be seen, for want of a permission.
    """
    try:
        return (path / MARK).is_file()
    except OSError as error:
        raise JournalError(f"{path} can not be read: {error.strerror}") from None


def inside(path: Path) -> list[str]:
    """Names of the populations that a folder holds."""
    return sorted(p.parent.name for p in path.glob(f"*/{MARK}"))


def reader(folder: str | Path) -> SQLiteReader | FilesJournal:
    """The journal of the population in `folder`, read-only.

    Raises:
        JournalError: there is none.
    """
    path = path_of(folder)
    if not marked(path):
        those = ", ".join(inside(path)[:12])
        hint = f"name one of those inside: {those}" if those else "name the folder given to pbt run or pbt.turns"
        raise JournalError(f"{path} holds no population: {hint}")
    if kept_in(path) == "files":
        from pbt.journals.files.journal import FilesJournal

        return FilesJournal(path)
    from pbt.journals.sqlite import SQLiteReader

    return SQLiteReader(path)


def prepare(folder: str | Path, kind: str | None = None) -> Path:
    """Make the folder of a population and mark it, or check the mark that it has.

    Args:
        kind: of a new folder's journal, one of `KINDS`, or `POSTGRES` for its servers; by default ``$PBT_JOURNAL``,
            else "files" on a network file system and "sqlite" elsewhere. A folder that has a mark keeps its kind.

    Raises:
        SettingsError: it can not be made.
        JournalError: its journal lies elsewhere, or is of a newer version.
    """
    path = path_of(folder)
    if sys.platform == "win32":
        raise SettingsError(
            f"{path}: a population's folder needs flock, which Windows lacks; "
            "run pbt serve on Linux or macOS and give its URL, or use pbt.train"
        )
    try:
        make_folder(path)
        if not (path / MARK).exists():
            _check_free(path)
            _write_mark(path, _chosen(path, kind))
    except OSError as error:
        file = next((part for part in (path, *path.parents) if os.path.isfile(part)), None)
        why = error.strerror if file is None else f"{file.name} is a file; name a folder"
        raise SettingsError(f"{path} can not hold a population: {why}") from None
    kept = read_mark(path).journal
    if kind == POSTGRES and kept != POSTGRES:
        raise JournalError(
            f"{path} has a journal of its own ({kept}): serve it without --journal, or give another folder"
        )
    if kind != POSTGRES and kept_in(path) != kind is not None:
        _log.warning("%s keeps its journal as %r: a kind can be chosen for new folders alone", path, kept)
    return path


def kept_in(path: Path) -> str:
    """The kind of journal that lies in a population's folder.

    Raises:
        JournalError: it lies in a database.
    """
    kept = read_mark(path).journal
    if kept == POSTGRES:
        raise JournalError(
            f"the journal of {path} is in PostgreSQL: go through its server, as in http://HOST:7777/{path.name} "
            "(pbt serve --journal starts one)"
        )
    return kept


def _chosen(path: Path, kind: str | None) -> str:
    """The kind of a new folder's journal, made ready where it needs that."""
    if kind == POSTGRES:
        return kind
    file_system_here = file_system(path)
    shared = file_system_here in NETWORK
    kind = kind or os.environ.get(JOURNAL_ENV) or ("files" if shared else "sqlite")
    if kind not in KINDS:
        raise SettingsError(f"{JOURNAL_ENV}={kind}: a journal is kept as one of {', '.join(KINDS)}")
    if kind == "sqlite" and shared:
        raise SettingsError(
            f"{path} lies on a network file system ({file_system_here}), where SQLite loses commits without a word: "
            "keep the journal as files, or run pbt serve on one machine with a local folder"
        )
    if kind == "files":
        from pbt.journals.files import names

        names.prepare(path)
    return kind


def _check_free(path: Path) -> None:
    """A new population deletes what is not referenced from its checkpoints: nobody else's may lie there.

    Raises:
        SettingsError: it has checkpoints, or populations.
        JournalError: it has a journal, of which is not said how it is kept.
    """
    has_journal = (path / "journal.db").exists() or any(_within(path / "journal"))
    those, has_checkpoints = ", ".join(inside(path)[:12]), any(_within(path / "checkpoints"))
    if (path / MARK).exists():
        return  # somebody else has begun it meanwhile, and so made what is there now
    if has_journal:
        raise JournalError(
            f"{path} has a journal, but no {MARK}, which says how it is kept: restore that from a copy, or see what "
            f"pbt doctor {path} can save"
        )
    if those:
        raise SettingsError(f"{path} is a folder of populations ({those}): name one of them, or a new one inside it")
    if has_checkpoints:
        raise SettingsError(
            f"{path} has a folder 'checkpoints' that no population made: name a folder of the population's own, "
            f"such as {path / 'pbt'}"
        )


def _within(path: Path) -> list[str]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return os.listdir(path)
    return []


def _write_mark(path: Path, kind: str) -> None:
    """Only the first of several writers makes it."""
    make_once(path / MARK, msgspec.json.encode(Mark(journal=kind, id=secrets.token_hex(16))))


def read_mark(path: Path) -> Mark:
    """The mark of a population's folder.

    Raises:
        JournalError: there is none, or it is of a newer version.
    """
    try:
        mark = msgspec.json.decode((path / MARK).read_bytes(), type=Mark)
    except OSError as error:
        raise JournalError(f"{path / MARK} can not be read: {error.strerror}") from None
    except UNREADABLE as error:
        raise JournalError(f"{path / MARK} can not be read: {plainly(error)}") from None
    if mark.format > Mark().format or mark.journal not in (*KINDS, POSTGRES):
        raise JournalError(f"{path} was made by a newer pbt (journal {mark.journal!r}): pip install -U pbtrain")
    return mark


def fresh_folder(name: str) -> Path:
    """A new, empty folder ``pbt-runs/NAME-TIME``, relative to where the process stands."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    n = 0
    while True:
        folder = Path("pbt-runs", f"{name}-{stamp}{f'-{n}' if n else ''}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            n += 1
