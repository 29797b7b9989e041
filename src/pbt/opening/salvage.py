"""Salvage of a population whose journal is damaged: a copy that ends where the damage begins.

The damaged folder is only read. A journal is a chain: an entry after a damaged one says nothing without it. So the
copy has the entries up to there, and the checkpoints that these refer to; it trains on from them.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.ids import parsed
from pbt.checkpoints.manifest import manifest_of
from pbt.coordinator.coordinator import Coordinator
from pbt.disk.sharing import make_folder
from pbt.errors import CheckpointError, Conflict, Invalid, PBTError, SettingsError
from pbt.journals.files.frames import Frame, scattered
from pbt.journals.files.names import read_file
from pbt.journals.sqlite import FILE
from pbt.opening import folder as folders
from pbt.population.entries import Checkpoint, Released, Report, Reported, decode
from pbt.population.fold import apply
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.recorded import OWN

_BATCH = 1000


class Readable(NamedTuple):
    """The readable beginning of a journal.

    Attributes:
        kind: of the journal: "sqlite" or "files".
        bodies: the entries from the first on, as far as they follow from one another.
        population: their fold; None if there are none.
        reports: how far that is, in words.
    """

    kind: str
    bodies: list[bytes]
    population: Population | None
    reports: str


class Saved(NamedTuple):
    """The content of a copy: how many entries, which checkpoints, and which lost ones it refers to."""

    entries: int
    checkpoints: list[str]
    lost: list[str]


def readable(folder: Path) -> Readable:
    """Everything in a population's folder that can be relied on.

    Raises:
        OSError: this user may not look.
    """
    kind = "files" if (folder / "journal").is_dir() and not (folder / FILE).exists() else "sqlite"
    found = _in_files(folder / "journal") if kind == "files" else _in_sqlite(folder)
    bodies: list[bytes] = []
    population: Population | None = None
    last = ""
    for body in found:
        try:
            entry = decode(body)
            population = apply(population, entry)
        except Exception:  # whatever a damaged entry makes of the fold
            break
        bodies.append(body)
        if isinstance(entry.event, Reported):
            report = entry.event.reports[-1]
            last = f"member {report.member}'s report at step {report.step}"
    return Readable(kind, bodies, population, last or "before the first report")


def save(folder: Path, to: Path) -> Saved:
    """Make a new folder with the readable part.

    Raises:
        SettingsError: `to` exists and is not empty, or nothing can be saved.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise SettingsError(f"{to} exists: name a folder that does not, so that nothing is overwritten")
    found = readable(folder)
    if found.population is None:
        raise SettingsError(f"{folder}: no entry of its journal can be read: nothing can be saved")
    target = folders.prepare(to, found.kind)
    with closing(folders.journal(target)) as journal:
        for start in range(0, len(found.bodies), _BATCH):
            journal.append(start, found.bodies[start : start + _BATCH])
    own = found.population.settings.checkpoints == OWN
    with closing(folders.coordinator(target)) as coordinator:
        coordinator.catch_up()
        for member in found.population.members:
            if member.lease is not None and not member.lease.ended:
                _end(coordinator, member, folder if own else None, target)
        needed = sorted(coordinator.population.referenced()) if own else []
    copied = [id for id in needed if _copy(folder, target, id)]
    return Saved(len(found.bodies), copied, [id for id in needed if id not in copied])


def _end(coordinator: Coordinator, member: MemberState, source: Path | None, target: Path) -> None:
    """End a lease whose holder, if he lives, trains in the damaged folder.

    His last report may be lost while its checkpoint is not: that says itself what was reported.
    """
    assert member.lease is not None
    number = member.lease.number
    saved = None if source is None else _newest(source, member, number)
    if saved is not None and source is not None and _copy(source, target, saved.id):
        report = Report(
            member=member.id, lease=number, seq=parsed(saved.id)[2], decided=member.decisions, step=saved.step,
            score=saved.score, checkpoint=saved.id, release=True,
        )  # fmt: skip
        with suppress(Conflict, Invalid):
            coordinator.report(report)
            return
    coordinator.tell(Released(member.id, number))


def _newest(folder: Path, member: MemberState, lease: int) -> Checkpoint | None:
    """The member's newest whole checkpoint of this lease that the journal does not know, if there is one."""
    store, found = FolderStore(folder), []
    for id in store.ids():
        whose, under, _ = parsed(id)
        if (whose, under) == (member.id, lease):
            with suppress(CheckpointError, OSError):
                found.append(manifest_of(store.fetch(id), id).checkpoint)
    newest = max(found, key=lambda checkpoint: checkpoint.step, default=None)
    new = newest is not None and newest.step > member.step and newest.hyperparameters == member.hyperparameters
    return newest if new and not member.waits else None


def _copy(folder: Path, target: Path, id: str) -> bool:
    """A whole copy of a checkpoint, or none; whether there is one."""
    to = FolderStore(target).path(id)
    if to.exists():
        return True
    aside = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        source = FolderStore(folder).fetch(id)
        make_folder(to.parent)
        shutil.copytree(source, aside, symlinks=True)
        aside.rename(to)
    except (CheckpointError, OSError, shutil.Error):
        return False
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return True


def _in_files(journal: Path) -> Iterator[bytes]:
    """Every whole append in any file, in order: a file often repeats the appends just before its own."""
    frames: dict[int, Frame] = {}
    for path in sorted(journal.iterdir()):
        if path.name.isdecimal():
            with suppress(OSError, PBTError):
                for frame in scattered(read_file(path) or b""):
                    frames.setdefault(frame.first, frame)
    number = 1
    while (found := frames.get(number)) is not None and found.entries:
        yield from found.entries
        number = found.last + 1


def _in_sqlite(folder: Path) -> Iterator[bytes]:
    """Every entry from the first on, as far as SQLite still finds them, in a copy of the file and its WAL."""
    with tempfile.TemporaryDirectory(prefix="pbt-salvage-") as scratch:
        for name in (FILE, f"{FILE}-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(folder / name, Path(scratch, name))
        with closing(sqlite3.connect(Path(scratch, FILE), isolation_level=None)) as db, suppress(sqlite3.Error):
            db.execute("PRAGMA writable_schema=ON")  # else a file that is shorter than it says is not even opened
            number = 1
            while rows := db.execute("SELECT body FROM entries WHERE number = ?", (number,)).fetchall():
                yield bytes(rows[0][0]) if not isinstance(rows[0][0], str) else rows[0][0].encode()
                number += 1
