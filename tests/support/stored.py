"""Stores of checkpoints, each seen from any number of machines, and what lies in them."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from pbt.checkpoints.cache import Cache
from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.store import MANIFEST, CheckpointStore
from pbt.checkpoints.upload import UploadStore
from pbt.population.entries import Checkpoint, Released
from tests.support.population import Script
from tests.support.services import BUCKET, S3
from tests.support.worlds import ServerWorld

MEMBERS = 3


class Kept:
    """A store, seen from as many machines as one likes, and what lies in it."""

    def store(self, machine: str = "one") -> CheckpointStore:
        raise NotImplementedError

    def files(self) -> set[str]:
        """Everything that is published or half-published, as <member>/<lease>-<seq>/<file>."""
        raise NotImplementedError

    def damage(self, file: str, body: bytes | None) -> None:
        """Put something else in a file's place; None: nothing."""
        raise NotImplementedError

    def relet(self, member: int) -> int:
        """A new lease on the member; its number."""
        return 2

    def finish(self, *current: str) -> None:
        """Whatever makes a population finished, with these as its members' current checkpoints."""

    def close(self) -> None:
        pass


class InFolder(Kept):
    def __init__(self, tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = tmp_path / "p"
        self.folder.mkdir()

    def store(self, machine: str = "one") -> CheckpointStore:
        return FolderStore(self.folder)

    def files(self) -> set[str]:
        root = self.folder / "checkpoints"
        found = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
        return {name for name in found if not name.split("/")[1].startswith(".")}

    def damage(self, file: str, body: bytes | None) -> None:
        path = self.folder / "checkpoints" / file
        path.unlink() if body is None else path.write_bytes(body)


class Travelling(Kept):
    monkeypatch: pytest.MonkeyPatch
    tmp_path: Path

    def cache(self, machine: str) -> Cache:
        """Each machine has a disk of its own."""
        self.monkeypatch.setenv("PBT_CACHE", str(self.tmp_path / machine))
        self.caches = [*getattr(self, "caches", ()), Cache("p")]
        return self.caches[-1]

    def close(self) -> None:
        for cache in getattr(self, "caches", ()):
            cache.close()
        left = list(self.tmp_path.glob("*/pbt-cache-*/*"))
        assert not left, "a cache is empty when nobody uses it"


class InObjects(Travelling):
    def __init__(self, tmp_path: Path, s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in s3.environment().items():
            monkeypatch.setenv(name, value)
        self.tmp_path, self.monkeypatch, self.s3 = tmp_path, monkeypatch, s3
        self.prefix = secrets.token_hex(4)

    def store(self, machine: str = "one") -> CheckpointStore:
        from pbt.checkpoints.objects import ObjectStore

        return ObjectStore(f"s3://{BUCKET}/{self.prefix}", self.cache(machine), patience=2)

    def files(self) -> set[str]:
        return set(self.s3.keys(self.prefix))

    def damage(self, file: str, body: bytes | None) -> None:
        import obstore
        from obstore.store import from_url

        store = from_url(f"s3://{BUCKET}/{self.prefix}", client_options={"allow_http": True})
        obstore.delete(store, file) if body is None else obstore.put(store, file, body)


class Uploaded(Travelling):
    def __init__(self, tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tmp_path, self.monkeypatch = tmp_path, monkeypatch
        self.world = ServerWorld(tmp_path)
        self.script = Script(self.world, members=MEMBERS, steps=2)
        for member in range(MEMBERS):
            self.script.join(member)
        self._folder = InFolder.__new__(InFolder)
        self._folder.folder = self.world.folder / "digits"

    def store(self, machine: str = "one") -> CheckpointStore:
        return UploadStore(self.world.coordinator(), self.cache(machine))

    def files(self) -> set[str]:
        return self._folder.files()

    def damage(self, file: str, body: bytes | None) -> None:
        self._folder.damage(file, body)

    def relet(self, member: int) -> int:
        self.script.coordinator.tell(Released(member, self.script.answers[member].lease))
        return self.script.join(member).lease

    def finish(self, *current: str) -> None:
        for id in current:
            member, _, seq = id.replace("-", "/").split("/")
            self.script.report(int(member), 1.0, step=2, seq=int(seq))
        assert self.world.population.finished

    def close(self) -> None:
        super().close()
        self.world.close()


KEPT: dict[str, Any] = {"folder": InFolder, "objects": InObjects, "upload": Uploaded}


def publish(store: CheckpointStore, id: str, files: dict[str, bytes] | None = None) -> Path:
    member, lease, _ = map(int, id.replace("-", "/").split("/"))
    staging = store.staging(member, lease)
    for name, body in (files or {"state": id.encode()}).items():
        (staging / name).parent.mkdir(parents=True, exist_ok=True)
        (staging / name).write_bytes(body)
    return store.publish(staging, Checkpoint(id, member, 1, 0.5, {"lr": 0.1}), None)


def read(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def ids(kept: Kept) -> set[str]:
    return {name.rpartition("/")[0] for name in kept.files() if name.endswith(f"/{MANIFEST}")}
