"""How client and server name a key, and its form in a header."""

from __future__ import annotations

KEY_ENV, READ_KEY_ENV = "PBT_KEY", "PBT_READ_KEY"

KEY_FILE, READ_KEY_FILE = "key", "key.read"

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def wire_form(secret: bytes) -> bytes:
    """A key as it stands in a header, whatever bytes it has."""
    plain = secret.isascii() and secret.decode().isprintable() and secret == secret.strip()
    return secret if plain else b"hex:" + secret.hex().encode()
