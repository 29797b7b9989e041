"""How client and server name a key, and how a client on the same machine finds the one of a server there."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

KEY_ENV, READ_KEY_ENV = "PBT_KEY", "PBT_READ_KEY"

KEY_FILE, READ_KEY_FILE = "key", "key.read"

SEAT_FILE = "server.json"

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def wire_form(secret: bytes) -> bytes:
    """A key as it stands in a header, whatever bytes it has."""
    plain = secret.isascii() and secret.decode().isprintable() and secret == secret.strip()
    return secret if plain else b"hex:" + secret.hex().encode()


def key_beside(file: str, peer: str, port: int) -> str | None:
    """The key in a file that a server at `peer` pointed at, if it is our own server's.

    Any server could name any file; so the file must be the user's own, readable by nobody else, and lie beside
    the seat of a living process of his that listens at the very address asked.
    """
    path = Path(file)
    try:
        if not (_own(path.parent / SEAT_FILE) and _own(path, private=True)):
            return None
        seat = json.loads((path.parent / SEAT_FILE).read_text())
        everywhere = seat["host"] in ("0.0.0.0", "::") and peer in LOOPBACK
        os.kill(int(seat["pid"]), 0)
        trusted = path.name == KEY_FILE and seat["port"] == port and (seat["host"] == peer or everywhere)
        return path.read_text().strip() if trusted else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None


def seat_is_left(file: str) -> bool:
    """Whether the server that pointed at `file` on this machine has ended since: another may be about to sit down."""
    folder = Path(file).parent
    try:
        if _own(folder / SEAT_FILE):
            os.kill(int(json.loads((folder / SEAT_FILE).read_text())["pid"]), 0)
            return False
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        pass
    return (folder / KEY_FILE).is_file()


def _own(path: Path, private: bool = False) -> bool:
    """Whether it is a small plain file of this user's: reading another's could lead anywhere, or never end."""
    state = path.stat()
    plain = stat.S_ISREG(state.st_mode) and state.st_size < 4096
    return plain and state.st_uid == os.getuid() and not (private and state.st_mode & 0o077)
