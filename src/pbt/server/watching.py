"""What pages ask for: views, the list of populations in detail, and the stream of events."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pbt.errors import Invalid, PBTError, Unavailable, family
from pbt.server.frames import Told
from pbt.server.limits import limits
from pbt.server.populations import Populations, is_name
from pbt.server.reader import Reader, Stream
from pbt.server.routes import EVENTS, JSON

QUIET = 15.0
"""Seconds without a frame after which a stream says that it is still there."""
RETRY = 2000
"""Milliseconds after which a page whose stream was cut asks again."""
_HEAD = f"retry: {RETRY}\n\n".encode()
_MOST_NAMES = 100
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class Watching:
    """Answers to requests of pages; nothing here computes."""

    def __init__(self, populations: Populations) -> None:
        self._populations = populations

    async def view(self, request: Request) -> Response:
        """A view, or that it is as the asker has it."""
        name = request.path_params["name"]
        await self._populations.check_exists(name)
        told = await self._reader.ask(name, request.url.path.rpartition("/")[2], request.url.query, _known(request))
        headers = {**_HEADERS, "cache-control": "no-cache", "etag": f'"{told.entry}"'}
        if told.status == 304:
            return Response(status_code=304, headers=headers)
        return Response(_body(told), media_type=told.media, headers=headers)

    async def populations(self, request: Request) -> Response:
        """The names of all populations, or a line on each."""
        detail = request.query_params.get("detail", "0")
        if detail not in ("0", "1"):
            raise Invalid(f"detail={detail[:20]!r}: 0 or 1")
        if detail == "1":
            return Response(_body(await self._reader.ask()), media_type=JSON, headers=_HEADERS)
        names = await asyncio.to_thread(self._populations.names)
        return Response(msgspec.json.encode(names), media_type=JSON)

    async def events(self, request: Request) -> Response:
        """The stream of events of the populations that are named, or of all."""
        names = frozenset(request.query_params.getlist("population"))
        if len(names) > _MOST_NAMES or not all(map(is_name, names)):
            raise Invalid(f"population: up to {_MOST_NAMES} names of populations")
        for name in names:
            await self._populations.check_exists(name)
        most = limits().connections // 2
        if self._reader.streams >= most:
            raise Unavailable(f"{most} streams are open, half of the connections that this server may have")
        return EventStream(self._reader, names or None, head_only=request.method == "HEAD")

    @property
    def _reader(self) -> Reader:
        return self._populations.reader


def _known(request: Request) -> int:
    """The entry number of the view that the asker has; -1: none."""
    tag = request.headers.get("if-none-match", "").removeprefix("W/").strip('"')
    return int(tag) if tag.isascii() and tag.isdigit() and len(tag) < 19 else -1


def _body(told: Told) -> bytes:
    """The body of an answer.

    Raises:
        PBTError: the one that the reading process met.
    """
    if told.status == 200:
        return told.body
    raise family().get(told.media, PBTError)(told.body.decode())


class EventStream(Response):
    """Frames, as they come, until the page goes away or the server closes."""

    def __init__(self, reader: Reader, names: frozenset[str] | None, head_only: bool = False) -> None:
        super().__init__(media_type=EVENTS, headers={**_HEADERS, "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._reader = reader
        self._names = names
        self._head_only = head_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        if self._head_only:
            await self._start(send)
            await _write(send, b"", more=False)
            return
        stream = await self._reader.open(self._names)
        gone = asyncio.create_task(_gone(receive, stream))
        try:
            await self._start(send)
            await _write(send, _HEAD)
            while not stream.ended:
                try:
                    async with asyncio.timeout(QUIET):
                        await stream.changed.wait()
                except TimeoutError:
                    await _write(send, b":\n\n")
                if frames := stream.take():
                    await _write(send, frames)
            await _write(send, b"", more=False)
        finally:
            gone.cancel()
            self._reader.close_stream(stream)

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})


async def _write(send: Send, body: bytes, more: bool = True) -> None:
    message: dict[str, Any] = {"type": "http.response.body", "body": body, "more_body": more}
    await send(message)


async def _gone(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()
