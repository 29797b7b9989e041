"""The disk: untouched without the key, and no path in it is a client's choice."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pbt
import pbt.server.timeouts
from tests.security import RAW
from tests.support.requests import request
from tests.support.worlds import ServerWorld

_watched: list[str] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched is not None and event.partition(".")[0] in (
        "open",
        "os",
        "sqlite3",
        "glob",
        "shutil",
        "import",
        "pathlib",
    ):
        _watched.append(f"{event} {arguments!r}")


@contextlib.contextmanager
def watched() -> Iterator[list[str]]:
    """Everything that this process, the server in it too, does with files."""
    global _watched
    if not getattr(_watch, "added", False):
        sys.addaudithook(_watch)
        _watch.added = True  # type: ignore[attr-defined]
    _watched = []
    try:
        yield _watched
    finally:
        _watched = None


def test_without_the_key_the_disk_is_not_touched(reading: ServerWorld) -> None:
    everything = [
        ("GET", "/"), ("GET", "/digits/journal"), ("GET", "/new/journal"), ("GET", "/api/v1/openapi.json"),
        ("PUT", "/x"), ("POST", "/new/open"), ("POST", "/digits/report"), ("POST", "/digits/join"), ("GET", "/../key"),
    ]  # fmt: skip
    for method, path in everything:
        request(reading, method, path, Authorization="Bearer wrong")
    with watched() as seen:
        for method, path in everything:
            assert request(reading, method, path, Authorization="Bearer wrong")[0] == 401
    assert [line for line in seen if "getaddrinfo" not in line] == []


def test_the_server_opens_no_path_that_a_client_names(reading: ServerWorld) -> None:
    canary = "canary-4711"
    paths = [canary, f"../{canary}", f"/tmp/{canary}", f"0/1-1/../../{canary}", f"{canary}:Class", f"file:///{canary}"]
    with watched() as seen:
        for path in paths:
            report = {**RAW, "member": 0, "checkpoint": path, "used": {path: path}, "metrics": {path: 1.0}}
            bodies: dict[str, Any] = {
                "report": [report],
                "join": {"nonce": path, "settings": {"strategy": {"name": path}, "checkpoints": path}},
                "create": {
                    "space": {"domains": {"a": {"kind": "constant", "value": path}}},
                    "strategy": {"name": path},
                },
                "tell": {"event": {"kind": "lost", "member": 0, "lease": 1, "checkpoint": path}},
            }
            for verb, body in bodies.items():
                request(reading, path=f"/digits/{verb}", body=json.dumps(body).encode())
            decision = {"member": 0, "ready": 1, "role": path, "parents": [
                {"id": path, "member": 0, "step": 1, "score": 1, "hyperparameters": {}}]}  # fmt: skip
            for event in (
                {"kind": "steered", "change": {path: path}, "by": path},
                {"kind": "steered", "change": {}, "nonce": path},
            ):
                told = {"event": event, "decisions": [decision]}
                request(reading, path="/digits/tell", body=json.dumps(told).encode())
            request(reading, "GET", f"/digits/journal?after={path.replace('/', '%2F')}")
        request(reading, path="/seen/open")
    assert [line for line in seen if "/seen" in line], "the hook saw nothing: this test tests nothing"
    opened = [line for line in seen if canary in line]
    assert opened == []
    assert list(reading.folder.parent.glob(f"**/*{canary}*")) == []


def test_a_checkpoint_id_that_leads_elsewhere_is_none(tmp_path: Path) -> None:
    from pbt.checkpoints.folder import FolderStore

    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "victim").mkdir()
    store = FolderStore(tmp_path)
    for id in (
        "../victim",
        "0/../../victim",
        "/etc",
        "0/1-1/../../../victim",
        "",
        "0",
        "0/1",
        "²/1-1",
        "0/1-1\0",
        "-1/1-1",
    ):
        with pytest.raises(pbt.CheckpointError):
            store.fetch(id)
        with pytest.raises(pbt.CheckpointError):
            store.delete(id)
    assert (tmp_path / "victim").is_dir()


@pytest.mark.parametrize("name", ["key", "key.read", "tls.pem"])
def test_no_population_is_called_as_a_file_of_the_servers(served: ServerWorld, name: str) -> None:
    assert request(served, path=f"/{name}/open")[0] == 422
    assert list(served.folder.iterdir()) == []
