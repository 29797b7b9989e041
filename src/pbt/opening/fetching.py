"""A checkpoint, brought to where its user wants it: from a population's folder, a server, or an object store."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from pathlib import Path

from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.location import names_server as names_store
from pbt.checkpoints.manifest import check, manifest_of
from pbt.checkpoints.store import CheckpointStore
from pbt.coordinator.follower import Follower
from pbt.errors import CheckpointError, SettingsError
from pbt.opening.folder import path_of
from pbt.opening.opening import names_server, open_journal
from pbt.population.entries import Checkpoint
from pbt.population.population import Population
from pbt.population.recorded import Settings

_TRIES = 5
"""A population that trains replaces its checkpoints: how often the newest is looked for."""


def fetch(where: str, member: int | None, to: Path) -> Checkpoint:
    """Copy a checkpoint into a new folder, whole or not at all.

    Args:
        where: a population's folder or URL.
        member: whose present checkpoint; None: the best of the population so far.
        to: the folder, which must not exist.

    Raises:
        SettingsError: `to` exists, or the checkpoints are foreign.
        CheckpointError: there is none, or it is not whole.
        OutOfReach: the object store can not be reached.
    """
    if os.path.lexists(to):
        raise SettingsError(f"{to} exists: name a folder that does not, so that nothing is overwritten")
    follower = Follower(open_journal(where))
    tried = None
    for _ in range(_TRIES):
        follower.catch_up()
        population = follower.population
        wanted = _wanted(population, member)
        try:
            _copy(_store(where, population.settings), wanted.id, to)
        except CheckpointError:
            if tried == wanted.id:
                raise  # damaged twice, and not replaced meanwhile
            tried = wanted.id
        else:
            return wanted
    raise CheckpointError(f"{where}: checkpoints are replaced faster than they can be copied: try again")


def _wanted(population: Population, member: int | None) -> Checkpoint:
    if population.settings.foreign:
        best = population.best
        said = "" if best is None else f"; the best is the one it calls {best.id!r}"
        raise SettingsError(f"this population's checkpoints are its script's own: it alone can find them{said}")
    found = population.best if member is None else population.member(member).checkpoint
    if found is None:
        whose = "no member has" if member is None else f"member {member} has not"
        raise CheckpointError(f"{whose} saved a checkpoint with a finite score yet: there is nothing to fetch")
    return found


def _store(where: str, settings: Settings) -> CheckpointStore:
    if names_store(settings.checkpoints):
        from pbt.checkpoints.objects import FIRST_TIMEOUT, ObjectStore

        return ObjectStore(settings.checkpoints, patience=FIRST_TIMEOUT)
    if not names_server(where):
        return FolderStore(path_of(where))
    from pbt.checkpoints.cache import Cache
    from pbt.checkpoints.upload import UploadStore
    from pbt.client.remote import Remote

    return UploadStore(Remote(where, patience=30.0), Cache(f"fetched from {where}"))


def _copy(store: CheckpointStore, id: str, to: Path) -> None:
    """Check the copy, byte for byte where the manifest has hashes."""
    source = store.fetch(id)
    aside = to.with_name(f".{to.name[:200]}.{secrets.token_hex(4)}")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, aside, copy_function=shutil.copyfile)
        _check(aside, id)
        for path in (aside, *aside.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)  # one's own now, to do with as one likes
        aside.rename(to)
    except (OSError, shutil.Error) as error:
        if not source.is_dir():
            raise CheckpointError(f"checkpoint {id} is gone: a newer one has replaced it") from None
        raise SettingsError(f"{to}: the copy can not be made there: {error}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check(folder: Path, id: str) -> None:
    manifest = manifest_of(folder, id)
    check(folder, manifest)
    for name, sha256 in manifest.sha256.items():
        with (folder / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise CheckpointError(f"checkpoint {id} is not whole: {name} is not what was saved (SHA-256)")
