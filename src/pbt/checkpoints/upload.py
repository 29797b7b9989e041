"""Checkpoints through the server, for workers that do not see its folder.

Files go up in chunks; the server says how many bytes of one it has, so that an upload that was cut goes on
there. It checks every hash before the checkpoint becomes visible. Deleting is the server's: it is asked, and
keeps every checkpoint that the journal still refers to.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast
from urllib.parse import quote

import msgspec

from pbt.checkpoints.cache import Cache
from pbt.checkpoints.ids import parsed
from pbt.checkpoints.store import MANIFEST, Named
from pbt.checkpoints.transfer import TravellingStore
from pbt.errors import CheckpointError, Conflict

CHUNK = 16 * 1024 * 1024
"""Bytes of one request with a part of a file."""
PART = 4 * CHUNK
"""Bytes of one request; bytes received before a cut are not requested again."""
BLOCK = 1024 * 1024
"""Bytes that are in memory at a time."""
_encode = msgspec.json.Encoder().encode
BYTES = "application/octet-stream"


class Commit(msgspec.Struct, frozen=True):
    """Everything was sent: make the checkpoint visible.

    Attributes:
        upload: the name of the upload, drawn for it alone.
        sha256: of the manifest, which was sent like the other files.
    """

    id: str
    upload: str
    sha256: str


class Collect(msgspec.Struct, frozen=True):
    """Delete a member's checkpoints up to (lease, seq) but for those to keep."""

    member: int
    lease: int
    seq: int
    keep: tuple[str, ...] = ()


class Drop(msgspec.Struct, frozen=True):
    """Delete a checkpoint, unless it is still referenced."""

    id: str


class Sweep(msgspec.Struct, frozen=True):
    """The population is finished: delete unreferenced checkpoints; with `stagings` also unpublished folders."""

    stagings: bool = False


class Staged(msgspec.Struct, frozen=True):
    """How many bytes of a file the server has; -1: it has no such file."""

    size: int


class Wire(Protocol):
    """The part of `Remote` that uploads need."""

    path: str

    def ask(self, verb: str, body: bytes) -> bytes:
        """Ask until there is an answer."""
        ...

    def again(self, attempt: Callable[[], tuple[int, bytes]]) -> bytes:
        """Attempt something until there is an answer."""
        ...

    def connect(self, blocksize: int) -> http.client.HTTPConnection:
        """A new connection."""
        ...

    def headers(self, content_type: str) -> dict[str, Any]:
        """Headers of every request."""
        ...


class UploadStore(TravellingStore):
    """A `CheckpointStore` at the far end of HTTP."""

    def __init__(self, wire: Wire, cache: Cache) -> None:
        super().__init__(Uploads(wire), cache)


class Uploads:
    """The transport through the server."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._upload = ""
        self._fresh = True
        self._idle: list[http.client.HTTPConnection] = []

    def begin(self, id: str, named: Named | None) -> None:
        """See `Transport`. The server checks whether the checkpoint exists already and was named."""
        self._upload, self._fresh = secrets.token_hex(8), True

    def send(self, id: str, name: str, path: Path) -> str:
        """See `Transport`."""
        with _Reader(path) as reader:
            self._put(id, name, reader, self._fresh)
            return reader.hexdigest()

    def _put(self, id: str, name: str, reader: _Reader, fresh: bool) -> None:
        """Send chunks, each from where the server has got to."""
        target = f"{self._address(id, name)}?upload={self._upload}"
        known: int | None = -1 if fresh else None

        def attempt() -> tuple[int, bytes]:
            nonlocal known
            if known is None:
                status, answer = self._exchange("GET", target)
                known = _staged(answer) if status < 300 else None
                if known is None or known >= reader.size:
                    return status, answer
            start, known = max(0, known), None
            body = reader.chunk(start)
            status, answer = self._exchange("PUT", f"{target}&offset={start}&size={reader.size}", body)
            if status == Conflict.status:
                raise ConnectionResetError("an earlier attempt was still on its way")
            return status, answer

        while known is None or known < reader.size:
            known = _staged(self._wire.again(attempt))

    def seal(self, id: str, body: bytes) -> None:
        """See `Transport`. The manifest travels as the other files do: it may be larger than a request."""
        with _Reader(io.BytesIO(body)) as reader:
            self._put(id, MANIFEST, reader, fresh=True)
        try:
            self._wire.ask("publish", _encode(Commit(id, self._upload, hashlib.sha256(body).hexdigest())))
        finally:
            self._fresh = False

    def manifest(self, id: str) -> bytes:
        """See `Transport`."""
        return self._wire.again(lambda: self._exchange("GET", self._address(id, MANIFEST)))

    def receive(self, id: str, name: str, path: Path, size: int, sha256: str | None) -> None:
        """See `Transport`. Where the manifest has no hash, each part brings that of its own bytes."""
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for start in range(0, size, PART):
                part = _Part(file, start, min(size, start + PART), digest, sha256 is None)
                self._wire.again(partial(self._get, self._address(id, name), part))
        if sha256 is not None and digest.hexdigest() != sha256:
            raise CheckpointError(f"checkpoint {id} is not whole: {name} is not what was saved (SHA-256)")

    def _get(self, target: str, part: _Part) -> tuple[int, bytes]:
        connection = self._connection()
        try:
            connection.request("GET", target, headers=self._wire.headers(BYTES) | part.headers())
            response = connection.getresponse()
            if response.status >= 300:
                answer = response.read()
            else:
                part.receive(response)
                answer = b""
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return response.status, answer

    def _exchange(self, method: str, target: str, body: _Chunk | None = None) -> tuple[int, bytes]:
        connection = self._connection()
        headers = self._wire.headers(BYTES)
        if body is not None:
            headers["Content-Length"] = str(body.left)
        try:
            connection.request(method, target, cast("Any", body), headers)  # it has read(n)
            response = connection.getresponse()
            answer = response.read()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return response.status, answer

    def _connection(self) -> http.client.HTTPConnection:
        with suppress(IndexError):
            return self._idle.pop()
        return self._wire.connect(BLOCK)

    def rest(self) -> None:
        """See `Transport`."""
        while self._idle:
            self._idle.pop().close()

    def _address(self, id: str, name: str) -> str:
        return f"{self._wire.path}checkpoints/{id}/{quote(name)}"

    def delete(self, id: str) -> None:
        """See `Transport`. The server keeps a checkpoint that is still referenced."""
        parsed(id)
        self._wire.ask("drop", _encode(Drop(id)))

    def collect(self, member: int, lease: int, seq: int, keep: Iterable[str]) -> None:
        """See `Transport`."""
        self._wire.ask("collect", _encode(Collect(member, lease, seq, tuple(sorted(keep)))))

    def sweep(self, referenced: Iterable[str], stagings: bool) -> None:
        """See `Transport`. The server itself knows which are referenced, and whether the population is finished."""
        with suppress(Conflict):
            self._wire.ask("sweep", _encode(Sweep(stagings)))


class _Reader:
    """A file that is sent and hashed on the way; bytes that are sent again are hashed once."""

    def __init__(self, source: Path | io.BytesIO) -> None:
        self._file: BinaryIO = source.open("rb") if isinstance(source, Path) else source
        self.size = self._file.seek(0, os.SEEK_END)
        self._digest = hashlib.sha256()
        self._hashed = 0

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def chunk(self, start: int) -> _Chunk:
        """Its bytes from `start` on, as the body of a request."""
        while self._hashed < start:
            self.read(min(BLOCK, start - self._hashed), self._hashed)
        return _Chunk(self, start, min(CHUNK, self.size - start))

    def read(self, n: int, at: int) -> bytes:
        """Up to n bytes at a place."""
        self._file.seek(at)
        block = self._file.read(n)
        if at <= self._hashed < at + len(block):
            self._digest.update(memoryview(block)[self._hashed - at :])
            self._hashed = at + len(block)
        return block

    def hexdigest(self) -> str:
        """The hash of all of it."""
        self.chunk(self.size)
        return self._digest.hexdigest()


class _Chunk:
    """Some bytes of a file, as http.client reads a body."""

    def __init__(self, reader: _Reader, at: int, left: int) -> None:
        self._reader = reader
        self._at = at
        self.left = left

    def read(self, n: int) -> bytes:
        """Up to n bytes."""
        block = self._reader.read(min(n, self.left), self._at)
        self._at += len(block)
        self.left -= len(block)
        return block


class _Part:
    """Some bytes of a file, as they are received; after a cut it goes on where it stood.

    Args:
        digest: hashes the file.
        check: every answer brings a hash of its own bytes, which count only once it was seen to be right.
    """

    def __init__(self, file: BinaryIO, start: int, end: int, digest: hashlib._Hash, check: bool) -> None:
        self._file = file
        self._at = start
        self._end = end
        self._digest = digest
        self._check = check

    def headers(self) -> dict[str, str]:
        """Headers of a request for the missing bytes."""
        wanted = {"Range": f"bytes={self._at}-{self._end - 1}"}
        return wanted | ({"Want-Content-Digest": "sha-256=1"} if self._check else {})

    def receive(self, response: http.client.HTTPResponse) -> None:
        """Read them from an answer."""
        digest, at = (hashlib.sha256() if self._check else self._digest), self._at
        self._file.seek(at)
        while block := response.read(min(BLOCK, self._end - at)):
            self._file.write(block)
            digest.update(block)
            at += len(block)
            if not self._check:
                self._at = at
        if at != self._end:
            raise ConnectionResetError("the connection was cut")
        if self._check and response.headers.get("Content-Digest") != content_digest(digest):
            raise CheckpointError("bytes were damaged on their way from the server")
        self._at = at


def content_digest(digest: hashlib._Hash) -> str:
    """A hash as it stands in the header Content-Digest (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"


def _staged(answer: bytes) -> int:
    return msgspec.json.decode(answer, type=Staged).size
