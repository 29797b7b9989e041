"""Checkpoints over HTTP, for workers that do not see the population's folder.

Names in a request are never taken for paths before `pbt.checkpoints.ids` has checked them. Files are read and
written in threads, a block at a time: neither the loop nor the served's commits wait for a disk.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import stat
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.ids import checked, inside, parsed
from pbt.checkpoints.store import MANIFEST
from pbt.checkpoints.upload import BLOCK, BYTES, CHUNK, Collect, Commit, Drop, Staged, Sweep, content_digest
from pbt.coordinator.answer import Answer
from pbt.errors import (
    CheckpointError,
    Conflict,
    Invalid,
    LeaseLost,
    OutOfReach,
    PBTError,
    TooLarge,
    Unavailable,
    UnknownMember,
    WrongType,
)
from pbt.population.recorded import OWN
from pbt.server.populations import Populations
from pbt.server.receiving import MANIFEST_LIMIT, Body, Piece, Upload
from pbt.server.served import ServedPopulation

FULL = (errno.ENOSPC, errno.EDQUOT)
FILE_LIMIT = 1 << 40
"""Default limit on the size of one uploaded file, in bytes."""
_UPLOAD = re.compile(r"[0-9a-f]{16}", re.ASCII)
_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{1,18})", re.ASCII)
_HEADERS = {"content-type": BYTES, "content-disposition": "attachment", "x-content-type-options": "nosniff"}
"""Headers that keep a browser from running a checkpoint's files."""
_encode = msgspec.json.Encoder().encode
T = TypeVar("T")


class _FileConvertor(PathConvertor):
    """As Starlette's own for paths, which ends at a line feed."""

    regex = r"[\s\S]*"


register_url_convertor("file", _FileConvertor())


class ReceivedCheckpoints:
    """The part of a server's application that handles checkpoints.

    Args:
        populations: the populations.
        file_limit: bytes of the largest file that is taken.
    """

    def __init__(self, populations: Populations, file_limit: int = FILE_LIMIT) -> None:
        self._populations = populations
        self.file_limit = file_limit
        self.arriving: dict[tuple[Path, int], tuple[tuple[str, str], Upload]] = {}
        self._files = ThreadPoolExecutor(8, "pbt-files")

    async def _off(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do something with files in a thread."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._files, work, *arguments)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise CheckpointError(f"the checkpoint is not whole: {error.strerror}") from None
        except OSError as error:
            if error.errno in FULL:  # as where the journal's disk is full: a worker that waits loses nothing
                raise Unavailable(f"no room for checkpoints on the server ({error.strerror}); make room") from None
            raise OutOfReach(f"the server says: {error}") from None

    async def _file(self, request: Request) -> Response:
        given = request.path_params
        population = given["name"]
        await self._populations.check_exists(population)
        id, name = f"{given['member']}/{given['version']}", checked(given["file"])
        parsed(id)
        if request.method != "PUT" and "upload" not in request.query_params:
            return await self._get(FolderStore(self._populations.folder / population), id, name, request)
        with self._populations.served(population).in_use() as served:
            if request.method == "PUT":
                return await self._put(served, id, name, request)
            upload = await self._upload(served, id, request.query_params["upload"], begins=False)
            return _json(Staged(upload.arrived(name)))

    # --- up ---

    async def _put(self, served: ServedPopulation, id: str, name: str, request: Request) -> Response:
        body = Body(request)
        try:
            if request.headers.get("content-type") != BYTES:
                raise WrongType(f"send the bytes of a file, with content-type {BYTES}")
            offset, size = _number(request, "offset"), _number(request, "size")
            if size > (MANIFEST_LIMIT if name == MANIFEST else self.file_limit):
                raise TooLarge(f"{name[:80]!r} has {size} bytes: this server takes files of {self.file_limit} at most")
            piece = (await self._upload(served, id, request.query_params.get("upload", ""))).piece(name)
            async with piece.lock:
                if offset != max(0, piece.size):
                    raise Conflict(f"{name[:80]!r}: {piece.size} bytes are here, so the next is not byte {offset}")
                await self._take(body, piece, min(size, offset + CHUNK))
                if piece.size == size:
                    await self._off(piece.sync)
        except PBTError:
            await body.drain()
            raise
        return _json(Staged(piece.size))

    async def _take(self, body: Body, piece: Piece, end: int) -> None:
        """Write a file's bytes as they arrive; after a cut connection they stay, and the client goes on from there."""
        while True:
            at = max(0, piece.size)
            block = await body.block()
            if at + len(block) > end:
                raise TooLarge(f"more bytes came than were announced, or than the {CHUNK} of one request")
            if block or piece.size < 0:
                await self._off(piece.append, block, at)
            if len(block) < BLOCK:
                return

    async def _upload(self, served: ServedPopulation, id: str, token: str, begins: bool = True) -> Upload:
        """The upload of a checkpoint by the member's present holder; one that begins puts its last one out of mind."""
        if not _UPLOAD.fullmatch(token):
            raise Invalid("upload= names an upload: 16 hexadecimal digits")
        try:
            self._check_holder(served, id)
        except (LeaseLost, UnknownMember):
            # The lease may be another server's, or of this one before it was started anew.
            await served.call(served.coordinator.catch_up)
            self._check_holder(served, id)
        member, lease, _ = parsed(id)
        key, what = (served.folder, member), (id, token)
        if key in self.arriving and self.arriving[key][0] == what:
            return self.arriving[key][1]
        upload = Upload(FolderStore(served.folder).arriving(member, lease, token))
        if begins:
            self.arriving[key] = (what, upload)
        return upload

    @staticmethod
    def _check_holder(served: ServedPopulation, id: str) -> None:
        """Check that the request comes from the member's holder."""
        member, lease, _ = parsed(id)
        if not served.coordinator.exists:
            raise UnknownMember(f"no member {member}: nothing was created here yet")
        population = served.coordinator.population
        if population.settings.checkpoints != OWN:
            raise Invalid(f"this population's checkpoints are kept elsewhere: {population.settings.checkpoints}")
        newest = population.member(member).lease
        if newest is None or newest.number != lease or newest.ended:
            raise LeaseLost(
                f"member {member}: lease {lease} is over; another worker has taken it, or it was given back"
            )

    async def _publish(self, served: ServedPopulation, commit: Commit, asker: object) -> Answer:
        member = parsed(commit.id)[0]
        store = FolderStore(served.folder)
        await served.call(served.coordinator.catch_up)
        if await self._off(_is_published, store.path(commit.id), commit):
            return Answer()
        upload = await self._upload(served, commit.id, commit.upload)
        async with upload.lock:
            if not await self._off(_is_published, store.path(commit.id), commit):
                _check_unnamed(served, commit.id)
                await self._off(_seal, store, upload, commit)
                self.arriving.pop((served.folder, member), None)
        return Answer()

    # --- down ---

    async def _get(self, store: FolderStore, id: str, name: str, request: Request) -> Response:
        if name == MANIFEST:
            return Response(await self._off(lambda: (store.fetch(id) / MANIFEST).read_bytes()), headers=_HEADERS)
        path, size = await self._off(_found, store, id, name)
        start, end = _range(request.headers.get("range"), size)
        headers = {**_HEADERS, "content-length": str(end - start), "content-range": f"bytes {start}-{end - 1}/{size}"}
        if "want-content-digest" in request.headers:
            headers["content-digest"] = content_digest(await self._off(_hashed, path, start, end))
        return StreamingResponse(self._blocks(path, start, end), 206 if end - start < size else 200, headers)

    async def _blocks(self, path: Path, at: int, end: int) -> AsyncIterator[bytes]:
        file = await self._off(path.open, "rb", 0)
        try:
            while at < end:
                block = await self._off(os.pread, file.fileno(), min(BLOCK, end - at), at)
                if not block:
                    return
                at += len(block)
                yield block
        finally:
            file.close()

    # --- away ---

    async def _drop(self, served: ServedPopulation, asked: Drop, asker: object) -> Answer:
        id = asked.id
        await served.call(served.coordinator.catch_up)
        if id not in served.coordinator.population.kept(_member(served, parsed(id)[0])):
            await self._off(FolderStore(served.folder).delete, id)
        return Answer()

    async def _collect(self, served: ServedPopulation, asked: Collect, asker: object) -> Answer:
        await served.call(served.coordinator.catch_up)
        kept = {*asked.keep, *served.coordinator.population.kept(_member(served, asked.member))}
        await self._off(FolderStore(served.folder).collect, asked.member, asked.lease, asked.seq, kept)
        return Answer()

    async def _sweep(self, served: ServedPopulation, asked: Sweep, asker: object) -> Answer:
        loop = asyncio.get_running_loop()

        async def now() -> frozenset[str]:
            await served.call(served.coordinator.catch_up)
            population = served.coordinator.population
            if not population.finished:
                raise Conflict("the population is not finished: unreferenced checkpoints may still be reported")
            return population.referenced()

        class Now(Iterable[str]):
            def __iter__(self) -> Iterator[str]:
                return iter(asyncio.run_coroutine_threadsafe(now(), loop).result())

        await now()
        await self._off(FolderStore(served.folder).sweep, Now(), asked.stagings)
        return Answer()


def _number(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid(f"{name}={text[:20]!r}: a number of bytes")
    return int(text)


def _member(served: ServedPopulation, member: int) -> int:
    return served.coordinator.population.member(member).id


def _is_published(path: Path, commit: Commit) -> bool:
    """Whether this very commit was carried out already, and its answer lost."""
    try:
        body = (path / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return hashlib.sha256(body).hexdigest() == commit.sha256


def _check_unnamed(served: ServedPopulation, id: str) -> None:
    """Check that no report has named the checkpoint: one that lies there is of a future that the journal has lost."""
    member, lease, seq = parsed(id)
    last = served.coordinator.population.member(member).last
    if last is not None and (last.lease, last.seq) >= (lease, seq):
        raise CheckpointError(f"checkpoint {id} exists already: a report has named it, or a later one")


def _seal(store: FolderStore, upload: Upload, commit: Commit) -> None:
    manifest = upload.check(commit)
    member, lease, _ = parsed(commit.id)
    if manifest.checkpoint.member != member:
        raise Invalid(f"checkpoint {commit.id} is not of member {manifest.checkpoint.member}")
    store.seal(upload.folder, manifest)
    store.forget_arriving(member, lease)


def _found(store: FolderStore, id: str, name: str) -> tuple[Path, int]:
    """A file of a published checkpoint, and its size."""
    path = inside(store.path(id), name)
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise CheckpointError(f"checkpoint {id}: {name[:80]!r} is no file")
    return path, state.st_size


def _hashed(path: Path, at: int, end: int) -> hashlib._Hash:
    digest = hashlib.sha256()
    with path.open("rb", 0) as file:
        while at < end and (block := os.pread(file.fileno(), min(BLOCK, end - at), at)):
            digest.update(block)
            at += len(block)
    return digest


def _range(header: str | None, size: int) -> tuple[int, int]:
    if header is None:
        return 0, size
    found = _RANGE.fullmatch(header)
    if found is None or not int(found[1]) <= int(found[2]):
        raise Invalid("range: one range of bytes is understood, bytes=FIRST-LAST")
    if int(found[2]) >= size:
        raise CheckpointError(f"the checkpoint is not whole: a file has {size} bytes")
    return int(found[1]), int(found[2]) + 1


def _json(what: object) -> Response:
    return Response(_encode(what), media_type="application/json")
