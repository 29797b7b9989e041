"""Half requests, endless ones, and what is none."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pbt
import pbt.server.timeouts
from pbt.client.remote import Remote
from pbt.server.keys import Key
from tests.support.requests import serve
from tests.support.worlds import KEY


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, Path]]:
    """The server as ``pbt serve`` runs it, in its own process, out of patience after half a second."""
    monkeypatch.setattr("pbt.server.timeouts.TICK", 0.5)
    import threading

    import uvicorn

    from pbt.server.access import RequestCheck
    from pbt.server.app import App
    from pbt.server.populations import Populations
    from pbt.server.running import bind
    from pbt.settings import Wanted

    populations = Populations(tmp_path, Wanted())
    listening = bind("127.0.0.1", 0)
    config = uvicorn.Config(
        App(populations, RequestCheck(Key(KEY))), http=pbt.server.timeouts.LimitedProtocol,
        lifespan="off", log_level="error", ws="none",
        access_log=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    thread.start()
    yield listening.getsockname()[1], tmp_path
    server.should_exit = True
    thread.join(10)
    populations.close()


def _closed(connection: socket.socket, seconds: float) -> bytes | None:
    """What was said until the end; None: it has not come."""
    connection.settimeout(seconds)
    said = b""
    try:
        while more := connection.recv(65536):
            said += more
    except TimeoutError:
        return None
    except ConnectionError:
        pass
    return said


def _alive(port: int) -> None:
    remote = Remote(f"http://127.0.0.1:{port}/x", KEY)
    began = time.monotonic()
    remote.open()
    assert time.monotonic() - began < 2
    remote.close()


HEAD = b"POST /api/v1/populations/x/open HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
AUTH = b"authorization: Bearer " + KEY.encode() + b"\r\n"


@pytest.mark.slow
@pytest.mark.parametrize("half", [
    b"", b"G", b"POST /api/v1/populations/x/open HTTP/1.1\r\nhost: 127.0", HEAD + AUTH + b"content-length: 10\r\n\r\n{",
    HEAD + AUTH + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
])  # fmt: skip
def test_half_a_request_holds_up_nobody_and_not_for_ever(patient: tuple[int, Path], half: bytes) -> None:
    port, _ = patient
    waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    for connection in waiting:
        connection.sendall(half)
    _alive(port)
    for connection in waiting:
        assert _closed(connection, 5) is not None
        connection.close()


@pytest.mark.slow
def test_a_head_that_trickles_is_cut_off_and_a_body_that_flows_is_not(patient: tuple[int, Path]) -> None:
    port, _ = patient
    slow, steady = (socket.create_connection(("127.0.0.1", port)) for _ in range(2))
    slow.sendall(HEAD)
    steady.sendall(HEAD + AUTH + b"content-length: 10\r\n\r\n{")
    for n in range(8):
        time.sleep(0.25)
        with contextlib.suppress(ConnectionError):
            slow.sendall(f"x-{n}: y\r\n".encode())
        steady.sendall(b" ")
    steady.sendall(b"}")
    assert _closed(slow, 0.5) is not None
    steady.settimeout(5)
    assert b"200 OK" in steady.recv(65536)
    slow.close()
    steady.close()


@pytest.mark.parametrize(
    "flood",
    [
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"y" * 3_000_000,
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n" + b"a: b\r\n" * 500_000,
        b"GET /" + b"z" * 3_000_000,
        HEAD + AUTH + b"transfer-encoding: chunked\r\n\r\n1;" + b"e" * 3_000_000,
        HEAD + AUTH + b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"t: u\r\n" * 500_000,
    ],
)
def test_a_head_without_end_is_cut_off(patient: tuple[int, Path], flood: bytes) -> None:
    port, _ = patient
    connection = socket.create_connection(("127.0.0.1", port))
    sent = 0
    with contextlib.suppress(ConnectionError, TimeoutError):
        connection.settimeout(3)
        for start in range(0, len(flood), 10_000):
            connection.sendall(flood[start : start + 10_000])
            sent = start
            time.sleep(0.001)
    assert sent < len(flood) - 10_000 or _closed(connection, 3) is not None
    connection.close()
    _alive(port)


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    "rubbish",
    [
        b"\0" * 100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET http://[ HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"FLY / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + AUTH + b"content-length: " + b"9" * 19 + b"\r\n\r\n",
        b"GET /api/v1/populations/%ff%00/journal HTTP/1.1\r\nhost: 127.0.0.1\r\n" + AUTH + b"\r\n",
        b"PUT /x/report HTTP/1.0\r\nhost: 127.0.0.1\r\n" + AUTH + b"\r\n",
    ],
)  # fmt: skip
def test_what_is_no_request_is_answered_or_dropped_and_never_5xx(
    patient: tuple[int, Path], rubbish: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    port, folder = patient
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(rubbish)
    connection.shutdown(socket.SHUT_WR)
    said = _closed(connection, 5)
    connection.close()
    assert said is not None
    assert not re.match(rb"HTTP/1.. 5", said), said
    assert not [record for record in caplog.records if record.exc_info]
    _alive(port)
    assert sorted(p.name for p in folder.iterdir()) == ["x"]


def test_pbt_serve_runs_with_an_end_to_its_patience(tmp_path: Path) -> None:
    process, url = serve(tmp_path / "s")
    connection = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    connection.sendall(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100_000)
    assert b"431" in (_closed(connection, 5) or b"431")
    connection.close()
    process.terminate()
    process.communicate(timeout=20)


@pytest.mark.parametrize("size", [60, 63, 66, 100, 250])
def test_a_head_is_as_large_as_it_is_also_in_one_piece(patient: tuple[int, Path], size: int) -> None:
    port, _ = patient
    connection = socket.create_connection(("127.0.0.1", port))
    head = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n" + AUTH + b"x: "
    connection.sendall(head + b"a" * (size * 1024 - len(head)) + b"\r\n\r\n")
    connection.settimeout(5)
    said = connection.recv(100)
    connection.close()
    assert said.split()[1] == (b"200" if size < 64 else b"431")
    _alive(port)
