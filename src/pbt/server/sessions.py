"""Sessions of pages: a cookie that stands for a key for a while. Nothing is kept here.

A cookie is the time at which it ends, a random word, and the seal of both under a secret that is derived from one of
the server's two keys; which one sealed it says what it allows. So it outlives a restart of the server, a second server
with the same keys knows it, and it ends with the key itself. A page that writes adds a token, which is derived from the
cookie's random word: pages of other servers can have a cookie sent, but can not read the token.
"""

from __future__ import annotations

import hmac
import secrets
import time
from typing import NamedTuple

from pbt.server.keys import Access, Key

LIFE = 12 * 3600
"""Seconds for which a session lasts after it was last used."""
_RENEWED = LIFE // 2
"""Seconds that are left of a session when a request renews it."""
CSRF = b"x-pbt-csrf"
"""The header with the token."""


class Session(NamedTuple):
    """A session that is valid.

    Attributes:
        ends: seconds since 1970.
        word: random, of this session.
        seal: of both.
        csrf: the token that requests which change something carry.
    """

    access: Access
    ends: int
    word: str
    seal: str
    csrf: str

    @property
    def old(self) -> bool:
        """It should be renewed."""
        return self.ends - time.time() < _RENEWED


def begin(key: Key, access: Access, word: str | None = None) -> Session:
    """A session with the rights of `access`, from now on.

    Args:
        word: of the session that it prolongs.
    """
    return _sealed(key, access, int(time.time()) + LIFE, word or secrets.token_hex(16))


def find(key: Key, headers: dict[bytes, bytes]) -> Session | None:
    """The session that a request's cookie stands for, unless it is none, is over, or was sealed by other keys."""
    ends, _, rest = _cookie(headers).partition(".")
    word, _, seal = rest.partition(".")
    if not (ends.isascii() and ends.isdigit() and len(ends) < 12 and word.isascii() and seal.isascii()):
        return None
    candidates = [_sealed(key, access, int(ends), word) for access in (Access.WRITE, Access.READ)]
    fitting = [c for c in candidates if hmac.compare_digest(c.seal, seal)]
    return fitting[0] if fitting and int(ends) > time.time() else None


def cookie(session: Session | None, headers: dict[bytes, bytes], secure: bool) -> bytes:
    """The header that has a browser keep the session, or forget the one that it has."""
    value = "" if session is None else f"{session.ends}.{session.word}.{session.seal}"
    life = 0 if session is None else LIFE
    more = "; Secure" if secure else ""
    return f"{_name(headers)}={value}; HttpOnly; SameSite=Strict; Path=/api; Max-Age={life}{more}".encode()


def _sealed(key: Key, access: Access, ends: int, word: str) -> Session:
    return Session(access, ends, word, key.seal(access, f"session {ends} {word}"), key.seal(access, f"csrf {word}"))


def _name(headers: dict[bytes, bytes]) -> str:
    """The cookie's name. Browsers send cookies to every port of a host, so that each needs its own."""
    port = headers.get(b"host", b"").decode("latin-1").rpartition(":")[2]
    return f"pbt_session_{port}" if port.isascii() and port.isdigit() else "pbt_session"


def _cookie(headers: dict[bytes, bytes]) -> str:
    name = _name(headers)
    for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        found, equals, value = part.strip().partition("=")
        if equals and found == name:
            return value
    return ""
