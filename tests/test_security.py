"""What the server must withstand, and what it must never do: keys, paths, sizes, half requests, code."""

from __future__ import annotations

import ast
import contextlib
import json
import logging
import os
import re
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pbt
import pbt.server.patience
from pbt.population.entries import LARGEST
from pbt.remote import Remote
from pbt.server.keys import Access, Key, key_beside, key_for
from pbt.settings import wanted
from tests.population import SPACE
from tests.scripts import ROOT, environment, pbt_run, write
from tests.test_server import _serve, request, served  # noqa: F401
from tests.worlds import KEY, ServerWorld

READ = "a-key-that-only-reads"
RAW = {"lease": 1, "seq": 1, "decided": 1, "step": 1, "score": 1.0}


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[ServerWorld]:
    """A server with two keys and one population."""
    made = ServerWorld(tmp_path)
    made.app._gate.key = Key(KEY, reading=READ)
    remote = Remote(made.url, KEY)
    remote.create(wanted(space=SPACE, members=2, steps=5, interval=1, maximize=True))
    remote.close()
    yield made
    made.close()


# --- the two keys ---


@pytest.mark.parametrize("path", ["/", "/digits/journal", "/digits/journal?after=1", "/openapi.json"])
def test_the_key_that_only_reads_reads(reading: ServerWorld, path: str) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", reading.port, timeout=10)
    for method in ("GET", "HEAD"):
        connection.request(method, path, headers={"Authorization": f"Bearer {READ}"})
        response = connection.getresponse()
        response.read()
        assert response.status == 200
    connection.close()


@pytest.mark.parametrize("verb", ["report", "join", "tell", "finish", "stand", "beat", "create", "open"])
def test_the_key_that_only_reads_says_nothing(reading: ServerWorld, verb: str) -> None:
    before = Path(reading.folder, "digits", "journal.db").stat()
    code, said = request(reading, path=f"/digits/{verb}", Authorization=f"Bearer {READ}")
    assert (code, said["code"]) == (403, "read-only")
    assert "PBT_KEY" in said["error"]
    assert request(reading, path=f"/new/{verb}", Authorization=f"Bearer {READ}")[0] == 403
    assert sorted(p.name for p in reading.folder.iterdir()) == ["digits"]
    assert Path(reading.folder, "digits", "journal.db").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "POST"])
def test_no_other_method_passes_with_the_key_that_only_reads(reading: ServerWorld, method: str) -> None:
    assert request(reading, method, "/digits/journal", Authorization=f"Bearer {READ}")[0] == 403


def test_who_only_looks_needs_no_more(reading: ServerWorld, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{reading.port}/digits"
    for command in ("status", "journal"):
        shown = pbt_run([command, url], tmp_path, PBT_KEY=READ)
        assert shown.returncode == 0, shown.stderr
    absent = pbt_run(["status", url.replace("digits", "typo")], tmp_path, PBT_KEY=READ)
    assert "no population 'typo'" in absent.stderr
    assert not (reading.folder / "typo").exists()
    with pytest.raises(pbt.ReadOnly, match="only reads"):
        Remote(url, READ).join("n")


def test_where_the_second_key_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = key_for(tmp_path, "127.0.0.1", None, no_key=False)
    text = (tmp_path / "key.read").read_text().strip()
    assert stat.S_IMODE((tmp_path / "key.read").stat().st_mode) == 0o600
    assert made.access(b"Bearer " + text.encode()) is Access.READ
    assert made.access(b"Bearer " + (tmp_path / "key").read_bytes().strip()) is Access.WRITE
    assert key_for(tmp_path, "127.0.0.1", None, no_key=False).access(b"Bearer " + text.encode()) is Access.READ
    (tmp_path / "r").write_text("short\n")
    named = key_for(tmp_path, "127.0.0.1", None, no_key=False, read_key_file=tmp_path / "r")
    assert named.access(b"Bearer short") is Access.READ
    assert named.access(b"Bearer " + text.encode()) is Access.NONE
    with pytest.raises(pbt.SettingsError, match="at least 16"):
        key_for(tmp_path, "0.0.0.0", None, no_key=False, read_key_file=tmp_path / "r")
    monkeypatch.setenv("PBT_READ_KEY", "reading, from the environment")
    assert (
        key_for(tmp_path, "0.0.0.0", None, no_key=False).access(b"Bearer reading, from the environment") is Access.READ
    )
    monkeypatch.setenv("PBT_KEY", "reading, from the environment")
    with pytest.raises(pbt.SettingsError, match="two different ones"):
        key_for(tmp_path, "localhost", None, no_key=False)
    assert Key(KEY).access(b"Bearer ") is Access.NONE
    assert Key(None).access(None) is Access.WRITE


def test_both_keys_are_compared_whole_whatever_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    import hmac

    compared: list[bytes] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append(b)
        return hmac.compare_digest(a, b)

    class Counting:
        compare_digest = staticmethod(compare)

    monkeypatch.setattr("pbt.server.keys.hmac", Counting)
    for key in (Key(KEY, reading=READ), Key(KEY)):
        for given in (None, b"", b"Bearer " + KEY.encode(), b"Bearer " + READ.encode(), b"x" * 1000):
            compared.clear()
            key.access(given)
            assert len(compared) == 2


# --- keys do not leak ---


def test_a_key_is_in_no_log_no_answer_no_error_and_no_process_list(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = {"PBT_KEY": "the-secret-of-this-test", "PBT_READ_KEY": "the-other-secret-of-it"}
    import subprocess

    process = subprocess.Popen(
        [sys.executable, "-m", "pbt", "-v", "serve", str(tmp_path / "s"), "--port", "0", "--verbose"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(PYTHONUNBUFFERED=1, **secrets),
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "PBT_URL=" in line:
            url = line.split("PBT_URL=")[1].strip().replace("/NAME", "/x")
            break
    caplog.set_level(logging.DEBUG)
    try:
        remote = Remote(url, secrets["PBT_KEY"])
        remote.create(wanted(space=SPACE, members=1, maximize=True))
        remote.join("n")
        for key in ("the-secret-of-this-tesT", secrets["PBT_READ_KEY"]):
            with pytest.raises(pbt.Forbidden) as refused:
                Remote(url, key).open()
            said += str(refused.value)
        said += repr(remote) + repr(vars(remote)["_dial"]) + caplog.text
        running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=False).stdout
        script = write(tmp_path, "import os, sys; print(os.environ['PBT_RUN']); print(sys.argv)")
        command = ["run", "--members", "1", "--steps", "1", "--maximize", tmp_path / "r", "--", sys.executable, script]
        ran = pbt_run(command, tmp_path, **secrets)
        logs = "".join(p.read_text() for p in (tmp_path / "r").rglob("*.log")) if (tmp_path / "r").exists() else ""
        said += running + ran.stdout + ran.stderr + logs
        remote.let_go(0)
        remote.close()
    finally:
        process.terminate()
        said += process.communicate(timeout=20)[0]
    for secret in secrets.values():
        assert secret not in said
    stored = [
        p for p in tmp_path.rglob("*") if p.is_file() and any(s.encode() in p.read_bytes() for s in secrets.values())
    ]
    assert stored == []


def test_only_who_comes_from_this_machine_is_told_where_the_key_lies(served: ServerWorld, tmp_path: Path) -> None:  # noqa: F811
    served.app._gate.key = Key(KEY, tmp_path / "key")
    near = {"client": ("127.0.0.1", 5), "server": ("127.0.0.1", 7777)}
    own = {"client": ("10.0.0.3", 5), "server": ("10.0.0.3", 7777)}
    far = {"client": ("10.0.0.9", 5), "server": ("10.0.0.3", 7777)}
    nobody: dict[str, Any] = {"client": None, "server": None}
    told = [
        "key_file" in json.loads(served.app._failure(pbt.Forbidden("no"), scope)) for scope in (near, own, far, nobody)
    ]
    assert told == [True, True, False, False]


def test_a_key_file_that_is_a_trap_is_not_read(tmp_path: Path) -> None:
    seat = {"host": "127.0.0.1", "port": 7, "pid": os.getpid()}
    (tmp_path / "key").write_text("mine")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "server.json").write_text(json.dumps(seat))
    assert key_beside(str(tmp_path / "key"), "127.0.0.1", 7) == "mine"
    (tmp_path / "server.json").write_text("[" * 3000)
    assert key_beside(str(tmp_path / "key"), "127.0.0.1", 7) is None
    (tmp_path / "server.json").unlink()
    os.mkfifo(tmp_path / "server.json")
    assert key_beside(str(tmp_path / "key"), "127.0.0.1", 7) is None, "who reads a pipe waits for ever"
    assert key_beside("\0", "127.0.0.1", 7) is None


# --- the disk ---

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
        ("GET", "/"), ("GET", "/digits/journal"), ("GET", "/new/journal"), ("GET", "/openapi.json"), ("PUT", "/x"),
        ("POST", "/new/open"), ("POST", "/digits/report"), ("POST", "/digits/join"), ("GET", "/../key"),
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


@pytest.mark.parametrize("name", ["key", "key.read", "server.json", "tls.pem"])
def test_no_population_is_called_as_a_file_of_the_servers(served: ServerWorld, name: str) -> None:  # noqa: F811
    assert request(served, path=f"/{name}/open")[0] == 422
    assert list(served.folder.iterdir()) == []


def test_a_server_opens_no_more_populations_than_it_can_hold(
    served: ServerWorld,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pbt.server.rooms.ROOMS_LIMIT", 3)
    codes = [request(served, path=f"/p{n}/open")[0] for n in range(5)]
    assert codes == [200, 200, 200, 422, 422]
    assert request(served, path="/p1/open")[0] == 200


# --- sizes and numbers ---


def _reports(**more: Any) -> bytes:
    return json.dumps([{"member": 0, **RAW, **more}]).encode()


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("tell", b'{"event":{"kind":"steered","change":' + b'{"a":' * 90_000 + b"1" + b"}" * 90_000 + b"}}"),
        ("create", b'{"strategy":{"name":"pbt","parameters":{"a":' + b"[" * 90_000 + b"]" * 90_000 + b"}}}"),
        ("report", b"[" * 500_000),
        ("report", b'[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":1,"used":{"\xff":1}}]'),
        ("report", b'[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":1,"used":{"\\ud800":1}}]'),
        ("report", b'[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":1e999}]'),
        ("report", b'[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":Infinity}]'),
        ("report", _reports(step=2**63)),
        ("report", _reports(step=2**64)),
        ("report", _reports(step=LARGEST + 1)),
        ("report", _reports(seq=10**300)),
        ("report", _reports(lease=-(2**63))),
        ("report", _reports(step=int("9" * 4200))),
        ("report", _reports(used={"n" * 70_000: 1})),
        ("report", _reports(checkpoint="x" * 900_000)),
        ("report", _reports(score=[0.5] * 100_000)),
        ("join", b'{"nonce": "' + b"n" * 300 + b'"}'),
        ("create", b'{"members": 10001, "maximize": true, "space": {"domains": {"a": {"kind": "constant", "value": 1'
                   b"}}}}"),
        ("create", b'{"space": {"domains": {"a": {"kind": "float", "min": -1.7e308, "max": 1.7e308}}}}'),
        ("create", b'{"space": {"domains": {"a": {"kind": "float", "min": 1, "max": ' + b"9" * 400 + b"}}}}"),
        ("tell", b'{"event":{"kind":"steered","change":{}},"decisions":[{"member":0,"ready":1,"parents":['
                 b'{"id":"x","member":99,"step":1,"score":1,"hyperparameters":{}}]}]}'),
        ("tell", b'{"event":{"kind":"steered","change":{}},"decisions":[{"member":99,"ready":1}]}'),
        ("tell", b'{"event":{"kind":"steered","change":{}},"decisions":[{"member":0,"ready":1,"start":"copy"}]}'),
        ("tell", b'{"event":{"kind":"steered","change":{}},"decisions":[{"member":0,"ready":1,"start":"fresh"}]}'),
    ],
)  # fmt: skip
def test_what_is_too_deep_too_long_or_too_large_is_refused(reading: ServerWorld, verb: str, body: bytes) -> None:
    request(reading, path="/digits/join", body=b'{"nonce": "n", "member": 0}')
    entries = len(list(reading.journal.read(0)))
    began = time.monotonic()
    code, said = request(reading, path=f"/{'new' if verb == 'create' else 'digits'}/{verb}", body=body)
    assert 400 <= code < 500, said
    assert len(said["error"]) > 10 and len(str(said)) < 2000
    assert time.monotonic() - began < 5
    assert len(list(reading.journal.read(0))) == entries


def test_a_key_that_stands_twice_counts_as_its_last(reading: ServerWorld) -> None:
    request(reading, path="/digits/join", body=b'{"nonce": "n", "member": 0}')
    body = _reports(checkpoint="0/1-1")[:-2] + b',"score":7.0}]'
    assert request(reading, path="/digits/report", body=body)[0] == 200
    assert reading.population.members[0].score == 7.0


def test_a_thousand_reports_in_one_request_are_answered_or_refused_whole(reading: ServerWorld) -> None:
    body = json.dumps([{**RAW, "member": n % 2} for n in range(8000)]).encode()
    began = time.monotonic()
    code, said = request(reading, path="/digits/report", body=body)
    assert code == 422 and "two reports of one member" in said["error"]
    assert time.monotonic() - began < 5


def test_the_largest_step_is_taken_and_a_larger_one_is_not(reading: ServerWorld) -> None:
    remote = Remote(f"http://127.0.0.1:{reading.port}/long", KEY)
    remote.create(wanted(space=SPACE, members=2, interval=LARGEST, goal=9.0, maximize=True))
    remote.join("a")
    body = _reports(step=LARGEST, checkpoint="0/1-1")
    code, said = request(reading, path="/long/report", body=body)
    assert code == 200, said
    assert said[0]["step"] == LARGEST  # type: ignore[index]
    assert request(reading, path="/long/report", body=_reports(seq=2, step=LARGEST, checkpoint="0/1-2"))[0] == 422
    remote.let_go(0)
    remote.close()


def test_signs_of_life_of_nobody_take_no_memory(reading: ServerWorld) -> None:
    room = reading.rooms.room("digits")
    before = len(room.alive._last)
    for n in range(300):
        request(reading, path="/digits/beat", body=json.dumps({"member": n % 2, "lease": 1000 + n}).encode())
        request(reading, path="/digits/report", body=_reports(lease=5000 + n))
    assert request(reading, path="/digits/beat", body=b'{"member": -1, "lease": 0}')[0] == 404
    assert len(room.alive._last) == before


# --- half requests, and none ---


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, Path]]:
    """The server as ``pbt serve`` runs it, in its own process, out of patience after half a second."""
    monkeypatch.setattr("pbt.server.patience.TICK", 0.5)
    import threading

    import uvicorn

    from pbt.server.app import App
    from pbt.server.gate import Gate
    from pbt.server.rooms import Rooms
    from pbt.server.running import bind
    from pbt.settings import Wanted

    rooms = Rooms(tmp_path, Wanted())
    listening = bind("127.0.0.1", 0)
    config = uvicorn.Config(
        App(rooms, Gate(Key(KEY))), http=pbt.server.patience.Patient, lifespan="off", log_level="error", ws="none",
        access_log=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
    thread.start()
    yield listening.getsockname()[1], tmp_path
    server.should_exit = True
    thread.join(10)
    rooms.close()


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


HEAD = b"POST /x/open HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
AUTH = b"authorization: Bearer " + KEY.encode() + b"\r\n"


@pytest.mark.parametrize("half", [
    b"", b"G", b"POST /x/open HTTP/1.1\r\nhost: 127.0", HEAD + AUTH + b"content-length: 10\r\n\r\n{",
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
        b"GET /%ff%00/journal HTTP/1.1\r\nhost: 127.0.0.1\r\n" + AUTH + b"\r\n",
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
    process, url = _serve(tmp_path / "s")
    connection = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    connection.sendall(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 100_000)
    assert b"431" in (_closed(connection, 5) or b"431")
    connection.close()
    process.terminate()
    process.communicate(timeout=20)


# --- code ---

UNPICKLERS = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "jsonpickle",
}
CALLS = {"eval", "exec", "compile", "__import__"}


def _sources() -> Iterator[tuple[Path, str]]:
    for folder in ("src", "examples", "bench"):
        for path in (ROOT / folder).rglob("*.py"):
            yield path, path.read_text()
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for n, block in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)):
            yield path.with_name(f"{path.name}:{n}"), block


def test_nothing_unpickles_or_executes_what_it_is_given() -> None:
    for path, text in _sources():
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue  # a piece of a script, in the documentation
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name.partition(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or "").partition(".")[0]]
            assert not UNPICKLERS & set(names), f"{path} imports {names}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in CALLS, f"{path}:{node.lineno} calls {node.func.id}"


def test_every_torch_load_takes_weights_only_and_every_numpy_load_no_pickles() -> None:
    found = 0
    for path, text in _sources():
        for call in re.finditer(r"\b(?:torch|np|numpy)\.load\(", text):
            end, depth = call.end(), 1
            while depth and end < len(text):
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            said = text[call.start() : end]
            found += 1
            assert "weights_only=True" in said or said.startswith(("np", "numpy")), f"{path}: {said}"
            assert "allow_pickle=True" not in said and "weights_only=False" not in said, f"{path}: {said}"
    assert found >= 2
