"""Findings about a population, each with a remedy. Read only.

Workers may train meanwhile. So the journal is read, the disk is examined, and the journal is read again: only facts
that hold by both readings are judged, and a file that vanished in between was deleted rightly.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pbt.checkpoints.folder import FolderStore
from pbt.coordinator.snapshot import load
from pbt.disk.filesystem import NETWORK, file_system
from pbt.errors import Forbidden, PBTError, SettingsError, Unavailable, Unreachable, counted, sized
from pbt.journals.snapshot_file import SnapshotFile
from pbt.liveness.flock import free
from pbt.opening import folder as folders
from pbt.opening.opening import names_server, open_journal
from pbt.population.population import Population
from pbt.population.recorded import OWN
from pbt.strategies.registry import build
from pbt.views.finding import PERMISSION, Finding, History, some
from pbt.views.judge import judge_for, notes_on, states_of
from pbt.views.kept import checkpoints_in, objects_of

_ROOM = 1.2
"""Disk space is scarce below this multiple of the size of all checkpoints."""
_MORE = "start workers to go on"


def examine(where: str) -> Iterator[Finding]:
    """Everything that can be seen from here: the journal, the checkpoints, the leases, the disk."""
    try:
        yield from _examine(where)
    except Unavailable as error:
        yield Finding("warning", str(error), "nothing is known of the population: mend the way to it, then ask again")
    except PBTError as error:
        yield Finding("problem", str(error), _remedy(where, error))
        if not isinstance(error, Unreachable | Forbidden) and not names_server(where):
            yield from _salvage(folders.path_of(where))
    except PermissionError as error:
        yield Finding("warning", f"this user may not look at everything: {error}", PERMISSION)


def _examine(where: str) -> Iterator[Finding]:
    if not names_server(where):
        yield from _disk(folders.path_of(where))
    history = History(open_journal(where))
    yield from history.read()
    population = history.population
    if population is None:
        if not names_server(where) and any(folders.path_of(where).glob("checkpoints/*/*")) and not history.read_on():
            yield Finding(
                "problem", "the journal is empty, and yet there are checkpoints: what it said is lost",
                "restore the folder from a copy, or take the checkpoints away and start a new population",
            )  # fmt: skip
            return
        yield Finding("warning", "the journal is empty: nothing was created here yet", "start a worker with a space")
        return
    yield from _members(population, where)
    if names_server(where):
        yield Finding("ok", "checkpoints and leases are the server's: run pbt doctor on its folder to look at them")
        return
    folder = folders.path_of(where)
    yield from _snapshot(folder, population)
    yield from _leases(folder, history)
    if population.settings.checkpoints == OWN:
        yield from checkpoints_in(FolderStore(folder), history)
        yield from _room(folder)
    elif not population.settings.foreign:
        yield from objects_of(history)


def _remedy(where: str, error: PBTError) -> str:
    """The remedy where no journal can be read."""
    if isinstance(error, Unreachable | Forbidden | SettingsError):
        return "nothing is known of the population: mend the way to it, then ask again"
    if names_server(where):
        return "look at the population's folder on the server's machine: pbt doctor FOLDER"
    folder = folders.path_of(where)
    if _shut(folder):
        return PERMISSION
    if those := folders.inside(folder):
        return f"pbt doctor {shlex.quote(str(folder / those[0]))} looks at the first of them"
    if not os.path.exists(folder / folders.MARK):
        return f"look for the folder that holds {folders.MARK}; if it was deleted, restore it from a copy"
    with suppress(PBTError):
        if folders.read_mark(folder).journal == folders.POSTGRES:
            return "give pbt doctor the URL of the population on its server"
    return "restore the population from a copy, save what can be saved, or start a new one"


def _shut(folder: Path) -> bool:
    """Whether this user lacks a permission to read the folder's journal."""
    try:
        parts = [p for p in (folder, *(folder / n for n in (folders.MARK, "journal.db", "journal"))) if p.exists()]
    except OSError:
        return True
    return not all(os.access(part, os.R_OK) for part in parts)


def _disk(folder: Path) -> Iterator[Finding]:
    if not folders.marked(folder):
        return
    mark, kind = folders.read_mark(folder), file_system(folder)
    if mark.journal == "sqlite" and kind in NETWORK:
        yield Finding(
            "problem", f"an SQLite journal on a network file system ({kind}), where it loses commits without a word",
            "let one machine alone use the folder, through pbt serve there",
        )  # fmt: skip
    if (folder / "server.lock").exists() and not free(folder / "server.lock"):
        yield Finding("ok", "a server serves this folder")


def _members(population: Population, where: str) -> Iterator[Finding]:
    members = counted(len(population.members), "member")
    if population.finished:
        yield Finding("ok", f"finished, after {counted(population.reports, 'report')} of {members}")
    else:
        done = sum(m.done for m in population.members)
        yield Finding("ok", f"unfinished: {done} of {members} done")
    for note in notes_on(population, where):
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


def _leases(folder: Path, history: History) -> Iterator[Finding]:
    """The holders of the members. A member that changed during the examination has a living one."""
    leases = folder / "leases"
    if leases.exists() and not os.access(leases, os.R_OK | os.X_OK):
        yield Finding("warning", f"{leases} can not be read: which members are in training is not known", PERMISSION)
        return
    before = history.now()
    states = states_of(before, judge_for(str(folder)))
    after = history.now()
    same = [m.id for m in before.members if m.lease == after.members[m.id].lease and m.done == after.members[m.id].done]

    def members(state: str) -> list[int]:
        return [id for id in same if states[id] == state]

    living = [m.id for m in before.members if states[m.id] == "training"]
    if living:
        yield Finding("ok", f"members in the hands of living workers: {some(living)}")
    if members("orphaned"):
        yield Finding("warning", f"the workers of these members are dead: {some(members('orphaned'))}", _MORE)
    if members("free") and not after.finished:
        waiting = f"members that wait for a worker: {some(members('free'))}"
        yield Finding("ok", f"{waiting}; they take turns") if living else Finding("warning", waiting, _MORE)


def _room(folder: Path) -> Iterator[Finding]:
    home = folder / "checkpoints"
    if not home.is_dir():
        return
    size = _size(home)
    free = shutil.disk_usage(home).free
    if free < _ROOM * size:
        yield Finding(
            "warning", f"{sized(free)} free, and all checkpoints take {sized(size)}",
            "make room: training waits while a checkpoint does not fit",
        )  # fmt: skip


def _size(folder: Path) -> int:
    """Bytes of all files below; a file that vanishes meanwhile counts as empty."""
    size = 0
    for base, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += os.lstat(os.path.join(base, name)).st_size
    return size


def _salvage(folder: Path) -> Iterator[Finding]:
    """Where the journal is damaged: how much of it is not, and how to save that."""
    from pbt.opening.salvage import readable

    try:
        found = readable(folder)
    except OSError:
        return
    if found.population is not None:
        yield Finding(
            "warning",
            f"{counted(found.population.count, 'entry', 'entries')} can be saved, up to {found.reports}",
            f"pbt doctor {shlex.quote(str(folder))} --save-to NEW_FOLDER makes a copy of them and their checkpoints, "
            "which trains on; this folder stays as it is",
        )
