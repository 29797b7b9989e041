"""The server's two keys: where they come from, and how they are compared."""

from __future__ import annotations

import enum
import hmac
import os
import secrets
from pathlib import Path

from pbt.disk.whole import PRIVATE, make_once
from pbt.errors import SettingsError
from pbt.wire.keys import KEY_ENV, KEY_FILE, LOOPBACK, READ_KEY_ENV, READ_KEY_FILE, wire_form

SHORTEST = 16


class Access(enum.Enum):
    """The rights of a key."""

    NONE = 0
    READ = 1
    WRITE = 2


class Key:
    """The server's keys, as requests carry them.

    Args:
        secret: allows everything; None: every request is allowed (``--no-key``).
        file: where it lies, if in a file.
        reading: the second key, which only reads; None: there is none.
        read_file: where that lies, if in a file.
    """

    def __init__(
        self, secret: str | bytes | None, file: Path | None = None, reading: str | bytes | None = None,
        read_file: Path | None = None,
    ) -> None:  # fmt: skip
        self.open = secret is None
        """Whether requests need no key."""
        self.file = None if file is None else file.absolute()
        self.read_file = read_file
        self._writing = _header(secret)
        self._reading = _header(reading)

    def access(self, authorization: bytes | None) -> Access:
        """The rights of a request's header; both keys are always compared in full, in constant time."""
        if self.open:
            return Access.WRITE
        given = authorization or b""
        writes = hmac.compare_digest(given, self._writing)
        reads = hmac.compare_digest(given, self._reading)
        return Access.WRITE if writes else Access.READ if reads else Access.NONE

    def seal(self, access: Access, text: str) -> str:
        """A message authentication code of `text`, under a secret that is derived from the key with these rights."""
        secret = hmac.digest({Access.WRITE: self._writing, Access.READ: self._reading}[access], b"pbt seal", "sha256")
        return hmac.digest(secret, text.encode(), "sha256").hex()

    def fits(self, authorization: bytes | None) -> bool:
        """Whether the header opens everything."""
        return self.access(authorization) is Access.WRITE


def as_header(secret: str | bytes) -> bytes:
    """The header that carries a key."""
    return b"Bearer " + wire_form(secret.encode("utf-8", "replace") if isinstance(secret, str) else secret)


def _header(secret: str | bytes | None) -> bytes:
    """The header that carries a key; without a key a random one, which no request matches."""
    return secrets.token_bytes(32) if secret is None else as_header(secret)


def key_for(folder: Path, host: str, key_file: Path | None, no_key: bool, read_key_file: Path | None = None) -> Key:
    """The keys of a server on `folder` that listens on `host`.

    From ``$PBT_KEY``, else the file named, else ``FOLDER/key``, which is made (256 bit, mode 0600) if need be; the one
    that only reads from ``$PBT_READ_KEY``, the file named, or ``FOLDER/key.read``, likewise.

    Raises:
        SettingsError: a key that is too short off loopback, a file that can not be read, ``--no-key`` off loopback,
            or the same key for both.
    """
    loopback = host in LOOPBACK
    if no_key:
        if not loopback:
            raise SettingsError(f"--no-key on {host}: every user of the network could train, read and stop; give a key")
        return Key(None)
    secret, file = _found(KEY_ENV, key_file, folder / KEY_FILE, loopback)
    reading, read_file = _found(READ_KEY_ENV, read_key_file, folder / READ_KEY_FILE, loopback)
    if secret == reading:
        raise SettingsError("the read-only key is the key itself: give two different ones")
    return Key(secret, file, reading, read_file)


def _found(variable: str, named: Path | None, usual: Path, loopback: bool) -> tuple[str, Path | None]:
    """A key, and the file in which it lies if it lies in one."""
    secret, file = os.environ.get(variable), None
    if not secret:
        file = named or usual
        if named is None:
            make_once(file, f"{secrets.token_hex(32)}\n".encode(), PRIVATE)
        secret = _read(file)
    if len(secret) < SHORTEST and not loopback:
        raise SettingsError(f"the key has {len(secret)} characters: off loopback it needs at least {SHORTEST}")
    return secret, file


def _read(file: Path) -> str:
    try:
        secret = file.read_text().strip()
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}; name a file that holds the key") from None
    if not secret:
        raise SettingsError(f"{file} is empty: write the key into it, or delete it and one is made")
    return secret
