"""What can be saved of a population whose journal is damaged: a copy that ends where the damage begins.

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

from pbt import place
from pbt.checkpoints.folder import FolderStore
from pbt.errors import CheckpointError, PBTError, SettingsError
from pbt.journals.frames import Frame, scattered
from pbt.journals.names import read_file
from pbt.journals.sqlite import FILE
from pbt.population.entries import OWN, Reported, decode
from pbt.population.fold import apply
from pbt.population.value import Population

_BATCH = 1000


class Readable(NamedTuple):
    """What can still be read of a journal.

    Attributes:
        kind: of the journal: "sqlite" or "files".
        bodies: the entries from the first on, as far as they follow from one another.
        population: what they fold to; None if there are none.
        reports: how far that is, in words.
    """

    kind: str
    bodies: list[bytes]
    population: Population | None
    reports: str


class Saved(NamedTuple):
    """What a copy has: how many entries, which checkpoints, and which ones that it refers to are lost."""

    entries: int
    checkpoints: list[str]
    lost: list[str]


def readable(folder: Path) -> Readable:
    """Everything in a population's folder that can be relied on."""
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
    """Make a new folder with what can still be read.

    Raises:
        SettingsError: `to` exists and is not empty, or nothing can be saved.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise SettingsError(f"{to} exists: name a folder that does not, so that nothing is overwritten")
    found = readable(folder)
    if found.population is None:
        raise SettingsError(f"{folder}: no entry of its journal can be read: nothing can be saved")
    target = place.prepare(to, found.kind)
    with closing(place.journal(target)) as journal:
        for start in range(0, len(found.bodies), _BATCH):
            journal.append(start, found.bodies[start : start + _BATCH])
    copied, lost = [], []
    if found.population.settings.checkpoints == OWN:
        source = FolderStore(folder)
        for id in sorted(found.population.referenced()):
            try:
                _copy(source.fetch(id), FolderStore(target).path(id))
                copied.append(id)
            except (CheckpointError, OSError):
                lost.append(id)
    return Saved(len(found.bodies), copied, lost)


def _copy(source: Path, target: Path) -> None:
    """A whole copy, or none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copytree(source, aside, symlinks=True)
        aside.rename(target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _in_files(journal: Path) -> Iterator[bytes]:
    """Every whole append of whichever file, in order: what came just before an append is often carried by it, too."""
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
