"""The sign of life of workers on one machine: a lock on a file of the member's, which dies with its holder."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pbt.disk.locks import close_lock, open_lock, open_seen, try_lock, unlock
from pbt.disk.sharing import make_folder, refusal
from pbt.population.member import Lease

TERM = 60.0
"""Seconds without a sign of life after which a holder that is known only by a counter is presumed dead."""


class FlockLiveness:
    """One never-deleted file per member in ``leases/`` (an unlinked file would fake a death).

    Args:
        folder: the population's folder.
        clock: monotonic seconds.
    """

    kind = "flock"

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder / "leases"
        self._server = folder / "server.lock"
        self._clock = clock
        self._held: dict[int, int] = {}
        self._server_gone_since: float | None = None
        self._serving: int | None = None

    def serve(self) -> bool:
        """Give a server's sign of life; False: another server lives in this folder."""
        fd = open_lock(self._server)
        if not try_lock(fd):
            close_lock(fd)
            return False
        self._serving = fd
        return True

    def close(self) -> None:
        """Serve no longer."""
        if self._serving is not None:
            close_lock(self._serving)
            self._serving = None

    def hold(self, member: int, number: int) -> bool:
        """Lock the member's file; False if another living worker has it.

        Raises:
            SettingsError: this user may not.
        """
        if member in self._held:
            return False
        path = self._folder / f"{member}.lock"
        try:
            make_folder(self._folder)
            fd = open_lock(path)
        except PermissionError:
            raise refusal(path, self._folder.parent) from None
        if try_lock(fd):
            self._held[member] = fd
            return True
        close_lock(fd)
        return False

    def beat(self, member: int, number: int) -> None:
        """Nothing to do: the lock is the sign."""

    def let_go(self, member: int) -> None:
        """Unlock explicitly: a child that was forked may still hold the descriptor."""
        fd = self._held.pop(member, None)
        if fd is not None:
            unlock(fd)
            close_lock(fd)

    def dead(self, member: int, lease: Lease) -> bool:
        """Whether nobody holds the lock; a lease that a server gave is dead once the server is, for a term."""
        if lease.sign == self.kind:
            return member not in self._held and free(self._folder / f"{member}.lock")
        if lease.sign == "server":
            return self._server_is_gone()
        return lease.sign == "here"

    def _server_is_gone(self) -> bool:
        if not free(self._server):
            self._server_gone_since = None
            return False
        if self._server_gone_since is None:
            self._server_gone_since = self._clock()
        return self._clock() - self._server_gone_since >= TERM


def free(path: Path) -> bool:
    """Whether a *shared* lock succeeds: two observers with exclusive ones would take each other for the holder.

    Who may not look does not know, and takes nobody for dead.
    """
    try:
        fd = open_seen(path)
    except FileNotFoundError:
        return True
    except PermissionError:
        return False
    try:
        return try_lock(fd, shared=True)
    finally:
        close_lock(fd)
