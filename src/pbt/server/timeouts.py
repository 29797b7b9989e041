"""Limits on unfinished requests: bytes of the head, and seconds without progress.

No key has been checked before a request's head is complete; so its size is bounded, and so is the time that
half a request may hold a connection.
"""

from __future__ import annotations

import asyncio

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pbt.server.limits import limits
from pbt.wire.messages import Failure

HEAD_LIMIT = 64 * 1024
"""Bytes of a request besides its body: address, headers, and the frames of a chunked body."""
TICK = 30.0
"""Seconds: a head is complete before the second tick, a body has grown between two."""
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain\r\ncontent-length: 31\r\n"
    b"connection: close\r\n\r\nthe request's head is too large"
)


def _full() -> bytes:
    allowed = limits()
    body = msgspec.json.encode(
        Failure(
            "unavailable",
            f"{allowed.connections} connections are open on this server, as many as its limit of {allowed.files} open "
            "files allows: raise that (ulimit -n)",
        )
    )
    return (
        b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
        b"connection: close\r\n\r\n%s" % (len(body), body)
    )


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with limits on the head's size and on idle time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin the limits of a new connection; refuse it if too many are open."""
        super().connection_made(transport)
        self._head = True
        self._head_bytes = 0
        self._refused = len(self.connections) > limits().connections
        self._body_bytes = 0
        self._overhead = 0
        self._requests = 0
        self._told = (0, -1)
        self._receiving = True
        self._timer = self.loop.call_later(TICK, self._tick)
        if self._refused:
            transport.write(_full())
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the limits of a closed connection."""
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._refused:
            return
        self._overhead += len(data)
        super().data_received(data)
        if self._overhead > HEAD_LIMIT + (self._body_bytes >> 3) and not self.transport.is_closing():
            self._refuse(self._head)

    def _refuse(self, tell: bool = True) -> None:
        """Too large a head: nothing that came with or after it is looked at."""
        if not self._refused:
            self._refused = True
            if tell:
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._requests += 1
        self._head = self._receiving = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of its address."""
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers."""
        self._head_bytes += len(name) + len(value) + 4
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its head is complete; it is as large as it is, also where it came in one piece."""
        self._head = False
        if self._refused or self._head_bytes > HEAD_LIMIT:
            self._refuse()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        if self._refused:
            return
        self._body_bytes += len(body)
        self._overhead -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is there."""
        if self._refused:
            return
        self._head, self._receiving = True, False
        self._overhead = self._body_bytes = 0
        super().on_message_complete()

    def _tick(self) -> None:
        """Close the connection of a request that has not moved on since the last tick."""
        answered = self.cycle is not None and self.cycle.response_complete
        moved = 0 if self._head or answered else self._body_bytes
        now = (self._requests, moved)
        if self._receiving and now == self._told and not self.transport.is_closing():
            self.transport.close()
            return
        self._told = now
        self._timer = self.loop.call_later(TICK, self._tick)
