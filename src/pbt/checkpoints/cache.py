"""`Cache`: checkpoints that travel, on this machine's own disk: those being saved, and those in use.

A process that uses a folder holds a shared lock on it; one that gets an exclusive lock may delete it. So several
processes share what one of them has downloaded or saved, and the next process deletes a killed one's folders.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import stat
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from pbt.checkpoints.ids import parsed
from pbt.checkpoints.plain import protect, remove
from pbt.errors import CheckpointError, SettingsError

CACHE_ENV = "PBT_CACHE"
_WORK = "work-"
_ATTEMPTS, _PAUSE = 100, 0.01


class Cache:
    """The checkpoints of one population that this process saves or uses.

    Args:
        population: its id, which no other population has.
    """

    def __init__(self, population: str) -> None:
        everything = cache_folder()
        self._root = everything / hashlib.sha256(population.encode()).hexdigest()[:20]
        if sys.platform == "win32":  # without flock nothing is shared
            self._root = everything / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._root.mkdir(exist_ok=True, mode=0o700)
        self._mine, lock = _locked_folder(self._root)
        self._held: dict[str, int] = {".": lock}
        self._stagings = 0
        self._leave = partial(_leave, self._root, self._mine, self._held, os.getpid())
        atexit.register(self._leave)  # not when the store is dropped: the script may hold a path
        for other in everything.iterdir():
            _tidy(other, only_work=other == self._root)

    def staging(self) -> Path:
        """A new empty folder, this process's own."""
        self._stagings += 1
        staging = self._mine / f"s{self._stagings}"
        staging.mkdir()
        return staging

    def is_staging(self, path: Path) -> bool:
        """Whether the path is one that `staging` gave."""
        return path.parent == self._mine

    def have(self, id: str) -> Path | None:
        """The folder of a checkpoint that is here already; it stays until `let_go` or the next `keep`."""
        path = self._path(id)
        if id not in self._held:
            lock = _use(path)
            if lock is None:
                return None
            self._held[id] = lock
        return path

    def keep(self, staging: Path, id: str) -> Path:
        """A staged folder, whole now, under its id; it stays until `let_go` or the next `keep`."""
        path = self._path(id)
        self.let_go(id)
        for attempt in range(_ATTEMPTS):
            lock = _use(staging)
            if lock is None:
                raise CheckpointError(f"{staging}: save into this folder; what was there is gone")
            try:
                staging.rename(path)
            except OSError:
                _close(lock)
                if self.have(id) is not None:  # another process was quicker
                    remove(staging)
                    return path
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE)  # another process holds its lock, to see whether it can be deleted
            else:
                self._held[id] = lock
                protect(path)
                break
        return path

    def discard(self, id: str) -> None:
        """Delete a checkpoint that `have` gave and that is damaged, even if other processes use it."""
        path = self._path(id)
        if id in self._held and (sys.platform == "win32" or _same(self._held[id], path)):
            _delete(path)
        self.let_go(id)

    def let_go(self, id: str) -> None:
        """This process no longer needs a checkpoint."""
        _close(self._held.pop(id, None))
        if sys.platform == "win32":
            _delete(self._path(id))

    def only(self, id: str) -> None:
        """Release all checkpoints but this; those that no process of this machine needs are deleted."""
        for other in [known for known in self._held if known not in (id, ".")]:
            self.let_go(other)
        _tidy(self._root)

    def close(self) -> None:
        """Delete checkpoints that no other process of this machine needs."""
        atexit.unregister(self._leave)
        self._leave()

    def _path(self, id: str) -> Path:
        member, lease, seq = parsed(id)
        return self._root / f"{member}-{lease}-{seq}"


def cache_folder() -> Path:
    """A folder of this user's own below ``$PBT_CACHE``, else below the platform's folder for temporary files.

    Nothing else is ever put there: folders in it that no process has locked are deleted.

    Raises:
        SettingsError: it can not be made, or is another user's.
    """
    given = os.environ.get(CACHE_ENV)
    user = os.getuid() if sys.platform != "win32" else 0
    path = Path(given or tempfile.gettempdir()).expanduser().absolute() / f"pbt-cache-{user}"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        state = path.lstat()
    except OSError as error:
        raise SettingsError(f"{path} can not hold checkpoints ({error.strerror}): set ${CACHE_ENV}") from None
    if (sys.platform != "win32" and state.st_uid != user) or not stat.S_ISDIR(state.st_mode):
        raise SettingsError(f"{path} is another user's: set ${CACHE_ENV} to a folder of your own")
    return path


def _locked_folder(root: Path) -> tuple[Path, int]:
    """A new folder of this process's own; another process that tidies may delete it before it is locked."""
    while True:
        folder = root / f"{_WORK}{secrets.token_hex(6)}"
        folder.mkdir(parents=True)
        lock = _use(folder)
        if lock is not None:
            return folder, lock


def _use(folder: Path) -> int | None:
    """A shared lock on a folder that is there and stays there; None if it is not."""
    if sys.platform == "win32":
        return -1 if folder.is_dir() else None
    from pbt.disk.locks import open_seen, try_lock

    try:
        lock = open_seen(folder)
    except OSError:
        return None
    if try_lock(lock, shared=True) and _same(lock, folder):
        return lock
    _close(lock)
    return None


def _same(lock: int, folder: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), folder.stat())
    except OSError:
        return False


def _close(lock: int | None) -> None:
    if lock is not None and lock >= 0 and sys.platform != "win32":
        from pbt.disk.locks import close_lock, unlock

        with suppress(OSError):  # a forked child's copies are closed already
            unlock(lock)
        close_lock(lock)


def _tidy(population: Path, only_work: bool = False) -> None:
    """Delete folders that no living process has locked: unfinished downloads of dead ones, and unused checkpoints."""
    if sys.platform == "win32":
        return
    from pbt.disk.locks import open_seen, try_lock

    with suppress(OSError):
        for name in os.listdir(population):
            folder = population / name
            if only_work and not name.startswith(_WORK):
                continue
            with suppress(OSError):
                lock = open_seen(folder)
                if try_lock(lock) and _same(lock, folder):
                    _delete(folder)
                _close(lock)
        population.rmdir()


def _delete(folder: Path) -> None:
    """Rename, then delete: no reader finds a half-deleted checkpoint under its id."""
    aside = folder.parent / f"{_WORK}gone-{secrets.token_hex(6)}"
    with suppress(OSError):
        folder.rename(aside)
        remove(aside)


def _leave(root: Path, mine: Path, held: dict[str, int], process: int) -> None:
    """At the end of the process that made the cache; a forked child has no part in it."""
    if os.getpid() != process:
        return
    for lock in held.values():
        _close(lock)
    held.clear()
    remove(mine)
    if sys.platform == "win32":
        remove(root)
    _tidy(root)
