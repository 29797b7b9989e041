"""The note of a server's key for clients of the same user on the same machine, in the way of Jupyter.

The server writes ``$XDG_STATE_HOME/pbt/<machine>-<address>-<port>.key`` (by default below ``~/.local/state``) and
keeps it locked while it listens. The client looks up the address that it has connected to; no server can name a file.

The lock is the client's proof: the kernel releases it when the server's process ends, however it ends, and while that
process listens no other can have its address and port. So a port that another user takes over after a crash is
sent no key: its note is unlocked. The machine's name stands in the note's, since a home may be shared by machines.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

_log = logging.getLogger("pbt")
_LARGEST = 4096
"""Bytes of a note that is read."""


def note_path(address: str, port: int) -> Path:
    """The file that holds the key of this user's server at an address of this machine.

    Raises:
        RuntimeError: there is neither ``$XDG_STATE_HOME`` nor a home.
    """
    given = os.environ.get("XDG_STATE_HOME", "")
    state = Path(given) if os.path.isabs(given) else Path.home() / ".local" / "state"
    return state / "pbt" / f"{socket.gethostname()}-{address}-{port}.key"


def note_key(key: str, address: str, port: int) -> Callable[[], None]:
    """Note the key of this process's server, which listens on `address`.

    Returns:
        deletes the note, once: to be called while the server still listens.
    """
    from pbt.disk.locks import close_lock, open_seen, try_lock

    try:
        path = note_path(address, port)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(key + "\n")
        lock = open_seen(aside)
        try_lock(lock)
        aside.replace(path)
    except (OSError, RuntimeError) as error:
        _log.warning("the key could not be noted for this user's own workers, export it there too: %s", error)
        return lambda: None

    locks = [lock]

    def forget() -> None:
        if locks:
            path.unlink(missing_ok=True)
            close_lock(locks.pop())

    return forget


def noted_key(peer: str, port: int) -> str | None:
    """The key of this user's server that listens at `peer`, an address of this machine; None: there is none."""
    everywhere = "::" if ":" in peer else "0.0.0.0"
    return _read(peer, port) or _read(everywhere, port)


def own_peer(channel: socket.socket) -> str | None:
    """The address at the other end of a connection if it is this machine's own."""
    peer: str = channel.getpeername()[0]
    own = peer == channel.getsockname()[0] or ipaddress.ip_address(peer.partition("%")[0]).is_loopback
    return peer if own else None


def _read(address: str, port: int) -> str | None:
    """The key in a note: a small plain file that only this user may read, locked by a living server."""
    if sys.platform == "win32":
        return None
    from pbt.disk.locks import close_lock, open_seen, try_lock

    try:
        path = note_path(address, port)
        state = path.lstat()
        private = stat.S_ISREG(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & 0o077
        if not private or state.st_size > _LARGEST:
            return None
        lock = open_seen(path)
        try:
            return None if try_lock(lock, shared=True) else path.read_text().strip() or None
        finally:
            close_lock(lock)
    except (OSError, RuntimeError, ValueError):
        return None
