"""Checks of every request before its body is read: host, origin, key, type and size.

Without the first two, a page that a user visits could reach a server on his loopback (DNS rebinding,
cross-site requests).
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterable

from pbt.errors import Forbidden, ReadOnly, TooLarge, WrongHost, WrongType
from pbt.server.keys import Access, Key
from pbt.server.sessions import CSRF, Session, find
from pbt.wire.messages import BODY_LIMIT

Headers = dict[bytes, bytes]
_READS = ("GET", "HEAD")


class RequestCheck:
    """Checks requests.

    Args:
        key: the key that they must carry.
        hosts: names by which this server is expected to be called, besides this machine's own and any IP address.
    """

    def __init__(self, key: Key, hosts: Iterable[str] = ()) -> None:
        self.key = key
        own = {"localhost", socket.gethostname().lower(), socket.getfqdn().lower()}
        self._seen: set[str] = set()
        self._hosts = own | {host.lower() for host in hosts}

    def check_sender(self, headers: Headers) -> None:
        """Let in a request for something that is no secret, such as the page itself.

        Raises:
            WrongHost: it is meant for another host, or comes from another one's page.
        """
        host = headers.get(b"host", b"").decode("latin-1")
        if host not in self._seen and not self._expected(host):
            raise WrongHost(
                f"host {host[:80]!r} is not this server: name it with pbt serve --host-name, or use its address"
            )
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1").partition("://")[2] != host:
            raise WrongHost("requests from other pages are refused")

    def check(self, method: str, headers: Headers) -> Session | None:
        """Let the request in.

        Returns:
            The session by which it came in, where it carries no key.

        Raises:
            WrongHost, Forbidden, ReadOnly, WrongType, TooLarge: why not.
        """
        self.check_sender(headers)
        session = self._check_rights(method, headers)
        self._check_body(method, headers)
        return session

    def check_keyless(self, method: str, headers: Headers) -> None:
        """Let in a request that needs no key.

        Raises:
            WrongHost, WrongType, TooLarge: why not.
        """
        self.check_sender(headers)
        self._check_body(method, headers)

    @staticmethod
    def _check_body(method: str, headers: Headers) -> None:
        if method == "POST":
            if headers.get(b"content-type", b"").partition(b";")[0].strip() != b"application/json":
                raise WrongType("send JSON, with content-type application/json")
            length = headers.get(b"content-length", b"0")
            if not length.isdigit() or len(length) > 18 or int(length) > BODY_LIMIT:
                raise TooLarge(
                    f"the request is too large: at most {BODY_LIMIT} bytes; put large values into the checkpoint"
                )

    def _check_rights(self, method: str, headers: Headers) -> Session | None:
        """By the key, or by the session of a page where no key is given."""
        authorization, session = headers.get(b"authorization"), None
        access = self.key.access(authorization)
        if access is Access.NONE and authorization is None:
            session = self._session(method, headers)
            access = Access.NONE if session is None else session.access
        if access is Access.NONE:
            raise Forbidden("the key is missing or wrong: export PBT_KEY=… as pbt serve printed it")
        if access is Access.READ and method not in _READS:
            raise ReadOnly(
                "this key only reads (pbt status, pbt journal and the like): to train, or to change something, "
                "export the server's other key as PBT_KEY, or sign in with it"
            )
        return session

    def _session(self, method: str, headers: Headers) -> Session | None:
        """The session of a page that came from here.

        Raises:
            WrongHost: a page of another server had the browser send its cookie.
        """
        session = find(self.key, headers)
        if session is None:
            return None
        # A page of another port is of the same site, so that cookies go with what it asks for.
        foreign = headers.get(b"sec-fetch-site", b"none") not in (b"same-origin", b"none")
        if method not in _READS:
            token = headers.get(CSRF, b"")
            foreign = foreign or b"origin" not in headers or not hmac.compare_digest(token, session.csrf.encode())
        if foreign:
            raise WrongHost(
                f"requests of a signed-in page come from this server's own page and, where they change something, "
                f"carry its token as {CSRF.decode()}: reload the page"
            )
        return session

    def _expected(self, host: str) -> bool:
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if name.lower() not in self._hosts:
            try:
                ipaddress.ip_address(name.strip("[]"))
            except ValueError:
                return False
        if len(self._seen) < 100 and len(host) < 300:
            self._seen.add(host)
        return True
