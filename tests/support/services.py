"""Services that tests need: an object store, and a connection that breaks."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest

BUCKET = "bucket"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_REGION": "us-east-1"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class S3:
    """A process that speaks S3, with one bucket."""

    def __init__(self) -> None:
        for name in ("obstore", "moto", "flask"):
            if importlib.util.find_spec(name) is None:
                pytest.skip(f"needs {name}: pip install 'pbtrain[objects,dev]'")
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        end = time.monotonic() + 60
        while True:
            try:
                self._ask("PUT", f"/{BUCKET}")
                break
            except OSError:
                assert self._process.poll() is None and time.monotonic() < end, "moto_server does not start"
                time.sleep(0.05)

    def _ask(self, method: str, path: str) -> None:
        with urllib.request.urlopen(urllib.request.Request(self.endpoint + path, method=method), timeout=30):
            pass

    def environment(self, endpoint: str | None = None) -> dict[str, str]:
        """What a worker needs in its environment."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint or self.endpoint}

    def keys(self, prefix: str = "") -> dict[str, int]:
        """Every object below a prefix, with its size."""
        import obstore
        from obstore.store import from_url

        store = from_url(
            f"s3://{BUCKET}/{prefix}".rstrip("/"),
            config={**CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint},  # type: ignore[arg-type]
            client_options={"allow_http": True},
        )
        return {item["path"]: item["size"] for chunk in obstore.list(store) for item in chunk}

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@contextlib.contextmanager
def s3() -> Iterator[S3]:
    """One that runs for a while."""
    service = S3()
    try:
        yield service
    finally:
        service.close()


class Proxy:
    """Passes bytes on to a port of this machine, until told to spoil them.

    `spoil(up, seen, data)` is given each piece with its direction and how many bytes went that way on this
    connection before; it returns what is passed on instead, or None to cut the connection.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.spoil: Callable[[bool, int, bytes], bytes | None] = lambda up, seen, data: data
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            self._open += [near, far]
            threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        seen = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                passed = self.spoil(up, seen, data)
                if passed is None:
                    break
                seen += len(data)
                sink.sendall(passed)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()
        for end in self._open:
            end.close()
