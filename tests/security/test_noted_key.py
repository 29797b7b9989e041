"""The note of a server's key: found by this user's own clients on this machine, and sent to no other server."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pbt
from pbt.client.remote import Remote
from pbt.wire.noted import note_key, note_path, noted_key, own_peer
from tests.support.requests import serve
from tests.support.users import NOBODY, needs_root

PORT = 7777


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "pbt"


@pytest.fixture
def noted() -> Iterator[Path]:
    forget = note_key("secret", "127.0.0.1", PORT)
    yield note_path("127.0.0.1", PORT)
    forget()


def test_a_servers_key_is_found_while_it_listens_and_its_note_goes_with_it(tmp_path: Path, state: Path) -> None:
    process, url = serve(tmp_path / "s")
    (note,) = state.iterdir()
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert not Remote(f"{url}/x").open().exists
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert list(state.iterdir()) == []


def test_whoever_takes_over_the_port_of_a_killed_server_is_sent_no_key(tmp_path: Path, state: Path) -> None:
    process, url = serve(tmp_path / "s")
    remote = Remote(f"{url}/x")
    process.kill()
    process.wait()
    (note,) = state.iterdir()
    key = note.read_bytes().strip()
    assert len(key) == 64
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", int(url.rpartition(":")[2]))) as listening:
        threading.Thread(target=_stranger, args=(listening, received, note), daemon=True).start()
        with pytest.raises(pbt.Forbidden):
            remote.open()
    assert received
    assert not any(key in request for request in received)


def _stranger(listening: socket.socket, received: list[bytes], file: Path) -> None:
    """A server of somebody else, which asks for the key and names its file."""
    body = json.dumps({"code": "forbidden", "error": "no key", "key_file": str(file)}).encode()
    while listening.fileno() >= 0:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection:
            received.append(connection.recv(65536))
            connection.sendall(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


def test_a_key_belongs_to_one_address_and_port(noted: Path) -> None:
    assert noted_key("127.0.0.1", PORT) == "secret"
    assert noted_key("127.0.0.2", PORT) is None
    assert noted_key("127.0.0.1", PORT + 1) is None
    assert noted_key("::1", PORT) is None


def test_a_server_on_all_addresses_is_found_at_each_of_its_family() -> None:
    forget = note_key("secret", "0.0.0.0", PORT)
    assert noted_key("127.0.0.1", PORT) == noted_key("10.1.2.3", PORT) == "secret"
    assert noted_key("::1", PORT) is None, "somebody else may listen there"
    forget()
    assert noted_key("127.0.0.1", PORT) is None


def test_a_peer_on_another_machine_is_not_our_own() -> None:
    class Channel:
        def __init__(self, own: str, peer: str) -> None:
            self.getsockname = lambda: (own, 5)
            self.getpeername = lambda: (peer, PORT)

    ends = [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "127.0.0.2"), ("10.0.0.3", "10.0.0.3"), ("::1", "::1")]
    assert [own_peer(Channel(*both)) for both in ends] == [peer for _, peer in ends]  # type: ignore[arg-type]
    assert own_peer(Channel("10.0.0.3", "10.0.0.9")) is None  # type: ignore[arg-type]


def _replaced_by_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def _replaced_by_a_link(path: Path) -> None:
    target = path.rename(path.with_name("elsewhere"))
    path.symlink_to(target)


TRAPS: dict[str, Callable[[Path], object]] = {
    "others may read it": lambda path: path.chmod(0o644),
    "a pipe": _replaced_by_a_pipe,
    "a link": _replaced_by_a_link,
    "large": lambda path: path.write_text("x" * 10_000),
    "empty": lambda path: path.write_text(""),
    "no text": lambda path: path.write_bytes(b"\xff\xfe"),
    "gone": os.unlink,
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_note_that_is_a_trap_is_not_read(noted: Path, trap: str) -> None:
    TRAPS[trap](noted)
    assert noted_key("127.0.0.1", PORT) is None


@needs_root
def test_another_users_note_is_not_read(noted: Path) -> None:
    os.chown(noted, NOBODY, NOBODY)
    assert noted_key("127.0.0.1", PORT) is None


def test_a_key_that_can_not_be_noted_ends_no_server(
    state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    state.parent.write_text("no folder")
    note_key("secret", "127.0.0.1", PORT)()
    assert "export it there too" in caplog.text
    assert "secret" not in caplog.text
