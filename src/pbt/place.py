"""A place: from a folder to the journal, the checkpoints and the coordinator of a population.

``population.json`` fixes the kind of journal for ever; looking at the file system only chooses at creation.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pbt.errors import JournalError, SettingsError
from pbt.unreadable import UNREADABLE

if TYPE_CHECKING:
    from pbt.coordinator.coordinator import Coordinator
    from pbt.journals.sqlite import SQLiteReader

MARK = "population.json"
NETWORK = frozenset(
    [
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "afs", "afpfs", "9p"),
        *("glusterfs", "orangefs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.ceph", "fuse.juicefs"),
        *("fuse.rclone",),
    ]
)
"""File systems that other machines may write to."""


class Mark(msgspec.Struct, frozen=True):
    """What ``population.json`` says; `id` tells this folder from every other."""

    format: int = 1
    journal: str = "sqlite"
    id: str = ""


def coordinator(folder: str | Path) -> Coordinator:
    """The coordinator of the population in `folder`, which is made if need be.

    Raises:
        SettingsError: the folder can not hold one.
        JournalError: what lies there is damaged, or newer than this version.
    """
    path = prepare(folder)
    from pbt.coordinator.coordinator import Coordinator
    from pbt.flock import Flock
    from pbt.journals.sqlite import SQLiteJournal

    return Coordinator(SQLiteJournal(path), Flock(path))


def reader(folder: str | Path) -> SQLiteReader:
    """The journal of the population in `folder`, read-only.

    Raises:
        JournalError: there is none.
    """
    from pbt.journals.sqlite import SQLiteReader

    path = Path(folder)
    if not (path / MARK).is_file():
        inside = ", ".join(sorted(p.parent.name for p in path.glob(f"*/{MARK}"))[:12])
        hint = f"name one of those inside: {inside}" if inside else "name the folder given to pbt run or pbt.turns"
        raise JournalError(f"{path} holds no population: {hint}")
    read_mark(path)
    return SQLiteReader(path)


def prepare(folder: str | Path) -> Path:
    """Make the folder of a population and mark it, or check the mark that it has."""
    path = Path(folder).expanduser().absolute()
    if sys.platform == "win32":
        raise SettingsError(
            f"{path}: a population's folder needs flock, which Windows lacks; "
            "run pbt serve on Linux or macOS and give its URL, or use pbt.train"
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not (path / MARK).exists():
            _refuse_network(path)
            _write_mark(path)
    except OSError as error:
        raise SettingsError(f"{path} can not hold a population: {error.strerror}") from None
    read_mark(path)
    return path


def _write_mark(path: Path) -> None:
    """Written aside and linked, so that it is whole and only the first of several writers makes it."""
    aside = path / f".{MARK}.{os.getpid()}.{os.urandom(4).hex()}"
    with aside.open("wb") as file:
        file.write(msgspec.json.encode(Mark(id=secrets.token_hex(16))))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(aside, path / MARK)
    except FileExistsError:
        pass
    finally:
        aside.unlink()
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def read_mark(path: Path) -> Mark:
    """The mark of a population's folder.

    Raises:
        JournalError: there is none, or it is of a newer version.
    """
    try:
        mark = msgspec.json.decode((path / MARK).read_bytes(), type=Mark)
    except (OSError, *UNREADABLE) as error:
        raise JournalError(f"{path / MARK} can not be read: {error}") from None
    if mark.format > Mark().format or mark.journal != "sqlite":
        raise JournalError(f"{path} was made by a newer pbt (journal {mark.journal!r}): pip install -U pbtrain")
    return mark


def _refuse_network(path: Path) -> None:
    kind = file_system(path)
    if kind in NETWORK:
        raise SettingsError(
            f"{path} lies on a network file system ({kind}), where SQLite loses commits without a word: "
            "run pbt serve on one machine with a local folder, and give every worker its URL"
        )


def file_system(path: Path) -> str:
    """The type of the file system below `path`, as the kernel names it; "" where that is not known."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return ""
    kinds = {}
    for line in lines:
        left, _, right = line.partition(" - ")
        mount = left.split(" ")[4].encode().decode("unicode_escape")
        kinds[mount] = right.split(" ")[0]
    real = path.resolve()
    return next((kinds[str(p)] for p in (real, *real.parents) if str(p) in kinds), "")
