"""The ASGI application: JSON over HTTP in front of rooms.

What workers say goes a short way of its own (a report costs a quarter less without the router); what
people and pages ask for goes through Starlette.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pbt.coordinator.answer import Answer
from pbt.coordinator.asks import FinishAsk, StandAsk, TellAsk
from pbt.errors import Invalid, NotFound, PBTError, SettingsError, TooLarge, UnknownMember
from pbt.place import read_mark
from pbt.population.entries import Released, Report
from pbt.server.gate import Gate
from pbt.server.rooms import Room, Rooms
from pbt.server.uploads import FILE_LIMIT, Uploads
from pbt.server.verbose import Verbose
from pbt.server.wire import BODY_LIMIT, Failure, Holder, Join, Opened, Tell
from pbt.settings import Wanted
from pbt.strategies.names import ORIGINAL

_log = logging.getLogger("pbt.server")
_encode = msgspec.json.Encoder().encode
_reports = msgspec.json.Decoder(tuple[Report, ...])
_join = msgspec.json.Decoder(Join)
_tell = msgspec.json.Decoder(Tell)
_holder = msgspec.json.Decoder(Holder)
_wanted = msgspec.json.Decoder(Wanted)
_JSON = (b"content-type", b"application/json")

Handler = Callable[[Room, bytes, object], Awaitable[Any]]
"""From a room, a body and the connection that it came by to what is answered."""


class App:
    """The server's application.

    Args:
        rooms: the populations.
        gate: what checks requests.
        verbose: prints a line for each new client, save and exploit.
        file_limit: bytes of the largest file of a checkpoint that is taken.
    """

    def __init__(self, rooms: Rooms, gate: Gate, verbose: Verbose | None = None, file_limit: int = FILE_LIMIT) -> None:
        self.rooms = rooms
        self._gate = gate
        self._verbose = verbose
        uploads = Uploads(self._room, file_limit)
        self._verbs: dict[str, Handler] = {
            "report": self._report,
            "join": self._join,
            "tell": self._tell,
            "finish": self._finish,
            "stand": self._stand,
            "beat": self._beat,
            "create": self._create,
            "open": self._open,
            **uploads.verbs,
        }
        self._pages = Starlette(
            routes=[Route("/", self._populations), Route("/{name}/journal", self._journal), *uploads.routes],
            exception_handlers={PBTError: _as_response},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        try:
            self._gate.check(scope["method"], dict(scope["headers"]))
            if scope["method"] != "POST":
                await self._pages(scope, receive, send)
                return
            _, name, verb = scope["path"].split("/") if scope["path"].count("/") == 2 else ("", "", "")
            handler = self._verbs.get(verb)
            if handler is None:
                raise NotFound(f"there is no POST {scope['path'][:80]}: known are {', '.join(self._verbs)}")
            body = await _body(receive)
            status, answer = 200, _encode(await handler(await self._room(name, verb), body, scope["client"]))
        except PBTError as error:
            status, answer = error.status, self._failure(error)
        except msgspec.DecodeError as error:
            status, answer = 422, self._failure(Invalid(f"the request can not be read: {error}"))
        except Exception:
            _log.exception("%s %s", scope["method"], scope["path"])
            status, answer = 500, self._failure(PBTError("the server has failed in an unforeseen way; see its output"))
        await send({"type": "http.response.start", "status": status, "headers": [_JSON, _length(answer)]})
        await send({"type": "http.response.body", "body": answer})

    async def _room(self, name: str, verb: str) -> Room:
        """The population's room; only verbs that may begin a population make its folder."""
        room = self.rooms.room(name) if verb in ("open", "create", "join") else await self.rooms.known(name)
        if room is None:
            raise NotFound(f"no population {name[:80]!r} on this server")
        return room

    def _failure(self, error: PBTError) -> bytes:
        file = self._gate.key.file
        hint = str(file.absolute()) if error.status == 401 and file is not None else None
        return _encode(Failure(error.code, str(error), hint))

    async def _report(self, room: Room, body: bytes, asker: object) -> list[Answer]:
        reports = _reports.decode(body)
        if not reports:
            raise Invalid("no report in the request")
        answers = await room.report(reports, asker)
        if self._verbose is not None:
            self._verbose.reported(reports, answers, room.coordinator.population)
        return answers

    async def _join(self, room: Room, body: bytes, asker: object) -> Answer:
        asked = _join.decode(body)

        def join() -> Answer:
            settings = None if asked.settings is None else self._completed(room, asked.settings)
            return room.coordinator.join(asked.nonce, settings, asked.member, asked.turn)

        answer = await room.call(join)
        if self._verbose is not None:
            self._verbose.joined(answer)
        return answer

    async def _create(self, room: Room, body: bytes, asker: object) -> Any:
        asked = _wanted.decode(body)
        return await room.call(lambda: room.coordinator.create(self._completed(room, asked)))

    def _completed(self, room: Room, asked: Wanted) -> Wanted:
        """For a new population: with the server's own settings. The original never says which way is up: higher."""
        defaults = self.rooms.defaults
        named = asked.strategy.name if asked.strategy is not None else None
        if named is not None and named not in self.rooms.strategies:
            raise SettingsError(
                f"this server does not know the strategy {named[:80]!r}: allow it with pbt serve --strategy"
            )
        if defaults.strategy is not None and named not in (None, defaults.strategy.name):
            raise SettingsError(
                f"this server was started for the strategy {defaults.strategy.name!r}, not {named!r}: "
                "use pbt serve for populations of another strategy"
            )
        room.coordinator.catch_up()
        if room.coordinator.exists:
            return asked
        completed = asked.over(defaults)
        original = completed.strategy is not None and completed.strategy.name == ORIGINAL
        return completed.over(Wanted(maximize=True)) if original else completed

    async def _tell(self, room: Room, body: bytes, asker: object) -> Answer:
        told = _tell.decode(body)
        (answer,) = await room.ask(TellAsk(told.event, told.decisions))
        if isinstance(told.event, Released):
            room.alive.let_go(told.event.member)
        return answer

    async def _finish(self, room: Room, body: bytes, asker: object) -> Answer:
        holder = _holder.decode(body)
        (answer,) = await room.ask(FinishAsk(holder.member, holder.lease))
        return answer

    async def _stand(self, room: Room, body: bytes, asker: object) -> Answer:
        holder = _holder.decode(body)
        (answer,) = await room.ask(StandAsk(holder.member, holder.lease))
        return answer

    async def _beat(self, room: Room, body: bytes, asker: object) -> Answer:
        holder = _holder.decode(body)
        if not room.coordinator.exists or holder.member >= len(room.coordinator.population.members):
            raise UnknownMember(f"no member {holder.member} in this population")
        room.alive.beat(holder.member, holder.lease)
        return Answer()

    async def _open(self, room: Room, body: bytes, asker: object) -> Opened:
        await room.call(room.coordinator.catch_up)
        return Opened(str(room.folder), read_mark(room.folder).id, room.coordinator.exists)

    async def _populations(self, request: Request) -> Response:
        return Response(_encode(await asyncio.to_thread(self.rooms.names)), media_type="application/json")

    async def _journal(self, request: Request) -> Response:
        room = await self._room(request.path_params["name"], "journal")
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) < 19):
            raise Invalid(f"after={after[:20]!r}: a number of entries")
        entries = await room.call(lambda: list(room.coordinator.journal.read(int(after))))
        return StreamingResponse((body + b"\n" for body in entries), media_type="application/x-ndjson")


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_LIMIT:
            raise TooLarge(f"the request is too large: at most {BODY_LIMIT} bytes")
        if not message.get("more_body", False):
            return part if not parts else b"".join([*parts, part])
        parts.append(part)


def _length(body: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", str(len(body)).encode())


async def _as_response(request: Request, error: Exception) -> Response:
    assert isinstance(error, PBTError)
    return Response(_encode(Failure(error.code, str(error))), status_code=error.status, media_type="application/json")
