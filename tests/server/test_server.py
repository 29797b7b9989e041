"""The server's door: keys, hosts, origins, types and sizes; names that lead nowhere; an orderly end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from msgspec.structs import replace

import pbt
from pbt.checkpoints.folder import FolderStore
from pbt.client.remote import Remote
from pbt.opening import folder as folders
from pbt.opening.opening import open_population
from pbt.server.backends import FolderBackend
from pbt.server.keys import Key, key_for
from pbt.settings import Wanted, wanted
from tests.support.population import SPACE, Script
from tests.support.requests import at, request, serve
from tests.support.scripts import PBT, TURNS, environment, start, status, write
from tests.support.worlds import KEY, ServerWorld


def test_the_right_key_opens(served: ServerWorld) -> None:
    assert request(served)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "localhost.evil.example"])
def test_an_unexpected_host_is_refused(served: ServerWorld, host: str) -> None:
    assert request(served, Host=host)[0] == 403


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:7777", "10.0.0.3"])
def test_addresses_and_own_names_are_expected(served: ServerWorld, host: str) -> None:
    assert request(served, Host=host)[0] == 200


def test_a_foreign_origin_is_refused(served: ServerWorld) -> None:
    assert request(served, Origin="http://evil.example")[0] == 403
    assert request(served, Origin="null")[0] == 403
    assert request(served, Origin=f"http://127.0.0.1:{served.port}")[0] == 200


def test_only_json_is_read(served: ServerWorld) -> None:
    assert request(served, Content_Type="text/plain")[0] == 415
    assert request(served, Content_Type=None)[0] == 415
    assert request(served, Content_Type="application/json; charset=utf-8")[0] == 200


def test_large_requests_are_refused(served: ServerWorld) -> None:
    code, said = request(served, body=b'{"x": "' + b"y" * 2_000_000 + b'"}')
    assert code == 413
    assert "too large" in said["error"]


def test_a_large_request_in_chunks_is_refused_while_it_comes(served: ServerWorld) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    chunks = (b"x" * 100_000 for _ in range(30))
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}", "Transfer-Encoding": "chunked"}
    try:
        connection.request("POST", at("/digits/open"), chunks, headers, encode_chunked=True)
        assert connection.getresponse().status == 413
    except ConnectionError:
        pass  # refused before all of it was sent


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/digits/report", b"rubbish"),
        ("/digits/report", b"[]"),
        ("/digits/report", b'[{"member": "x"}]'),
        ("/digits/report", b'[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":NaN}]'),
        ("/digits/report", b'[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":"good"}]'),
        ("/digits/join", b'{"settings": {"members": -1}}'),
        (
            "/digits/join",
            b'{"nonce": "n", "settings": {"space": {"domains": {"lr": {"kind": "float", "min": 2, "max": 1}}}}}',
        ),
        ("/digits/tell", b'{"event": {"kind": "created"}}'),
        ("/digits/stand", b"{}"),
        ("/digits/create", b'{"steps": 0, "maximize": true}'),
    ],
)
def test_rubbish_is_answered_with_what_is_wrong(served: ServerWorld, path: str, body: bytes) -> None:
    request(served)
    code, said = request(served, path=path, body=body)
    assert code == 422, said
    assert len(said["error"]) > 10


@pytest.mark.slow_but_first
@pytest.mark.parametrize("name", ["..", ".hidden", "a%2Fb", "%2e%2e", "a%20b", "x" * 65, "-x", "%00", "key%00"])
def test_no_name_leaves_the_servers_folder(served: ServerWorld, name: str) -> None:
    code, said = request(served, path=f"/{name}/open")
    assert code in (404, 422), said
    assert [p.name for p in served.folder.iterdir()] == []


@pytest.mark.slow
def test_a_client_that_gives_up_after_a_time_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pbt.client.remote.FIRST_TIMEOUT", 2.0)
    with pytest.raises(pbt.Unreachable, match="no pbt server answers"):
        Remote("http://127.0.0.1:1/x", "k").open()
    assert "trying again for 2 s in all" in caplog.text


@pytest.mark.parametrize("verb", ["report", "tell", "stand", "finish", "beat"])
def test_a_misspelt_name_makes_no_folder(served: ServerWorld, verb: str) -> None:
    assert request(served, path=f"/typo/{verb}")[0] == 404
    assert list(served.folder.iterdir()) == []


@pytest.mark.parametrize("path", ["/", "/digits", "/digits/open/more", "/digits/unknown", "//open"])
def test_unknown_addresses(served: ServerWorld, path: str) -> None:
    assert request(served, path=path)[0] in (404, 405, 422)


def test_populations_live_side_by_side(served: ServerWorld) -> None:
    for name, members in (("one", 2), ("two", 3)):
        remote = Remote(f"http://127.0.0.1:{served.port}/{name}", KEY)
        remote.create(wanted(space=SPACE, members=members, maximize=True))
        assert len(list(remote.read(0))) == 1
    remote = Remote(f"http://127.0.0.1:{served.port}", KEY)
    remote.create(wanted(space=SPACE, members=1, maximize=True))
    assert served.populations.names() == ["default", "one", "two"]
    assert request(served, "GET", "/") == (200, ["default", "one", "two"])
    assert request(served, "GET", "/three/journal")[0] == 404


def test_a_second_server_on_the_same_folder_is_refused(served: ServerWorld) -> None:

    request(served)
    with pytest.raises(pbt.SettingsError, match="another server serves"):
        FolderBackend(served.folder).open("digits")


def test_a_folder_joiner_and_a_server_share_one_population(served: ServerWorld) -> None:
    remote = Remote(served.url, KEY)
    remote.create(wanted(space=SPACE, members=2, maximize=True, steps=5))
    here = pbt.join(served.folder / "digits")
    far = remote.join("n")
    assert {here.id, far.member} == {0, 1}
    with pytest.raises(pbt.NobodyFree):
        pbt.join(served.folder / "digits", wait=False)
    here.report(1.0, step=1, save=lambda f: (f / "x").write_text("x"))
    assert remote.stand(here.id, 1).step == 1
    here.close()


def test_where_the_key_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = key_for(tmp_path, "127.0.0.1", None, no_key=False)
    text = (tmp_path / "key").read_text().strip()
    assert len(bytes.fromhex(text)) == 32
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert made.fits(b"Bearer " + text.encode())
    assert key_for(tmp_path, "127.0.0.1", None, no_key=False).fits(b"Bearer " + text.encode())
    (tmp_path / "mine").write_text("short\n")
    assert key_for(tmp_path, "127.0.0.1", tmp_path / "mine", no_key=False).fits(b"Bearer short")
    with pytest.raises(pbt.SettingsError, match="at least 16"):
        key_for(tmp_path, "0.0.0.0", tmp_path / "mine", no_key=False)
    monkeypatch.setenv("PBT_KEY", "from the environment")
    assert key_for(tmp_path, "0.0.0.0", None, no_key=False).fits(b"Bearer from the environment")
    assert key_for(tmp_path, "localhost", None, no_key=True).open
    with pytest.raises(pbt.SettingsError, match="every user of the network"):
        key_for(tmp_path, "0.0.0.0", None, no_key=True)
    monkeypatch.delenv("PBT_KEY")
    with pytest.raises(pbt.SettingsError, match="No such file"):
        key_for(tmp_path, "localhost", tmp_path / "none", no_key=False)
    assert Key(None).fits(None)


@pytest.mark.slow
def test_workers_find_the_key_by_themselves_and_train_through_a_server(tmp_path: Path) -> None:
    process, url = serve(tmp_path / "s")
    script = write(tmp_path, TURNS)
    running = [start(script, f"{url}/mine") for _ in range(4)]
    try:
        for worker in running:
            output, _ = worker.communicate(timeout=60)
            assert worker.returncode == 0, output
        found = status(f"{url}/mine", tmp_path)
        assert found["state"] == "finished"
        on_disk = {f"{p.parent.name}/{p.name}" for p in (tmp_path / "s" / "mine" / "checkpoints").glob("*/*")}
        assert len(on_disk) <= 17
        assert found["best"]["checkpoint"] in on_disk
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_port_in_use_says_so(served: ServerWorld, tmp_path: Path) -> None:
    done = subprocess.run(
        [*PBT, "serve", str(tmp_path / "s"), "--port", str(served.port)],
        capture_output=True, text=True, env=environment(), timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "choose another --port" in done.stderr


def test_no_key_stands_in_a_process_list_or_a_log(tmp_path: Path) -> None:
    process, url = serve(tmp_path / "s")
    try:
        key = (tmp_path / "s" / "key").read_text().strip()
        Remote(f"{url}/x", key).open()
        if Path("/proc").is_dir():
            assert key not in Path(f"/proc/{process.pid}/cmdline").read_text()
    finally:
        process.terminate()
    assert process.stdout is not None
    assert key not in process.stdout.read()
    assert os.environ.get("PBT_KEY") is None
    assert sys.executable


def test_an_answer_cut_in_its_head_is_no_answer() -> None:
    """http.client takes what came for a whole head, and an empty body for the answer."""
    listening = socket.create_server(("127.0.0.1", 0))
    cut = [b"HTTP/1.1 200 OK\r\ncontent-ty", b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{", b"HTTP/1.1 2", b""]
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"

    def serve() -> None:
        for answer in (*cut, whole):
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    remote = Remote(f"http://127.0.0.1:{listening.getsockname()[1]}/p", "key", patience=20.0)
    assert remote.stand(0, 1).member is None
    remote.close()
    listening.close()


def test_a_server_and_a_worker_in_the_folder_share_a_journal_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBT_JOURNAL", "files")
    world = ServerWorld(tmp_path)
    s = Script(world)
    s.round(4, 3, 2)
    here = folders.coordinator(world.folder / "digits")
    assert s.join(None, coordinator=here).member == 3
    s.send(s.draft(3, 1), coordinator=here)
    assert [m.lease.sign for m in s.population.members] == ["server"] * 3 + ["counter"]
    assert s.answers[3].given == 2
    with pytest.raises(pbt.SettingsError, match="another server"):
        FolderBackend(world.folder).open("digits")
    here.let_go(3)
    here.close()
    world.check()
    world.close()


def test_an_unrelated_folder_at_the_servers_path_is_not_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBT_KEY", KEY)
    world = ServerWorld(tmp_path)
    assert isinstance(open_population(world.url).own(), FolderStore)
    opened = world.coordinator().open()
    monkeypatch.setattr(Remote, "open", lambda self: replace(opened, id="another"))
    assert not isinstance(open_population(world.url).own(), FolderStore)
    world.close()


@pytest.mark.parametrize("after", ["²", "9" * 31, "-1", "x"])
def test_a_strange_after_is_refused(tmp_path: Path, after: str) -> None:
    world = ServerWorld(tmp_path)
    coordinator = world.coordinator()
    coordinator.create(wanted(space=SPACE, members=1, maximize=True))
    code, said = request(world, "GET", f"/digits/journal?after={quote(after)}")
    assert code == 422
    assert "number of entries" in said["error"]
    world.close()


def test_a_servers_defaults_are_for_new_populations(tmp_path: Path) -> None:
    world = ServerWorld(tmp_path, Wanted(maximize=True))
    coordinator = world.coordinator()
    coordinator.create(wanted(space=SPACE, members=1, maximize=False))
    assert coordinator.join("n", wanted(space=SPACE)).member == 0
    other = Remote(world.url.replace("digits", "other"), KEY)
    assert other.create(wanted(space=SPACE, members=1)).maximize
    world.close()
