"""The ASGI application: JSON over HTTP in front of populations, by the table of routes.

Workers' requests go a short way of their own (a report costs a quarter less without the router); those
of people and pages go through Starlette.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from starlette import routing
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from pbt.coordinator.answer import Answer
from pbt.coordinator.commands import SaveCommand, StandCommand
from pbt.coordinator.coordinator import Coordinator
from pbt.coordinator.telling import FinishCommand, TellCommand
from pbt.errors import UNREADABLE, Invalid, NotFound, PBTError, SettingsError, TooLarge, WrongMethod, plainly
from pbt.opening.folder import read_mark
from pbt.population.changes import Steer, Steering
from pbt.population.entries import Released, Report
from pbt.server.access import RequestCheck
from pbt.server.checkpoints import FILE_LIMIT, ReceivedCheckpoints
from pbt.server.openapi import document
from pbt.server.page import is_page, page_answer
from pbt.server.populations import Populations
from pbt.server.routes import JSON, LINES, ROUTES, Route
from pbt.server.served import ServedPopulation
from pbt.server.sessions import begin, cookie
from pbt.server.signing import SigningIn
from pbt.server.verbose import Verbose
from pbt.server.watching import Watching
from pbt.settings import Wanted
from pbt.strategies.registry import ORIGINAL
from pbt.wire.addresses import API, POPULATIONS, SESSION
from pbt.wire.messages import (
    BODY_LIMIT,
    MEMBERS_LIMIT,
    PAGE,
    Failure,
    Holder,
    Join,
    Nothing,
    PopulationFolder,
    Save,
    Tell,
)

_log = logging.getLogger("pbt.server")
_encode = msgspec.json.Encoder().encode
_JSON = (b"content-type", JSON.encode())
_BEFORE = f"{POPULATIONS}/"
_KNOWN = f"GET {API}/openapi.json lists the addresses that there are"
Header = tuple[bytes, bytes]

Handler = Callable[[ServedPopulation, Any, object], Awaitable[Any]]
"""From a population, a request and the connection that it came by to its answer."""


class Verb(NamedTuple):
    """A POST request of workers: its decoder and its handler.

    Attributes:
        begins: the population's folder is made if need be.
    """

    read: Callable[[bytes], Any]
    answer: Handler
    begins: bool


class App:
    """The server's application.

    Args:
        populations: the populations.
        request_check: checks every request.
        verbose: prints a line for each new client, save and exploit.
        file_limit: bytes of the largest file of a checkpoint that is taken.
    """

    def __init__(
        self,
        populations: Populations,
        request_check: RequestCheck,
        verbose: Verbose | None = None,
        file_limit: int = FILE_LIMIT,
    ) -> None:
        self.populations = populations
        self.request_check = request_check
        self._verbose = verbose
        self.uploads = ReceivedCheckpoints(populations, file_limit)
        self.signing_in = SigningIn(request_check)
        self.watching = Watching(populations)
        self._verbs = {
            route.name: Verb(msgspec.json.Decoder(route.asked).decode, self._handler(route), route.begins)
            for route in ROUTES
            if route.method == "POST" and route.path.startswith(_BEFORE)
        }
        self._pages = routing.Router(
            [
                routing.Route(r.path, _elsewhere if r.name in self._verbs else self._handler(r), methods=[r.method])
                for r in ROUTES
            ],
            redirect_slashes=False,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        more: Iterable[Header] = ()
        try:
            if is_page(scope["method"], scope["path"]):
                self.request_check.check_sender(headers := dict(scope["headers"]))
                await page_answer(scope["path"], headers)(scope, receive, send)
                return
            send = self._let_in(scope, send)
            name, said = _verb_in(scope["path"]) if scope["method"] == "POST" else ("", "")
            verb = self._verbs.get(said)
            if verb is None:
                await self._pages({**scope, "app": self}, receive, send)
                return
            status, answer = 200, _encode(await self._answer(verb, name, receive, scope["client"]))
        except PBTError as error:
            status, answer = error.status, _failure(error)
        except UNREADABLE as error:
            status, answer = 422, _failure(Invalid(f"the request can not be read: {plainly(error)}"))
        except HTTPException as error:
            refusal = _refused(error, scope)
            status, answer = refusal.status, _failure(refusal)
            more = [(name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items()]
        except Exception:
            _log.exception("%s %s", scope["method"], scope["path"])
            unforeseen = PBTError("the server has failed in an unforeseen way; see its output")
            status, answer = 500, _failure(unforeseen)
        await send({"type": "http.response.start", "status": status, "headers": [_JSON, _length(answer), *more]})
        await send({"type": "http.response.body", "body": answer})

    def _let_in(self, scope: Scope, send: Send) -> Send:
        """Check a request; how to answer it, which prolongs the session by which it came in."""
        method, headers = scope["method"], dict(scope["headers"])
        if scope["path"] == SESSION:
            self.request_check.check_keyless(method, headers)
            return send
        session = self.request_check.check(method, headers)
        if session is None or not session.old:
            return send
        renewed = begin(self.request_check.key, session.access, session.word)
        return _setting(send, cookie(renewed, headers, scope["scheme"] == "https"))

    def _handler(self, route: Route) -> Any:
        """The handler of a route: the method with the route's name."""
        if route.view:
            return self.watching.view
        if route.path.startswith(SESSION):
            return getattr(self.signing_in, route.name)
        if route.path in (POPULATIONS, f"{API}/events"):
            return getattr(self.watching, route.name)
        name = f"_{route.name}"
        return getattr(self if hasattr(self, name) else self.uploads, name)

    async def _answer(self, verb: Verb, name: str, receive: Receive, asker: object) -> Any:
        """Answer a POST request; only a readable request of a verb that begins a population makes a folder."""
        if not verb.begins:
            await self.populations.check_exists(name)
        asked = verb.read(await _body(receive))
        with self.populations.served(name).in_use() as served:
            return await verb.answer(served, asked, asker)

    async def _report(self, served: ServedPopulation, reports: tuple[Report, ...], asker: object) -> list[Answer]:
        if not reports:
            raise Invalid("no report in the request")
        answers = await served.report(reports, asker)
        if self._verbose is not None:
            self._verbose.reported(reports, answers, served.coordinator.population)
        return answers

    async def _save(self, served: ServedPopulation, saved: Save, asker: object) -> Answer:
        (answer,) = await served.ask(SaveCommand(saved.report, saved.decision), asker)
        if self._verbose is not None and answer.seq == saved.report.seq:
            self._verbose.saved(saved)
        return answer

    async def _join(self, served: ServedPopulation, asked: Join, asker: object) -> Answer:
        def join() -> Answer:
            settings = None if asked.settings is None else self._completed(served, asked.settings)
            return served.coordinator.join(asked.nonce, settings, asked.member, asked.turn)

        answer = await served.call(join)
        if self._verbose is not None:
            self._verbose.joined(answer)
        return answer

    async def _create(self, served: ServedPopulation, asked: Wanted, asker: object) -> Any:
        return await served.call(lambda: served.coordinator.create(self._completed(served, asked)))

    def _completed(self, served: ServedPopulation, asked: Wanted) -> Wanted:
        """For a new population: with the server's own settings. The original never says which way is up: higher."""
        if (asked.members or 0) > MEMBERS_LIMIT:
            raise SettingsError(f"members is {asked.members}: a server makes populations of up to {MEMBERS_LIMIT}")
        served.coordinator.catch_up()
        if served.coordinator.exists:
            return asked
        defaults = self.populations.defaults
        named = asked.strategy.name if asked.strategy is not None else None
        if named is not None and named not in self.populations.strategies:
            raise SettingsError(
                f"this server does not know the strategy {named[:80]!r}: allow it with pbt serve --strategy"
            )
        if defaults.strategy is not None and named not in (None, defaults.strategy.name):
            raise SettingsError(
                f"this server was started for the strategy {defaults.strategy.name!r}, not {named!r}: "
                "use pbt serve for populations of another strategy"
            )
        completed = asked.over(defaults)
        original = completed.strategy is not None and completed.strategy.name == ORIGINAL
        return completed.over(Wanted(maximize=True)) if original else completed

    async def _tell(self, served: ServedPopulation, told: Tell, asker: object) -> Answer:
        (answer,) = await served.ask(TellCommand(told.event, told.decisions))
        if isinstance(told.event, Released):
            served.alive.let_go(told.event.member)
        return answer

    async def _steer(self, served: ServedPopulation, asked: Steer, asker: object) -> Steering:
        return await served.call(lambda: served.coordinator.steer(asked))

    async def _finish(self, served: ServedPopulation, holder: Holder, asker: object) -> Answer:
        (answer,) = await served.ask(FinishCommand(holder.member, holder.lease))
        return answer

    async def _stand(self, served: ServedPopulation, holder: Holder, asker: object) -> Answer:
        (answer,) = await served.ask(StandCommand(holder.member, holder.lease))
        return answer

    async def _beat(self, served: ServedPopulation, holder: Holder, asker: object) -> Answer:
        if served.coordinator.exists and holder.member >= len(served.coordinator.population.members):
            await served.call(served.coordinator.catch_up)  # another server may have let it in
        if served.coordinator.exists:
            served.coordinator.population.member(holder.member)
        served.beat(holder.member, holder.lease)
        return Answer()

    async def _open(self, served: ServedPopulation, asked: Nothing, asker: object) -> PopulationFolder:
        await served.call(served.coordinator.catch_up)
        return PopulationFolder(str(served.folder), read_mark(served.folder).id, served.coordinator.exists)

    async def _openapi(self, request: Request) -> Response:
        return Response(_encode(document()), media_type=JSON)

    async def _journal(self, request: Request) -> Response:
        name = request.path_params["name"]
        await self.populations.check_exists(name)
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) < 19):
            raise Invalid(f"after={after[:20]!r}: a number of entries")
        served = self.populations.opened(name)
        if served is None:
            entries = await asyncio.to_thread(self.populations.read, name, int(after), PAGE)
        else:
            coordinator = served.coordinator
            entries = await served.call(lambda: _page(coordinator, int(after)))
        return StreamingResponse((body + b"\n" for body in entries), media_type=LINES)


def _page(coordinator: Coordinator, after: int) -> list[bytes]:
    """Entries after a number; a journal of files would look for one that is far past its end name by name."""
    coordinator.catch_up()
    if not coordinator.exists or after >= coordinator.population.count:
        return []
    return list(islice(coordinator.journal.read(after), PAGE))


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


def _verb_in(path: str) -> tuple[str, str]:
    """The population and the verb in the address of a worker's request; empty where it is none."""
    parts = path.removeprefix(_BEFORE).split("/") if path.startswith(_BEFORE) else []
    return (parts[0], parts[1]) if len(parts) == 2 else ("", "")


def _setting(send: Send, cookie: bytes) -> Send:
    """Send, with a cookie in the answer's head."""

    async def sends(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"set-cookie", cookie)]}
        await send(message)

    return sends


def _failure(error: PBTError) -> bytes:
    return _encode(Failure(error.code, str(error)))


def _length(body: bytes) -> tuple[bytes, bytes]:
    return (b"content-length", str(len(body)).encode())


async def _elsewhere(request: Request) -> Response:
    """POST requests never reach the router; their routes are there for the errors of other methods."""
    raise NotFound(f"there is no POST {request.url.path[:80]}")


def _refused(error: HTTPException, scope: Scope) -> PBTError:
    what = f"{scope['method'][:10]} {scope['path'][:80]}"
    if error.status_code == 405:
        return WrongMethod(f"{what}: this address does not take that; {_KNOWN}")
    hint = "" if scope["path"].startswith(API) else f": addresses for programs begin with {API}; is that client older?"
    return NotFound(f"there is nothing at {what}{hint}; {_KNOWN}")
