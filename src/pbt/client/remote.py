"""`Remote`: a coordinator at the far end of HTTP, with the coordinator's own methods.

Every request carries its own key (a nonce, or member, lease and seq), so sending the same bytes again
after a lost reply is asking the same question again.
"""

from __future__ import annotations

import http.client
import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from pbt import preempt
from pbt.client.connection import Connector, shown, split
from pbt.coordinator.answer import Answer
from pbt.disk.waiting import FIRST, Waiting, tick
from pbt.errors import (
    UNREADABLE,
    Forbidden,
    Invalid,
    PBTError,
    SettingsError,
    Stopped,
    Unavailable,
    Unreachable,
    Untrusted,
    plainly,
)  # fmt: skip
from pbt.population.changes import Steer, Steering
from pbt.population.entries import Decision, Event, Report
from pbt.population.recorded import Settings
from pbt.settings import Wanted
from pbt.wire.addresses import POPULATIONS
from pbt.wire.keys import KEY_ENV, wire_form
from pbt.wire.messages import HOLD, Failure, Holder, Join, PopulationFolder, Save, Tell, raised
from pbt.wire.noted import noted_key, own_peer

_log = logging.getLogger("pbt")
FIRST_TIMEOUT = 10.0
"""Seconds for which the first request waits for a server that is not there yet."""
BEAT_EVERY = 10.0
_TIMEOUT = HOLD + 10.0
_CONNECT_TIMEOUT = 5.0
_LOOK_EVERY = 0.5
"""Seconds between two looks, during a wait for an answer, whether to announce the wait or to stop."""
_encode = msgspec.json.Encoder().encode
_answer = msgspec.json.Decoder(Answer)
_answers = msgspec.json.Decoder(list[Answer])
T = TypeVar("T")


class Remote:
    """The population at a URL such as ``http://host:7777/digits``; without a name it is ``default``.

    Several servers of one population stand one after the other, as in ``http://a:7777,b:7777/digits``: where
    one does not answer, the next is asked, with the same bytes. Over TLS it is ``https://``; ``#sha256=…`` at its
    end pins the server's certificate (see `pbt.client.connection`).

    Args:
        url: the population's.
        key: the server's; by default ``$PBT_KEY``, else the one that this user's server on this machine has noted
            (`pbt.wire.noted`).
        patience: seconds to wait for a server that goes away; None: for ever, as training should.
    """

    def __init__(self, url: str, key: str | bytes | None = None, patience: float | None = None) -> None:
        parts = split(url)
        self._connector = Connector(parts)
        self._hosts = _hosts(parts.netloc)
        if not self._hosts:
            raise SettingsError(f"{shown(parts)}: give a URL such as http://host:7777/name")
        self._at = 0
        self._url = url
        name = parts.path.strip("/") or "default"
        self.path = f"{POPULATIONS}/{quote(name, safe='', errors='replace')}/"
        given = key if key is not None else os.environ.get(KEY_ENV)
        self._key = given.encode() if isinstance(given, str) else given
        self._patience = patience
        self._met = False
        self._peer: str | None = None
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._process = os.getpid()
        self._beating: dict[int, int] = {}
        self._beater: threading.Thread | None = None

    # --- the coordinator's methods ---

    def create(self, asked: Wanted) -> Settings:
        """See `Coordinator.create`."""
        return self._post("create", _encode(asked), msgspec.json.Decoder(Settings))

    def join(self, nonce: str, asked: Wanted | None = None, member: int | None = None, turn: bool = False) -> Answer:
        """See `Coordinator.join`."""
        answer = self._post("join", _encode(Join(nonce, asked, member, turn)), _answer)
        if answer.member is not None and not answer.stop:
            self._beat_for(answer.member, answer.lease)
        return answer

    def report(self, *reports: Report) -> list[Answer]:
        """See `Coordinator.report`; a question that must wait is held by the server."""
        try:
            body = _encode(reports)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Invalid(f"the report can not be written: {error}") from None
        return self._post("report", body, _answers, held=True)

    def save(self, report: Report, decision: Decision | None = None) -> Answer:
        """See `pbt.coordinator.commands.SaveCommand`."""
        return self._post("save", _encode(Save(report, decision)), _answer)

    def tell(self, event: Event, decisions: Sequence[Decision] = ()) -> Answer:
        """See `Coordinator.tell`."""
        return self._post("tell", _encode(Tell(event, tuple(decisions))), _answer)  # type: ignore[arg-type]

    def steer(self, asked: Steer) -> Steering:
        """See `Coordinator.steer`."""
        return self._post("steer", _encode(asked), msgspec.json.Decoder(Steering))

    def finish(self, member: int, lease: int) -> Answer:
        """See `Coordinator.finish`."""
        return self._post("finish", _encode(Holder(member, lease)), _answer)

    def stand(self, member: int, lease: int) -> Answer:
        """See `Coordinator.stand`."""
        return self._post("stand", _encode(Holder(member, lease)), _answer)

    def let_go(self, member: int) -> None:
        """This process trains the member no longer."""
        self._beating.pop(member, None)

    def read(self, after: int) -> Iterable[bytes]:
        """The journal's entries after number `after`."""
        while entries := self._request("GET", f"{self.path}journal?after={after}", b"").splitlines():
            yield from entries
            after += len(entries)

    def snapshot(self) -> bytes | None:
        """None: the server's own is not for others."""
        return None

    def open(self) -> PopulationFolder:
        """Where the population lives on the server; its folder is made if need be."""
        return self._post("open", b"{}", msgspec.json.Decoder(PopulationFolder))

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self.close()

    # --- requests ---

    def _post(self, verb: str, body: bytes, decoder: msgspec.json.Decoder[T], held: bool = False) -> T:
        answer = self._request("POST", self.path + verb, body, held)
        try:
            return decoder.decode(answer)
        except UNREADABLE as error:
            raise Unreachable(
                f"{self._url} answers what can not be read ({plainly(error)}): is it of another version?"
            ) from None

    def _request(self, method: str, path: str, body: bytes, held: bool = False) -> bytes:
        """Send until there is an answer, the same bytes each time."""
        return self.again(lambda: self._once(method, path, body, held))

    def ask(self, verb: str, body: bytes) -> bytes:
        """Send a request about this population that does not concern its coordinator."""
        return self._request("POST", self.path + verb, body)

    def again(self, attempt: Callable[[], tuple[int, bytes]]) -> bytes:
        """Attempt something, which gives an HTTP status and a body, until there is an answer."""
        tried, waiting = 0, Waiting(after=1.0, first=0.05, last=2.0)
        while True:
            try:
                status, answer = attempt()
                self._met = True
            except Untrusted as error:
                if not self._met:
                    raise
                trouble: PBTError = error
            except (OSError, http.client.HTTPException) as error:
                trouble = Unreachable(
                    f"no pbt server answers at {self._url} ({_reason(error)}): "
                    f"is pbt serve running{self._connector.hint}?"
                )
            else:
                if status < 300:
                    return answer
                refused = self._refusal(status, answer)
                if refused is None:
                    continue
                if not isinstance(refused, Unavailable):
                    raise refused
                trouble = refused
            self._turn_to_next()
            tried += 1
            if tried % len(self._hosts):
                continue
            patience = self._patience if self._met else FIRST_TIMEOUT
            if waiting.over(patience):
                raise trouble
            long = "until it does" if patience is None else f"for {patience:g} s in all"
            waiting.pause(f"{trouble}; trying again {long}")

    def _once(self, method: str, path: str, body: bytes, held: bool) -> tuple[int, bytes]:
        with self._lock:
            if self._process != os.getpid():
                self._process, self._connection = os.getpid(), None
                self._beating, self._beater = {}, None
            if self._connection is None:
                self._connection = self.connect()
            try:
                self._connection.request(method, path, body, self.headers())
                self._wait(self._connection.sock, held)
                response = self._connection.getresponse()
                if response.length is None and not response.chunked:
                    # http.client takes a head that was cut off for a whole one, with a body that ends where it ends.
                    raise http.client.IncompleteRead(b"")
                return response.status, response.read()
            except BaseException:
                self.close()
                raise

    def _wait(self, channel: socket.socket, held: bool) -> None:
        """Wait until an answer begins to come; a long wait is announced.

        Raises:
            TimeoutError: no answer came in time.
            Stopped: this process was asked to stop, and the request is `held` until a decision.
        """
        since = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            while not selector.select(_LOOK_EVERY):
                waited = time.monotonic() - since
                if waited > _TIMEOUT:
                    raise TimeoutError("timed out")
                if held and waited > FIRST and preempt.requested():
                    raise Stopped(f"{self._url} has not answered yet, and this process was asked to stop")
                tick()

    def _turn_to_next(self) -> None:
        """Ask the next server from now on, if there are several."""
        if len(self._hosts) > 1:
            with self._lock:
                self.close()
                self._at = (self._at + 1) % len(self._hosts)

    def connect(self, blocksize: int = 16384) -> http.client.HTTPConnection:
        """A new connection to the server that is asked at present."""
        connection = self._connector.connect(*self._hosts[self._at], _CONNECT_TIMEOUT, blocksize)
        connection.sock.settimeout(_TIMEOUT)
        self._peer = own_peer(connection.sock)
        self._look_up_key()
        return connection

    def headers(self, content_type: str = "application/json") -> dict[str, Any]:
        """The headers of every request."""
        headers: dict[str, Any] = {"Content-Type": content_type}
        if self._key:
            headers["Authorization"] = b"Bearer " + wire_form(self._key)
        return headers

    def _refusal(self, status: int, body: bytes) -> PBTError | None:
        """The error to raise; None: another key was found, so try again."""
        try:
            failure = msgspec.json.decode(body, type=Failure)
        except UNREADABLE:
            return Unreachable(f"{self._url} answers {status}, but is no pbt server: check host and port")
        error = raised(failure)
        if not isinstance(error, Forbidden):
            return error
        if self._key is None and self._look_up_key():  # the server had not noted it yet when we connected
            return None
        return type(error)(f"{self._url}: {error}")

    def _look_up_key(self) -> bool:
        """Find the key of a server of this user's on this machine, where none was given; whether one is known."""
        if self._key is None and self._peer is not None:
            key = noted_key(self._peer, self._hosts[self._at][1])
            self._key = None if key is None else key.encode()
        return self._key is not None

    # --- signs of life ---

    def _beat_for(self, member: int, lease: int) -> None:
        self._beating[member] = lease
        if self._beater is None or not self._beater.is_alive():
            self._beater = threading.Thread(target=_beat, args=(self._url, self._key, self._beating), daemon=True)
            self._beater.start()


def _beat(url: str, key: bytes | None, beating: dict[int, int]) -> None:
    """Give signs of life on a connection of its own, since the other may be held."""
    remote = Remote(url, key, patience=0.0)
    remote._met = True
    while True:
        time.sleep(BEAT_EVERY)
        for member, lease in list(beating.items()):
            try:
                remote._request("POST", remote.path + "beat", _encode(Holder(member, lease)))
            except PBTError as error:
                _log.debug("no sign of life could be given: %s", error)


def _hosts(netloc: str) -> list[tuple[str, int]]:
    """Host and port of each server named; none where that can not be understood."""
    try:
        parts = [urlsplit(f"//{part}") for part in netloc.split(",")]
        found = [(part.hostname or "", part.port or 7777) for part in parts]
    except ValueError:
        return []
    return found if all(host for host, _ in found) else []


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
