"""What is wrong with a population, and what to do about it. It only reads."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from pbt import place
from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.names import parsed
from pbt.coordinator.leases import held
from pbt.coordinator.snapshot import load
from pbt.errors import CheckpointError, Forbidden, PBTError, SettingsError, Unreachable
from pbt.flock import free
from pbt.journals.journal import Reads
from pbt.journals.snapshot import SnapshotFile
from pbt.population.entries import OWN, Checkpoint, Created, Entry, decode
from pbt.population.fold import apply
from pbt.population.value import Population
from pbt.strategies.named import build
from pbt.where import is_url, open_journal

_ROOM = 1.2
"""Disk space is scarce below so many times what all checkpoints take."""
_AHEAD = 300.0
"""Seconds by which an entry may lie in the future before a clock is blamed."""
_PERMISSION = "ask as the user who trains, or give yourself the permission to read it"


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        what: how it is.
        do: what to do about it; "" where nothing is wrong.
    """

    level: Literal["ok", "warning", "problem"]
    what: str
    do: str = ""


def examine(where: str) -> Iterator[Finding]:
    """Everything that can be seen from here: the journal, the checkpoints, the leases, the disk."""
    history = _History()
    try:
        if not is_url(where):
            yield from _disk(Path(where))
        yield from history.read(open_journal(where))
    except PBTError as error:
        yield Finding("problem", str(error), _remedy(where, error))
        return
    population = history.population
    if population is None:
        if not is_url(where) and any(Path(where).glob("checkpoints/*/*")):
            yield Finding(
                "problem", "the journal is empty, and yet there are checkpoints: what it said is lost",
                "restore the folder from a copy, or take the checkpoints away and start a new population",
            )  # fmt: skip
            return
        yield Finding("warning", "the journal is empty: nothing was created here yet", "start a worker with a space")
        return
    yield from _members(population)
    if is_url(where):
        yield Finding("ok", "checkpoints and leases are the server's: run pbt doctor on its folder to look at them")
        return
    folder = Path(where)
    yield from _snapshot(folder, population)
    yield from _leases(folder, population)
    if population.settings.checkpoints == OWN:
        yield from _checkpoints(FolderStore(folder), population)
        yield from _room(folder)
    elif not population.settings.foreign:
        yield from _objects(population)


def _remedy(where: str, error: PBTError) -> str:
    """What to do where no journal can be read: nothing need be lost where nothing was found."""
    if isinstance(error, Unreachable | Forbidden | SettingsError):
        return "nothing is known of the population: mend the way to it, then ask again"
    if is_url(where):
        return "look at the population's folder on the server's machine: pbt doctor FOLDER"
    folder = Path(where)
    if _shut(folder):
        return _PERMISSION
    if not os.path.exists(folder / place.MARK):
        return f"look for the folder that holds {place.MARK}; if it was deleted, restore it from a copy"
    with suppress(PBTError):
        if place.read_mark(folder).journal == place.POSTGRES:
            return "give pbt doctor the URL of the population on its server"
    return "restore the population from a copy, or start a new one"


def _shut(folder: Path) -> bool:
    """Whether this user lacks a permission to read the folder's journal."""
    try:
        parts = [p for p in (folder, *(folder / n for n in (place.MARK, "journal.db", "journal"))) if p.exists()]
    except OSError:
        return True
    return not all(os.access(part, os.R_OK) for part in parts)


class _History:
    """The journal, read once from its beginning."""

    def __init__(self) -> None:
        self.population: Population | None = None

    def read(self, journal: Reads) -> Iterator[Finding]:
        """Every entry decoded and folded; times that no clock can have given."""
        newest = 0.0
        number = 0
        for body in journal.read(0):
            number += 1
            entry = self._next(number, body)
            if number == 1 and isinstance(entry.event, Created):
                yield from _strategy(entry.event)
            newest = max(newest, entry.time)
        yield Finding("ok", f"journal: {number} entries, all readable")
        ahead = newest - time.time()
        if ahead > _AHEAD:
            yield Finding(
                "warning", f"the newest entry is dated {ahead:.0f} s in the future",
                "set this machine's clock; decisions do not depend on it",
            )  # fmt: skip

    def _next(self, number: int, body: bytes) -> Entry:
        try:
            entry = decode(body)
            self.population = apply(self.population, entry)
        except PBTError as error:
            raise type(error)(f"journal entry {number}: {error}") from None
        except Exception as error:
            raise PBTError(f"journal entry {number} does not follow from those before it: {error!r}") from error
        return entry


def _strategy(event: Created) -> Iterator[Finding]:
    try:
        build(event.settings)
    except PBTError as error:
        yield Finding("problem", str(error), "make the strategy's module importable here, as it was for the workers")


def _disk(folder: Path) -> Iterator[Finding]:
    if not place.marked(folder):
        return
    mark, kind = place.read_mark(folder), place.file_system(folder)
    if mark.journal == "sqlite" and kind in place.NETWORK:
        yield Finding(
            "problem", f"an SQLite journal on a network file system ({kind}), where it loses commits without a word",
            "let one machine alone use the folder, through pbt serve there",
        )  # fmt: skip
    if (folder / "server.lock").exists() and not free(folder / "server.lock"):
        yield Finding("ok", "a server serves this folder")


def _members(population: Population) -> Iterator[Finding]:
    if population.finished:
        yield Finding("ok", f"finished, after {population.reports} reports of {len(population.members)} members")
    else:
        done = sum(m.done for m in population.members)
        yield Finding("ok", f"unfinished: {done} of {len(population.members)} members are done")
    for m in population.members:
        if m.failed:
            yield Finding(
                "warning", f"member {m.id} has failed: {m.why.note}", "mend the script; pbt run tries it anew"
            )
        elif m.losses:
            yield Finding(
                "warning", f"member {m.id}: {m.losses} workers in a row ended without having saved anything",
                "look at the end of the workers' output",
            )  # fmt: skip
        if m.owed:
            yield Finding("ok", f"member {m.id} waits for an exploration, which its next worker computes")


def _snapshot(folder: Path, population: Population) -> Iterator[Finding]:
    try:
        found = load(SnapshotFile(folder).read(), build)
    except PBTError:  # its strategy can not be loaded, as was said of the journal's
        return
    if found is not None and found.count == population.count and found.fold.population != population:
        yield Finding(
            "problem", "the snapshot is not what the journal folds to: that is an error of pbt",
            f"report it, and delete {folder / 'snapshot'}",
        )  # fmt: skip


def _leases(folder: Path, population: Population) -> Iterator[Finding]:
    alive = place.alive(folder)
    taken = [m for m in population.members if m.lease is not None and not m.lease.ended and not m.done]
    living = [m.id for m in taken if held(m, alive)]
    dead = [m.id for m in taken if m.id not in living]
    if living:
        yield Finding("ok", f"members in the hands of living workers: {_some(living)}")
    if dead:
        yield Finding("warning", f"the workers of these members are dead: {_some(dead)}", "start workers to go on")
    free = [m.id for m in population.members if not (m.done or m.waits or m.id in living or m.id in dead)]
    if free and not population.finished:
        yield Finding("warning", f"members that wait for a worker: {_some(free)}", "start workers to go on")


def _checkpoints(store: FolderStore, population: Population) -> Iterator[Finding]:
    try:
        yield from _whole(store.fetch, population)
    except OSError as error:
        denied = isinstance(error, PermissionError)
        yield Finding("problem", str(error), _PERMISSION if denied else "mount the folder with the checkpoints")
        return
    yield from _ahead(store.ids(), population)
    left = sorted(set(store.ids()) - population.referenced())
    if left and population.finished:
        yield Finding(
            "warning", f"checkpoints that nobody can need: {_some(left)}",
            "run the same pbt run once more: it sweeps; or delete them",
        )  # fmt: skip


def _ahead(ids: list[str], population: Population) -> Iterator[Finding]:
    """Checkpoints under leases that the journal does not know, as after it was restored from an older copy."""
    newest = {m.id: m.newest for m in population.members}
    later = [id for id in ids if parsed(id)[1] > newest.get(parsed(id)[0], 0)]
    if later:
        yield Finding(
            "warning", f"checkpoints newer than the journal: {_some(sorted(later))}; was it restored from a copy?",
            "go on from the journal: workers replace them; or restore the newer journal first, if there is one",
        )  # fmt: skip


def _objects(population: Population) -> Iterator[Finding]:
    """Whether the object store has the manifest of every checkpoint that somebody may need; no file is fetched."""
    from pbt.checkpoints.objects import FIRST_PATIENCE, Objects, backend

    url = population.settings.checkpoints
    try:
        objects = Objects(backend(url), url, FIRST_PATIENCE)
        objects.reach()
        yield from _whole(objects.manifest, population)
    except SettingsError as error:
        yield Finding("problem", str(error), "install what is missing here, then ask again")
    except (PBTError, OSError) as error:
        yield Finding(
            "problem",
            str(error),
            "see that the store answers, and give this shell the credentials and the endpoint that workers have",
        )


def _whole(look: Callable[[str], object], population: Population) -> Iterator[Finding]:
    """Every referenced checkpoint, looked at."""
    spare = {m.before.id for m in population.members if m.before is not None}
    needed = {m.checkpoint.id for m in population.members if m.checkpoint is not None}
    needed |= {population.best.id} if population.best is not None else set()
    referenced = sorted(population.referenced() - (spare - needed))  # former versions kept no spare
    broken = 0
    for id in referenced:
        try:
            look(id)
        except CheckpointError as error:
            broken += 1
            yield Finding("problem", f"checkpoint {id}: {error}", _loss(population, id))
    yield Finding("ok", f"checkpoints: {len(referenced) - broken} of {len(referenced)} referenced ones are whole")


def _loss(population: Population, id: str) -> str:
    """What comes of a lost checkpoint."""

    def uses(checkpoint: Checkpoint | None) -> bool:
        return checkpoint is not None and checkpoint.id == id

    users = [m.id for m in population.members if uses(m.checkpoint) and not m.done]
    if users:
        return f"nothing: the next worker of member {_some(users)} notices it, and the member takes over another one"
    return "restore it from a copy; no member trains from it"


def _room(folder: Path) -> Iterator[Finding]:
    home = folder / "checkpoints"
    if not home.is_dir():
        return
    size = sum(p.stat().st_size for p in home.rglob("*") if p.is_file())
    free = shutil.disk_usage(home).free
    if free < _ROOM * size:
        yield Finding(
            "warning", f"{free / 1e9:.1f} GB free, and all checkpoints take {size / 1e9:.1f} GB",
            "make room: training waits while a checkpoint does not fit",
        )  # fmt: skip


def _some(things: list[int] | list[str]) -> str:
    shown = ", ".join(map(str, things[:12]))
    return shown if len(things) <= 12 else f"{shown} and {len(things) - 12} more"
