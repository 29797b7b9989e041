"""Signing in: a key, or a code that is valid once, for a session."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import secrets
import time
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pbt.errors import Invalid, TooLarge, WrongKey
from pbt.server.access import RequestCheck
from pbt.server.keys import Access, as_header
from pbt.server.routes import JSON
from pbt.server.sessions import Session, begin, cookie, find
from pbt.wire.messages import Nothing, OneTimeCode, SignedIn, SignIn

WAIT = 1.0
"""Seconds after which a wrong key is answered; until then no other is looked at from that address."""
CODE_LIFE = 120
"""Seconds for which a code is valid."""
_WORDS: dict[Access, Literal["none", "read", "write"]] = {
    Access.NONE: "none", Access.READ: "read", Access.WRITE: "write",
}  # fmt: skip
_MOST_CODES = 16
_MOST_WAITING = 1000
_LARGEST = 64 * 1024
"""Bytes of a request for a session; who asks has shown no key yet."""


class Codes:
    """Codes that are valid once and for a short time, for a browser that the server's own user opens."""

    def __init__(self) -> None:
        self._ends: dict[bytes, float] = {}

    def issue(self) -> str:
        """A new code, which allows everything."""
        code = secrets.token_urlsafe(32)
        while len(self._ends) >= _MOST_CODES:
            self._ends.pop(next(iter(self._ends)))
        self._ends[_digest(code)] = time.monotonic() + CODE_LIFE
        return code

    def take(self, code: str) -> bool:
        """Whether the code is valid, which it is no longer after this."""
        return self._ends.pop(_digest(code), 0.0) > time.monotonic()


class SigningIn:
    """The requests about sessions.

    Args:
        request_check: knows the server's keys.
    """

    def __init__(self, request_check: RequestCheck) -> None:
        self._check = request_check
        self._waiting: set[str] = set()
        self.codes = Codes()

    async def get_session(self, request: Request) -> Response:
        """What the asker may do, and the token for it; a session that is used lasts on."""
        headers = dict(request.scope["headers"])
        access, session = self._check.key.access(headers.get(b"authorization")), None
        if access is Access.NONE:
            session = find(self._check.key, headers)
        if session is not None:
            return self._signed_in(request, begin(self._check.key, session.access, session.word))
        return _answer(SignedIn(_WORDS[access]))

    async def post_session(self, request: Request) -> Response:
        """Begin a session.

        Raises:
            WrongKey: the key is wrong, or the code is not valid any longer.
        """
        asked = msgspec.json.decode(await _body(request), type=SignIn)
        if (asked.key is None) == (asked.code is None):
            raise Invalid("give the key, or a code, as key or code")
        if self._check.key.open:
            return _answer(SignedIn("write"))
        access = await self._access(asked, _place(request))
        return self._signed_in(request, begin(self._check.key, access))

    async def delete_session(self, request: Request) -> Response:
        """Have the browser forget its session."""
        response = _answer(SignedIn("write" if self._check.key.open else "none"))
        return _with_cookie(response, request, None)

    async def post_code(self, request: Request) -> Response:
        """A code for a browser, asked for with the key."""
        msgspec.json.decode(await _body(request), type=Nothing)
        return _answer(OneTimeCode(self.codes.issue(), CODE_LIFE))

    async def _access(self, asked: SignIn, place: str) -> Access:
        """What a key or a code allows; one wrong one a second is looked at from each address."""
        if place in self._waiting or len(self._waiting) >= _MOST_WAITING:
            raise WrongKey("a wrong key came from your address just now: wait a second, then try again")
        if asked.key is not None:
            access = self._check.key.access(as_header(asked.key))
        else:
            access = Access.WRITE if self.codes.take(asked.code or "") else Access.NONE
        if access is not Access.NONE:
            return access
        self._waiting.add(place)
        try:
            await asyncio.sleep(WAIT)
        finally:
            self._waiting.discard(place)
        if asked.key is None:
            raise WrongKey("this address was used already, or is too old: give the key instead, or run pbt ui again")
        raise WrongKey("this is no key of this server: it lies in the file key, or key.read, of the server's folder")

    def _signed_in(self, request: Request, session: Session) -> Response:
        return _with_cookie(_answer(SignedIn(_WORDS[session.access], session.csrf)), request, session)


def _answer(said: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(said), media_type=JSON, headers={"cache-control": "no-store"})


def _with_cookie(response: Response, request: Request, session: Session | None) -> Response:
    secure = request.scope["scheme"] == "https"
    response.raw_headers.append((b"set-cookie", cookie(session, dict(request.scope["headers"]), secure)))
    return response


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise TooLarge(f"the request is too large: at most {_LARGEST} bytes")
    return body


def _place(request: Request) -> str:
    """Where a request comes from: its address, or the network that one user of IPv6 has."""
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:  # IPv4, at a socket that serves both: a network of theirs would be everybody
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "replace")).digest()
