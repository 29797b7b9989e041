"""The sign of life of workers on one machine: a lock on a file, which dies with its holder.

The file is the member's own, or that of a block of members which one process trains at once: a lock for each of a
thousand would take a thousand descriptors.
"""

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
    """One never-deleted file per member or block in ``leases/`` (an unlinked file would fake a death).

    Args:
        folder: the population's folder.
        clock: monotonic seconds.
    """

    kind = "flock"

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder / "leases"
        self._server = folder / "server.lock"
        self._clock = clock
        self._held: dict[int, str] = {}
        self._locks: dict[str, tuple[int, int]] = {}
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

    def hold(self, member: int, number: int, block: str = "") -> str:
        """Lock the file of the member, or of its block; "" if another living worker has it.

        Raises:
            SettingsError: this user may not.
        """
        if member in self._held:
            return ""
        sign = f"{self.kind}:{block}" if block else self.kind
        path = self._path(member, sign)
        fd, holders = self._locks.get(path.name, (None, 0))
        if fd is None:
            fd = self._locked(path)
        if fd is None:
            return ""
        self._locks[path.name] = fd, holders + 1
        self._held[member] = sign
        return sign

    def _locked(self, path: Path) -> int | None:
        try:
            make_folder(self._folder)
            fd = open_lock(path)
        except PermissionError:
            raise refusal(path, self._folder.parent) from None
        if try_lock(fd):
            return fd
        close_lock(fd)
        return None

    def _path(self, member: int, sign: str) -> Path:
        block = sign.removeprefix(self.kind).removeprefix(":")
        return self._folder / (f"block-{block}.lock" if block else f"{member}.lock")

    def beat(self, member: int, number: int) -> None:
        """Nothing to do: the lock is the sign."""

    def let_go(self, member: int) -> None:
        """Unlock explicitly: a child that was forked may still hold the descriptor."""
        sign = self._held.pop(member, None)
        if sign is None:
            return
        name = self._path(member, sign).name
        fd, holders = self._locks.pop(name)
        if holders > 1:
            self._locks[name] = fd, holders - 1
        else:
            unlock(fd)
            close_lock(fd)

    def dead(self, member: int, lease: Lease) -> bool:
        """Whether the lock is free; a lease that a server gave is dead once the server is, for a term."""
        if _is_block(lease.sign) or lease.sign == self.kind:
            return self._held.get(member) != lease.sign and free(self._path(member, lease.sign))
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


def _is_block(sign: str) -> bool:
    """Whether a lock of a block's is named, as hold() names one: no path can be made of it."""
    kind, _, block = sign.partition(":")
    return kind == FlockLiveness.kind and block.isalnum() and block.isascii()


def free(path: Path) -> bool:
    """Whether a *shared* lock succeeds: two observers with exclusive ones would take each other for the holder.

    Without permission to look it counts as held: the holder is not taken for dead.
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
