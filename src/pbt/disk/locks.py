"""Locks between processes of one machine: flock, which the kernel releases when a holder dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from pbt.disk.sharing import open_shared
from pbt.disk.waiting import blocked
from pbt.errors import PBTError

if sys.platform == "win32":
    raise PBTError(
        "a population's folder needs flock, which Windows lacks: use a server (pbt serve on Linux), or pbt.train"
    )

import fcntl

_open: set[int] = set()


def _close_in_child() -> None:
    """Close locks in a forked child: else a lock would survive its real holder."""
    for fd in list(_open):
        os.close(fd)
    _open.clear()


os.register_at_fork(after_in_child=_close_in_child)


def open_lock(path: Path) -> int:
    """A descriptor of the lock file, made if need be and never deleted; closed in forked children."""
    fd = open_shared(path, os.O_RDWR | os.O_CREAT)
    _open.add(fd)
    return fd


def open_seen(path: Path) -> int:
    """A descriptor of a file or folder that is there, to be locked; closed in forked children."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    _open.add(fd)
    return fd


def close_lock(fd: int) -> None:
    """Close a descriptor, which releases its lock."""
    if fd in _open:
        _open.discard(fd)
        os.close(fd)


def try_lock(fd: int, shared: bool = False) -> bool:
    """Take the lock if it is free."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(fd: int) -> None:
    """Release the lock."""
    fcntl.flock(fd, fcntl.LOCK_UN)


class FairLock:
    """A fair turn among processes, made of two locks: take *gate*, take *lock*, release *gate*.

    One flock is not fair: the process that releases it takes it again. Reentrant within one thread; `held` counts how
    deep.

    Attributes:
        meanwhile: done with the gate taken, while another may still have the lock.
    """

    def __init__(self, folder: Path) -> None:
        self._held_up = f"waiting for {folder}/journal.lock: another process holds it; is one stopped, or its disk?"
        self._gate = open_lock(folder / "journal.gate")
        self._lock = open_lock(folder / "journal.lock")
        self.held = 0
        self.meanwhile: Callable[[], None] | None = None

    def _take(self, fd: int, flock: Any) -> None:
        if not try_lock(fd):
            with blocked(self._held_up):
                flock(fd, fcntl.LOCK_EX)

    def __enter__(self, flock: Any = fcntl.flock, leave: int = fcntl.LOCK_UN) -> None:
        if self.held == 0:
            try:
                self._take(self._gate, flock)
                if self.meanwhile is not None:
                    self.meanwhile()
                self._take(self._lock, flock)
            except BaseException:  # an interrupt must not leave the gate shut to everybody
                flock(self._lock, leave)
                flock(self._gate, leave)
                raise
            flock(self._gate, leave)
        self.held += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.held -= 1
        if self.held == 0:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give back both files."""
        close_lock(self._gate)
        close_lock(self._lock)
