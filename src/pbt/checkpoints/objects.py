"""Checkpoints in an object store: S3 and compatible stores, Google Cloud Storage, Azure.

A checkpoint is the objects below ``<member>/<lease>-<seq>/``, each under its file's name. Nothing is copied at an
exploit: a child downloads its parent's. Credentials and endpoints come from the environment.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from pbt.checkpoints.cache import Cache
from pbt.checkpoints.ids import parsed
from pbt.checkpoints.manifest import decoded
from pbt.checkpoints.store import MANIFEST, Named, check_unnamed
from pbt.checkpoints.transfer import TravellingStore
from pbt.disk.waiting import Waiting
from pbt.errors import CheckpointError, Damaged, OutOfReach, SettingsError

if TYPE_CHECKING:
    from obstore import Bytes
    from obstore.store import ObjectStore as Backend

PART = 8 * 1024 * 1024
"""Bytes of a large object that go up in one request."""
_PARTS_LIMIT = 9_000
"""Parts of one object; S3 allows 10,000."""
PARTS_AT_ONCE = 3
PIECE, BLOCK = 256 * 1024 * 1024, 2 * 1024 * 1024
"""Bytes of a large object that are asked for at once, and that are in memory at a time."""
ANSWER_TIMEOUT, FIRST_TIMEOUT = 300.0, 10.0
"""Seconds for which a store that goes away is waited for, and one that was never reached."""
_NO_BUCKET = "NoSuchBucket"
_READABLE = "/ !&'()+,;=@_.~-"
T = TypeVar("T")
_log = logging.getLogger("pbt")


class ObjectStore(TravellingStore):
    """A `CheckpointStore` at a URL such as ``s3://bucket/prefix``.

    Args:
        url: a population's own.
        cache: where checkpoints lie on this machine.
        patience: seconds for which a store that goes away is waited for.

    Raises:
        SettingsError: obstore is not installed, or makes nothing of the URL.
        OutOfReach: the store can not be reached, or not with the credentials in the environment.
    """

    def __init__(self, url: str, cache: Cache | None = None, patience: float = ANSWER_TIMEOUT) -> None:
        objects = Objects(backend(url), url, patience)
        objects.reach()
        super().__init__(objects, cache or Cache(url))


def backend(url: str) -> Backend:
    """The object store at a URL, as obstore sees it.

    Raises:
        SettingsError: obstore is not installed, or makes nothing of the URL.
    """
    try:
        from obstore.store import from_url
    except ImportError:
        raise SettingsError(f"checkpoints in {url}: pip install 'pbtrain[objects]'") from None
    options: dict[str, Any] = {}
    if not url.startswith(("file:", "memory:")):
        options["client_options"] = {"timeout": "300s", "connect_timeout": "10s", "read_timeout": "60s"}
        if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http:"):
            options["client_options"]["allow_http"] = True
        options["retry_config"] = {"max_retries": 5}
    if url.startswith("file:"):
        options["mkdir"] = True
    if url.startswith("s3:") and "AWS_CHECKSUM_ALGORITHM" not in os.environ:
        options["checksum_algorithm"] = "sha256"  # the store itself then checks what arrives
    try:
        return from_url(url, **options)
    except Exception as error:
        raise SettingsError(f"checkpoints in {url}: {_short(error)}") from None


class Objects:
    """The transport to and from an object store."""

    def __init__(self, store: Backend, url: str, patience: float) -> None:
        import obstore

        self._obs = obstore
        self._store = store
        self._url = url
        self._patience = patience
        self._met = False

    def reach(self) -> None:
        """Look whether the store is there, and lets us in: better now than after the first hours of training."""
        self._steadily(lambda: next(iter(self._obs.list(self._store, "0", chunk_size=1)), None))
        self._met = True

    def begin(self, id: str, named: Named | None) -> None:
        """See `Transport`."""
        with suppress(FileNotFoundError):
            self._steadily(lambda: self._obs.head(self._store, _key(id, MANIFEST)))
            check_unnamed(id, f"{self._url}/{id}", named)
            self.delete(id)

    def send(self, id: str, name: str, path: Path) -> str:
        """See `Transport`."""
        try:
            return self._steadily(lambda: self._sent(_key(id, name), path))
        except FileNotFoundError as error:
            if not path.exists():
                raise CheckpointError(f"{path}: the file is gone") from error
            raise OutOfReach(f"{self._url} is out of reach: {_short(error)}") from error

    def _sent(self, key: str, path: Path) -> str:
        digest = hashlib.sha256()
        size = path.stat().st_size
        if size <= PART:
            body = path.read_bytes()
            digest.update(body)
            self._obs.put(self._store, key, body, use_multipart=False)
        else:
            part = max(PART, -(-size // _PARTS_LIMIT))
            parts = _parts(path, part, digest.update)
            self._obs.put(self._store, key, parts, chunk_size=part, max_concurrency=PARTS_AT_ONCE)
        return digest.hexdigest()

    def seal(self, id: str, body: bytes) -> None:
        """See `Transport`. Everything is looked at under its final key before."""
        sizes = self._sizes(id)
        for name, size in decoded(body, id, f"the manifest of {id}").files.items():
            there = sizes.get(_key(id, name))
            if there != size:
                raise Damaged(f"{self._url}/{id}: {name} arrived with {there or 0} bytes, not {size}")
        self._steadily(lambda: self._obs.put(self._store, _key(id, MANIFEST), body, use_multipart=False))

    def manifest(self, id: str) -> bytes:
        """See `Transport`."""
        try:
            return bytes(self._steadily(lambda: self._obs.get(self._store, _key(id, MANIFEST)).bytes()))
        except FileNotFoundError:
            raise self._missing(id, MANIFEST) from None

    def receive(self, id: str, name: str, path: Path, size: int, sha256: str | None) -> None:
        """See `Transport`. Large files come in several pieces at once."""
        key = _key(id, name)
        path.touch()
        starts = range(0, max(1, size), PIECE)
        try:
            if len(starts) == 1:
                self._piece(key, path, 0, size, size)
            else:
                with ThreadPoolExecutor(PARTS_AT_ONCE, "pbt-piece") as pool:
                    list(pool.map(lambda start: self._piece(key, path, start, min(size, start + PIECE), size), starts))
        except FileNotFoundError:
            raise self._missing(id, name) from None
        with path.open("rb") as file:
            if sha256 is not None and hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise CheckpointError(f"{self._url}/{id} is not whole: {name} is not what was saved (SHA-256)")

    def _piece(self, key: str, path: Path, start: int, end: int, size: int) -> None:
        """Bytes of an object of `size` bytes, into their place; after a failure it goes on where it stood."""
        at = start

        def attempt() -> None:
            nonlocal at
            with path.open("r+b") as file:
                file.seek(at)
                for block in self._stream(key, at, end, size):
                    at += file.write(block)

        self._steadily(attempt)
        if at != end:
            raise CheckpointError(f"{self._url}/{key} is not whole: it ends at byte {at} of {size}")

    def _stream(self, key: str, start: int, end: int, size: int) -> Iterator[Bytes]:
        try:
            if size > 0:
                found = self._obs.get(self._store, key, options={"range": (start, end)})
                if found.meta["size"] == size:
                    yield from found.stream(BLOCK)
                    return
        except self._obs.exceptions.BaseError:
            if self._size(key) == size:
                raise
        there = self._size(key)
        if there != size:
            raise CheckpointError(f"{self._url}/{key} is not whole: it has {there} bytes, not {size}")

    def _size(self, key: str) -> int:
        return self._obs.head(self._store, key)["size"]

    def _missing(self, id: str, name: str) -> CheckpointError:
        """An object is not there; unless it is the whole store, which listing tells."""
        self._names(f"{parsed(id)[0]}")
        return CheckpointError(f"{self._url}/{id} is not whole: there is no {name}")

    def rest(self) -> None:
        """See `Transport`."""

    def delete(self, id: str) -> None:
        """See `Transport`."""
        parsed(id)
        self._delete(id, self._names(id))

    def _delete(self, id: str, keys: Iterable[str]) -> None:
        """The manifest first: a half-deleted checkpoint is seen as not whole."""
        manifest = _key(id, MANIFEST)
        for some in ([manifest], [key for key in keys if key != manifest]):
            if some:
                with suppress(FileNotFoundError):
                    self._steadily(partial(self._obs.delete, self._store, some))

    def _names(self, prefix: str | None) -> list[str]:
        """Keys of all objects below a prefix."""
        return list(self._sizes(prefix))

    def _sizes(self, prefix: str | None) -> dict[str, int]:
        """The same, with their sizes in bytes."""

        def all_of_them() -> dict[str, int]:
            return {item["path"]: item["size"] for chunk in self._obs.list(self._store, prefix) for item in chunk}

        return self._steadily(all_of_them)

    def collect(self, member: int, lease: int, seq: int, keep: Iterable[str]) -> None:
        """See `Transport`."""
        kept = set(keep)
        for id, keys in _by_id(self._names(str(member))).items():
            if parsed(id)[1:] <= (lease, seq) and id not in kept:
                self._delete(id, keys)

    def sweep(self, referenced: Iterable[str], stagings: bool) -> None:
        """See `Transport`. There are no stagings: `collect` and `sweep` delete objects without a manifest."""
        found = _by_id(self._names(None))
        kept = set(referenced)
        for id, keys in found.items():
            if id not in kept:
                self._delete(id, keys)

    def _steadily(self, attempt: Callable[[], T]) -> T:
        """Try again for a while; FileNotFoundError passes, since a missing object is no failure of the store."""
        errors = self._obs.exceptions
        waiting = Waiting(after=0, first=0.5, last=30.0)
        patience = self._patience if self._met else min(self._patience, FIRST_TIMEOUT)
        while True:
            try:
                return attempt()
            except FileNotFoundError:
                raise
            except (errors.BaseError, OSError) as error:
                final = isinstance(error, errors.PermissionDeniedError | errors.UnauthenticatedError)
                if final or waiting.over(patience) or _NO_BUCKET in str(error):
                    raise OutOfReach(f"{self._url} is out of reach: {_short(error)}") from error
                waiting.pause(f"{self._url} does not answer; trying again: {_short(error)}")


def _key(id: str, name: str) -> str:
    """The object of a file: its name, with characters that a store might refuse as %XX."""
    return f"{id}/{quote(name, safe=_READABLE)}"


def _by_id(keys: Iterable[str]) -> dict[str, list[str]]:
    """Keys by the checkpoint id that they begin with; other keys are ignored."""
    found: dict[str, list[str]] = {}
    for key in keys:
        id = "/".join(key.split("/", 2)[:2])
        with suppress(CheckpointError):
            parsed(id)
            found.setdefault(id, []).append(key)
    return found


def _parts(path: Path, size: int, seen: Callable[[bytes], object]) -> Iterator[bytes]:
    with path.open("rb") as file:
        while body := file.read(size):
            seen(body)
            yield body


def _short(error: Exception) -> str:
    return " ".join(str(error).partition("Debug source")[0].split())[:500]
