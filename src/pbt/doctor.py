"""What is wrong with a population, and what to do about it. It only reads.

Others train meanwhile. So the journal is read, the disk is looked at, and the journal is read on: only what holds by
both readings is judged, and what vanished in between was somebody's right to delete.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from pbt import place
from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.names import parsed
from pbt.coordinator.snapshot import load
from pbt.errors import CheckpointError, Forbidden, PBTError, SettingsError, Unavailable, Unreachable
from pbt.flock import free
from pbt.journals.journal import Reads
from pbt.journals.snapshot import SnapshotFile
from pbt.population.entries import OWN, Checkpoint, Created, Entry, decode
from pbt.population.fold import apply
from pbt.population.value import Population
from pbt.strategies.named import build
from pbt.views.judge import judge_for, notes_on, states_of
from pbt.where import is_url, open_journal

_ROOM = 1.2
"""Disk space is scarce below so many times what all checkpoints take."""
_AHEAD = 300.0
"""Seconds by which an entry may lie in the future before a clock is blamed."""
_MORE = "start workers to go on"
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
    try:
        yield from _examine(where)
    except Unavailable as error:
        yield Finding("warning", str(error), "nothing is known of the population: mend the way to it, then ask again")
    except PBTError as error:
        yield Finding("problem", str(error), _remedy(where, error))
        if not isinstance(error, Unreachable | Forbidden) and not is_url(where):
            yield from _salvage(Path(where))
    except PermissionError as error:
        yield Finding("warning", f"this user may not look at everything: {error}", _PERMISSION)


def _examine(where: str) -> Iterator[Finding]:
    if not is_url(where):
        yield from _disk(Path(where))
    history = _History(open_journal(where))
    yield from history.read()
    population = history.population
    if population is None:
        if not is_url(where) and any(Path(where).glob("checkpoints/*/*")) and not history.read_on():
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
    yield from _leases(folder, history)
    if population.settings.checkpoints == OWN:
        yield from _checkpoints(FolderStore(folder), history)
        yield from _room(folder)
    elif not population.settings.foreign:
        yield from _objects(history)


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
    return "restore the population from a copy, save what can be saved, or start a new one"


def _shut(folder: Path) -> bool:
    """Whether this user lacks a permission to read the folder's journal."""
    try:
        parts = [p for p in (folder, *(folder / n for n in (place.MARK, "journal.db", "journal"))) if p.exists()]
    except OSError:
        return True
    return not all(os.access(part, os.R_OK) for part in parts)


class _History:
    """The journal, read once from its beginning, and read on for what others add meanwhile."""

    def __init__(self, journal: Reads) -> None:
        self._journal = journal
        self.population: Population | None = None

    def read(self) -> Iterator[Finding]:
        """Every entry decoded and folded; times that no clock can have given."""
        newest = 0.0
        number = 0
        for body in self._journal.read(0):
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

    def read_on(self) -> Population | None:
        """The population as it stands now."""
        number = 0 if self.population is None else self.population.count
        for body in self._journal.read(number):
            number += 1
            self._next(number, body)
        return self.population

    def now(self) -> Population:
        """The same, where one exists."""
        found = self.read_on()
        assert found is not None
        return found

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
    for note in notes_on(population):
        yield Finding("warning", note.what, note.do)
    for m in population.members:
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


def _leases(folder: Path, history: _History) -> Iterator[Finding]:
    """Who trains which member. What changed while it was looked at is in somebody's hands."""
    leases = folder / "leases"
    if leases.exists() and not os.access(leases, os.R_OK | os.X_OK):
        yield Finding("warning", f"{leases} can not be read: who trains which member is not known", _PERMISSION)
        return
    before = history.now()
    states = states_of(before, judge_for(str(folder)))
    after = history.now()
    same = [m.id for m in before.members if m.lease == after.members[m.id].lease and m.done == after.members[m.id].done]

    def members(state: str) -> list[int]:
        return [id for id in same if states[id] == state]

    living = [m.id for m in before.members if states[m.id] == "training"]
    if living:
        yield Finding("ok", f"members in the hands of living workers: {_some(living)}")
    if members("orphaned"):
        yield Finding("warning", f"the workers of these members are dead: {_some(members('orphaned'))}", _MORE)
    if members("free") and not after.finished:
        waiting = f"members that wait for a worker: {_some(members('free'))}"
        yield Finding("ok", f"{waiting}; they take turns") if living else Finding("warning", waiting, _MORE)


def _checkpoints(store: FolderStore, history: _History) -> Iterator[Finding]:
    try:
        yield from _whole(store.fetch, history)
    except PermissionError as error:
        yield Finding("warning", f"not every checkpoint can be looked at: {error}", _PERMISSION)
        return
    except OSError as error:
        yield Finding("problem", str(error), "mount the folder with the checkpoints")
        return
    found = store.ids()
    population = history.now()
    yield from _ahead(found, population)
    left = sorted(set(found) - population.referenced()) if population.finished else []
    if left:
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


def _objects(history: _History) -> Iterator[Finding]:
    """Whether the object store has the manifest of every checkpoint that somebody may need; no file is fetched."""
    from pbt.checkpoints.objects import FIRST_PATIENCE, Objects, backend

    url = history.now().settings.checkpoints
    try:
        objects = Objects(backend(url), url, FIRST_PATIENCE)
        objects.reach()
        yield from _whole(objects.manifest, history)
    except SettingsError as error:
        yield Finding("problem", str(error), "install what is missing here, then ask again")
    except (PBTError, OSError) as error:
        yield Finding(
            "problem",
            str(error),
            "see that the store answers, and give this shell the credentials and the endpoint that workers have",
        )


def _needed(population: Population) -> set[str]:
    """The checkpoints that are referenced, but for those to fall back on: former versions kept none."""
    needed = {m.checkpoint.id for m in population.members if m.checkpoint is not None}
    return needed | ({population.best.id} if population.best is not None else set())


def _whole(look: Callable[[str], object], history: _History) -> Iterator[Finding]:
    """Every checkpoint that was needed before it was looked at, and still is."""
    looked = sorted(_needed(history.now()))
    broken: dict[str, CheckpointError] = {}
    for id in looked:
        try:
            look(id)
        except CheckpointError as error:
            broken[id] = error
    population = history.now()
    needed = _needed(population)
    referenced = [id for id in looked if id in needed]
    for id in referenced:
        if id in broken:
            yield Finding("problem", f"checkpoint {id}: {broken[id]}", _loss(population, id))
    whole = sum(id not in broken for id in referenced)
    yield Finding("ok", f"checkpoints: {whole} of {len(referenced)} referenced ones are whole")


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
    size = _size(home)
    free = shutil.disk_usage(home).free
    if free < _ROOM * size:
        yield Finding(
            "warning", f"{free / 1e9:.1f} GB free, and all checkpoints take {size / 1e9:.1f} GB",
            "make room: training waits while a checkpoint does not fit",
        )  # fmt: skip


def _size(folder: Path) -> int:
    """Bytes of all files below; what vanishes meanwhile has none."""
    size = 0
    for base, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.lstat(os.path.join(base, name)).st_size
    return size


def _salvage(folder: Path) -> Iterator[Finding]:
    """Where the journal is damaged: how much of it is not, and how to save that."""
    from pbt.salvage import readable

    try:
        found = readable(folder)
    except OSError:
        return
    if found.population is not None:
        yield Finding(
            "warning",
            f"{found.population.count} entries can be saved, up to {found.reports}",
            f"pbt doctor {shlex.quote(str(folder))} --save-to NEW_FOLDER makes a copy of them and their checkpoints, "
            "which trains on; this folder stays as it is",
        )


def _some(things: list[int] | list[str]) -> str:
    shown = ", ".join(map(str, things[:12]))
    return shown if len(things) <= 12 else f"{shown} and {len(things) - 12} more"
