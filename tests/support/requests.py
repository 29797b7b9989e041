"""Raw requests to a server, and `pbt serve` as a process."""

from __future__ import annotations

import http.client
import json
import subprocess
from pathlib import Path
from typing import Any

from pbt.wire.addresses import POPULATIONS
from tests.support.scripts import PBT, environment
from tests.support.worlds import KEY, ServerWorld


def at(path: str) -> str:
    """The address of what a test names as a user would: ``/digits/open``; ``/`` is the list, ``/api/…`` is whole."""
    return path if path.startswith("/api/") else POPULATIONS + (path if path[:2] not in ("/", "/?") else path[1:])


def request(
    world: ServerWorld, method: str = "POST", path: str = "/digits/open", body: bytes = b"{}", **headers: str | None
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=10)
    sent: dict[str, str] = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    for name, value in headers.items():
        sent.pop(name.replace("_", "-"), None)
        if value is not None:
            sent[name.replace("_", "-")] = value
    connection.request(method, at(path), body, sent)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def serve(folder: Path, *more: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [*PBT, "serve", str(folder), "--port", "0", *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(PYTHONUNBUFFERED=1),
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "PBT_URL=" in line:
            return process, line.split("PBT_URL=")[1].strip().removesuffix("/NAME")
    raise AssertionError("the server did not start")
