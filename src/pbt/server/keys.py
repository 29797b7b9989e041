"""The server's key: where it comes from, how it is compared, and how a client on the same machine finds it."""

from __future__ import annotations

import hmac
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path

from pbt.errors import SettingsError

VARIABLE = "PBT_KEY"
FILE = "key"
SEAT = "server.json"
SHORTEST = 16
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Key:
    """What every request must carry, or None for ``--no-key``."""

    def __init__(self, secret: str | bytes | None, file: Path | None = None) -> None:
        self._secret = secret.encode() if isinstance(secret, str) else secret
        self.file = file

    @property
    def open(self) -> bool:
        """Whether requests need no key."""
        return self._secret is None

    def fits(self, authorization: bytes | None) -> bool:
        """Whether the header carries the key; takes as long for a wrong one as for the right one."""
        if self._secret is None:
            return True
        given = authorization or b""
        return hmac.compare_digest(given, b"Bearer " + wire_form(self._secret))


def wire_form(secret: bytes) -> bytes:
    """A key as it stands in a header, whatever bytes it has."""
    plain = secret.isascii() and secret.decode().isprintable() and secret == secret.strip()
    return secret if plain else b"hex:" + secret.hex().encode()


def key_for(folder: Path, host: str, key_file: Path | None, no_key: bool) -> Key:
    """The key of a server on `folder` that listens on `host`.

    From ``$PBT_KEY``, else the file named, else ``FOLDER/key``, which is made (256 bit, mode 0600) if need be.

    Raises:
        SettingsError: a key that is too short off loopback, a file that can not be read, or ``--no-key`` off loopback.
    """
    loopback = host in LOOPBACK
    if no_key:
        if not loopback:
            raise SettingsError(f"--no-key on {host}: anybody on the network could train, read and stop; give a key")
        return Key(None)
    secret, file = os.environ.get(VARIABLE), None
    if not secret:
        file = key_file or folder / FILE
        if key_file is None:
            _make_once(file)
        secret = _read(file)
    if len(secret) < SHORTEST and not loopback:
        raise SettingsError(f"the key has {len(secret)} characters: off loopback it needs at least {SHORTEST}")
    return Key(secret, file)


def _read(file: Path) -> str:
    try:
        secret = file.read_text().strip()
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}; name a file that holds the key") from None
    if not secret:
        raise SettingsError(f"{file} is empty: write the key into it, or delete it and one is made")
    return secret


def _make_once(file: Path) -> None:
    """Made aside and linked: of several servers that start together on a folder, one makes it, and it is whole."""
    if file.exists():
        return
    aside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as out:
        out.write(secrets.token_hex(32) + "\n")
    try:
        with suppress(FileExistsError):
            os.link(aside, file)
    finally:
        aside.unlink()


def take_seat(folder: Path, host: str, port: int) -> Path:
    """Note where this folder's server listens, so that a client gives the folder's key to no other server."""
    seat = folder / SEAT
    seat.write_text(json.dumps({"host": host, "port": port, "pid": os.getpid()}))
    return seat


def key_beside(file: str, peer: str, port: int) -> str | None:
    """The key in a file that a server at `peer` pointed at, if it is our own server's.

    Any server could name any file; so the file must be the user's own, readable by nobody else, and lie beside
    the seat of a living process of his that listens at the very address asked.
    """
    path = Path(file)
    try:
        seat = json.loads((path.parent / SEAT).read_text())
        everywhere = seat["host"] in ("0.0.0.0", "::") and peer in LOOPBACK
        os.kill(int(seat["pid"]), 0)
        state = path.stat()
        trusted = path.name == FILE and seat["port"] == port and (seat["host"] == peer or everywhere)
        private = state.st_uid == os.getuid() and not state.st_mode & 0o077
        return path.read_text().strip() if trusted and private else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def seat_is_left(file: str) -> bool:
    """Whether the server that pointed at `file` on this machine has ended since: another may be about to sit down."""
    folder = Path(file).parent
    try:
        os.kill(int(json.loads((folder / SEAT).read_text())["pid"]), 0)
    except (OSError, ValueError, KeyError, TypeError):
        return (folder / FILE).is_file()
    return False
