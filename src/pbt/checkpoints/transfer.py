"""`TravellingStore`: checkpoints that are saved on this machine, and kept where their bytes must travel to.

Object stores and servers differ in their `Transport` alone. Files travel first, the manifest last: a
checkpoint without its manifest does not exist. Every file is hashed while it leaves, and checked when it comes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from msgspec.structs import replace

from pbt.checkpoints.cache import Cache
from pbt.checkpoints.ids import checked
from pbt.checkpoints.manifest import adopted, check, decoded, encoded, manifest_of, saved, times
from pbt.checkpoints.plain import remove
from pbt.checkpoints.store import MANIFEST, Manifest, Named
from pbt.errors import CheckpointError, Damaged
from pbt.population.entries import Checkpoint

_log = logging.getLogger("pbt")
AT_ONCE = 4
"""Files that travel at the same time."""
T = TypeVar("T")


class Transport(Protocol):
    """How checkpoints come to where they are kept, and back. Whatever is out of reach raises OSError."""

    def begin(self, id: str, named: Named | None) -> None:
        """A checkpoint is about to travel; one that exists already and was named raises CheckpointError."""
        ...

    def send(self, id: str, name: str, path: Path) -> str:
        """Send a file; its SHA-256 in hexadecimal."""
        ...

    def seal(self, id: str, body: bytes) -> None:
        """Everything was sent: with its manifest the checkpoint exists. Damaged: send the missing files again."""
        ...

    def manifest(self, id: str) -> bytes:
        """The manifest; CheckpointError if the checkpoint does not exist."""
        ...

    def receive(self, id: str, name: str, path: Path, size: int, sha256: str | None) -> None:
        """Receive a file into a new one at `path`; CheckpointError if size or hash differ."""
        ...

    def rest(self) -> None:
        """Nothing travels for now."""
        ...

    def delete(self, id: str) -> None:
        """See `CheckpointStore`."""
        ...

    def collect(self, member: int, lease: int, seq: int, keep: Iterable[str]) -> None:
        """See `CheckpointStore`."""
        ...

    def sweep(self, referenced: Iterable[str], stagings: bool) -> None:
        """See `CheckpointStore`."""
        ...


class TravellingStore:
    """A `CheckpointStore` at the far end of a transport.

    Attributes:
        transport: how its checkpoints travel.
    """

    def __init__(self, transport: Transport, cache: Cache) -> None:
        self.transport = transport
        self._cache = cache
        self._collected: dict[int, tuple[int, frozenset[str]]] = {}

    def staging(self, member: int, lease: int) -> Path:
        """A new empty folder on this machine."""
        return self._cache.staging()

    def is_staging(self, path: Path) -> bool:
        """Whether the path is one that `staging` gave."""
        return self._cache.is_staging(path)

    def adopt(self, source: Path, member: int, lease: int) -> Path:
        """A staging folder with a copy of a file or folder that the user saved at a path of his own."""
        return adopted(source, self._cache.staging())

    def publish(self, staging: Path, checkpoint: Checkpoint, parent: str | None, named: Named | None = None) -> Path:
        """Send the files, several at once, and the manifest last. The folder stays here, for its next reader."""
        manifest = Manifest(checkpoint, parent, saved(staging))
        id = checkpoint.id
        self._collected.pop(checkpoint.member, None)
        try:
            self.transport.begin(id, named)
            body = self._sent(staging, manifest)
        finally:
            self.transport.rest()
        try:
            (staging / MANIFEST).write_bytes(body)
            path = self._cache.keep(staging, id)
        except OSError as error:  # it exists now, and another attempt would be refused: readers download it
            _log.debug("%s is not kept on this machine: %s", id, error)
            remove(staging)
            return staging
        self._cache.only(id)
        return path

    def _sent(self, staging: Path, manifest: Manifest) -> bytes:
        """Send everything; the manifest's bytes. Files that arrived damaged are sent again."""
        id, files = manifest.checkpoint.id, {name: staging / name for name in manifest.files}
        written = times(staging, manifest)
        for last in (False, False, True):
            hashes = _each(files, lambda name, path: self.transport.send(id, name, path))
            times(staging, manifest, written)
            body = encoded(replace(manifest, sha256=hashes))
            try:
                self.transport.seal(id, body)
                break
            except Damaged:
                if last:
                    raise
        return body

    def fetch(self, id: str) -> Path:
        """The folder of a checkpoint on this machine: one that is here already, or downloaded and checked now."""
        path = self._here(id)
        if path is None:
            try:
                path = self._download(id)
            finally:
                self.transport.rest()
        self._cache.only(id)
        return path

    def _here(self, id: str) -> Path | None:
        path = self._cache.have(id)
        if path is not None:
            try:
                check(path, manifest_of(path, id))
            except CheckpointError:
                self._cache.discard(id)
                return None
        return path

    def _download(self, id: str) -> Path:
        body = self.transport.manifest(id)
        manifest = decoded(body, id, f"checkpoint {id}")
        staging = self._cache.staging()
        targets = {name: staging / checked(name) for name in manifest.files}
        for folder in {target.parent for target in targets.values()}:
            folder.mkdir(parents=True, exist_ok=True)

        def receive(name: str, target: Path) -> None:
            arguments = (id, name, target, manifest.files[name], manifest.sha256.get(name))
            try:
                self.transport.receive(*arguments)
            except CheckpointError:  # perhaps damaged on its way
                self.transport.receive(*arguments)

        _each(targets, receive)
        (staging / MANIFEST).write_bytes(body)
        return self._cache.keep(staging, id)

    def delete(self, id: str) -> None:
        """Delete a checkpoint; one that is gone already is no error."""
        self._cache.let_go(id)
        with _perhaps("delete checkpoint", id):
            self.transport.delete(id)

    def collect(self, member: int, lease: int, seq: int, keep: Iterable[str]) -> None:
        """Delete the member's unreferenced checkpoints; skipped until there can be new ones."""
        now = (lease, frozenset(keep))
        if self._collected.get(member) != now:
            with _perhaps("delete old checkpoints of member", member):
                self.transport.collect(member, lease, seq, now[1])
                self._collected[member] = now

    def sweep(self, referenced: Iterable[str], stagings: bool = False) -> None:
        """See `CheckpointStore`."""
        with _perhaps("delete unreferenced checkpoints", ""):
            self.transport.sweep(referenced, stagings)

    def close(self) -> None:
        """Delete cached checkpoints that no process of this machine needs."""
        self._cache.close()


@contextmanager
def _perhaps(what: str, which: object) -> Iterator[None]:
    """Log a failed deletion and go on: it is retried at the next collect or the final sweep."""
    try:
        yield
    except OSError as error:
        _log.warning("could not %s %s: %s", what, which, error)


def _each(paths: Mapping[str, Path], work: Callable[[str, Path], T]) -> dict[str, T]:
    """Do something with each file, several at once, the largest first; the first failure ends it."""
    order = sorted(paths, key=lambda name: -_size(paths[name]))
    failed: list[BaseException] = []

    def one(name: str) -> T | None:
        try:
            return None if failed else work(name, paths[name])
        except BaseException as error:
            failed.append(error)
            raise

    with ThreadPoolExecutor(AT_ONCE, "pbt-travel") as pool:
        jobs: dict[str, Future[T | None]] = {name: pool.submit(one, name) for name in order}
        try:
            wait(jobs.values())
        except BaseException as error:
            failed.append(error)
            raise
    if failed:
        raise failed[0]
    return {name: jobs[name].result() for name in paths}  # type: ignore[misc]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
