"""The server's door for checkpoints: names that lead elsewhere, bytes that were not announced, who may write."""

from __future__ import annotations

import errno
import http.client
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt.checkpoints.cache import Cache
from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.ids import checked, inside, parsed
from pbt.checkpoints.upload import UploadStore
from pbt.errors import CheckpointError, Damaged
from pbt.population.entries import Checkpoint
from pbt.server.receiving import Piece
from tests.support.population import Script
from tests.support.requests import at
from tests.support.worlds import KEY, ServerWorld

TOKEN = "0123456789abcdef"
BYTES = "application/octet-stream"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServerWorld]:
    made = ServerWorld(tmp_path)
    Script(made).join(0)
    yield made
    made.close()


def ask(
    world: ServerWorld, method: str, path: str, body: bytes = b"", type: str = BYTES, **headers: str
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=10)
    sent = {"Content-Type": type, "Authorization": f"Bearer {KEY}", **headers}
    try:
        connection.request(method, at(path), body, sent)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    return response.status, json.loads(answer) if response.headers["Content-Type"] == "application/json" else answer


def put(
    world: ServerWorld, name: str, body: bytes = b"x", id: str = "0/1-1", offset: int = 0, size: int = 1, **more: str
) -> tuple[int, Any]:
    token = more.pop("token", TOKEN)
    path = f"/digits/checkpoints/{id}/{quote(name)}?upload={token}&offset={offset}&size={size}"
    return ask(world, "PUT", path, body, **more)


def post(world: ServerWorld, verb: str, **body: Any) -> tuple[int, Any]:
    return ask(world, "POST", f"/digits/{verb}", json.dumps(body).encode(), "application/json")


def everything(world: ServerWorld, tmp_path: Path) -> set[str]:
    """Files below the test's folder that are no checkpoints, journals or locks of the population."""
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    return {name for name in found if not name.startswith("served/digits/checkpoints/0/.1-u")}


HOSTILE = [
    "..", "../x", "a/../../x", "a/../../../x", "/etc/passwd", "//x", "a//b", ".", "./x", "a/.", "a/..", "x\0y", "x\0",
    "", "a/", "/", "x" * 256, "a/" * 600 + "x", "..%2f..%2fx", "%2e%2e/x/../../..", "../../population.json",
]  # fmt: skip


@pytest.mark.slow_but_first
@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_lead_elsewhere_write_and_read_nothing(served: ServerWorld, tmp_path: Path, name: str) -> None:
    before = everything(served, tmp_path)
    status, _ = put(served, name)
    assert status in (404, 405, 422) or name == "..%2f..%2fx"
    status, _ = ask(served, "GET", f"/digits/checkpoints/0/1-1/{quote(name)}")
    assert status in (404, 422)
    assert everything(served, tmp_path) == before


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    "id", ["../1-1", "0/..", "0/.1-s1", "x/1-1", "0/1", "0/1-1x", "00/1-1", "%2e%2e/1-1", "٣/1-1", "-1/1-1", "0/1-01"]
)
def test_ids_that_are_none_write_and_read_nothing(served: ServerWorld, tmp_path: Path, id: str) -> None:
    before = everything(served, tmp_path)
    for method in ("PUT", "GET"):
        path = f"/digits/checkpoints/{quote(id, safe='/%')}/state?upload={TOKEN}&offset=0&size=1"
        assert ask(served, method, path, b"x" if method == "PUT" else b"")[0] in (404, 422)
    for verb in ("drop", "publish"):
        assert post(served, verb, id=id, upload=TOKEN, sha256="0" * 64)[0] == 422
    assert everything(served, tmp_path) == before


@given(name=st.text(st.characters(), max_size=40) | st.text(st.sampled_from("./\\a\0 "), max_size=12))
def test_no_name_leaves_its_folder(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "folder"
    folder.mkdir(exist_ok=True)
    try:
        path = inside(folder, name)
    except CheckpointError:
        return
    assert path != folder.resolve()
    assert path.is_relative_to(folder.resolve())
    assert path.relative_to(folder.resolve()).as_posix() == checked(name)


@given(id=st.text(max_size=12) | st.text(st.sampled_from("0123/-.\n٣"), max_size=9))
def test_no_id_leads_elsewhere(id: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.getbasetemp()
    try:
        path = FolderStore(root).path(id)
    except CheckpointError:
        return
    assert path.parent.parent == root / "checkpoints"
    assert f"{path.parent.name}/{path.name}" == id
    assert "{}/{}-{}".format(*parsed(id)) == id


def test_links_are_followed_inside_a_checkpoint_alone(served: ServerWorld, tmp_path: Path) -> None:
    store = FolderStore(served.folder / "digits")
    (tmp_path / "secret").write_text("secret")
    staging = store.staging(0, 1)
    (staging / "step-1").write_text("weights")
    folder = store.publish(staging, Checkpoint("0/1-1", 0, 1, 0.5, {}), None)
    folder.chmod(0o755)  # as former versions published it
    (folder / "latest").symlink_to("step-1")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "folder").symlink_to(tmp_path)
    assert ask(served, "GET", "/digits/checkpoints/0/1-1/latest") == (200, b"weights")
    for name in ("out", "folder/secret"):
        status, said = ask(served, "GET", f"/digits/checkpoints/0/1-1/{name}")
        assert status == 422
        assert "leads out" in said["error"]


def test_links_in_the_way_of_an_upload_are_not_followed(served: ServerWorld, tmp_path: Path) -> None:
    assert put(served, "first") == (200, {"size": 1})
    (folder,) = (served.folder / "digits" / "checkpoints" / "0").glob(".1-u*")
    (tmp_path / "victim").write_text("safe")
    (folder / "link").symlink_to(tmp_path / "victim")
    (folder / "deep").symlink_to(tmp_path)
    assert put(served, "link")[0] == 422
    assert put(served, "deep/victim")[0] == 422
    assert (tmp_path / "victim").read_text() == "safe"


def test_only_bytes_are_put_and_only_json_is_posted(served: ServerWorld) -> None:
    assert put(served, "state", type="application/json")[0] == 415
    assert put(served, "state", type="text/plain")[0] == 415
    assert ask(served, "POST", "/digits/publish", b"{}", BYTES)[0] == 415
    assert ask(served, "PUT", "/digits/report", b"[]")[0] in (404, 405)
    assert post(served, "publish", id="0/1-1", upload="x" * 2_000_000, sha256="")[0] == 413


@pytest.mark.parametrize(
    "headers", [{"Authorization": ""}, {"Host": "evil.example"}, {"Origin": "http://evil.example"}]
)
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_the_gate_holds_for_checkpoints_too(served: ServerWorld, method: str, headers: dict[str, str]) -> None:
    path = f"/digits/checkpoints/0/1-1/state?upload={TOKEN}&offset=0&size=1"
    assert ask(served, method, path, b"x" if method == "PUT" else b"", **headers)[0] in (401, 403)
    assert not (served.folder / "digits" / "checkpoints").exists()


def test_bytes_come_in_order_and_no_more_than_announced(served: ServerWorld) -> None:
    assert put(served, "state", b"abc", size=6) == (200, {"size": 3})
    assert put(served, "state", b"xyz", offset=4, size=7)[0] == 409
    assert put(served, "state", b"abc", offset=0, size=6)[0] == 409
    assert put(served, "state", b"defg", offset=3, size=6)[0] == 413
    assert put(served, "state", b"def", offset=3, size=6) == (200, {"size": 6})
    assert put(served, "other", b"", size=0) == (200, {"size": 0})
    assert put(served, "huge", b"x", size=1 << 50)[0] == 413
    for query in ("offset=-1&size=1", "offset=0", "offset=0&size=1e9", "offset=٣&size=9"):
        path = f"/digits/checkpoints/0/1-1/odd?upload={TOKEN}&{quote(query, safe='=&')}"
        assert ask(served, "PUT", path, b"x")[0] == 422
    assert put(served, "state", token="../../x")[0] == 422


def test_a_limit_of_the_administrators(tmp_path: Path) -> None:
    world = ServerWorld(tmp_path)
    Script(world).join(0)
    world.app.uploads.file_limit = 100
    status, said = put(world, "state", b"x" * 101, size=101)
    assert status == 413
    assert "at most" in said["error"]
    assert put(world, "state", b"x" * 100, size=100)[0] == 200
    world.close()


def test_what_was_not_sent_as_the_manifest_says_is_not_published(served: ServerWorld) -> None:
    import hashlib

    import msgspec

    from pbt.checkpoints.store import Manifest

    good = hashlib.sha256(b"x").hexdigest()
    tokens = map("{:016x}".format, itertools.count())

    def commit(state: bytes = b"x", id: str = "0/1-1", more: bool = False, **change: Any) -> tuple[int, Any]:
        """A new upload of the file `state`, perhaps of one `more`, and of a manifest."""
        token = next(tokens)
        manifest = Manifest(Checkpoint(id, 0, 1, 0.5, {}), None, {"state": 1}, sha256={"state": good})
        body = msgspec.json.encode(msgspec.structs.replace(manifest, **change))
        sent = {"state": state, "pbt.json": body} | ({"more": b"x"} if more else {})
        for name, content in sent.items():
            assert put(served, name, content, size=len(content), token=token)[0] == 200
        return post(served, "publish", id="0/1-1", upload=token, sha256=hashlib.sha256(body).hexdigest())

    assert commit(b"y")[1]["code"] == Damaged.code
    assert commit(files={"state": 2})[1]["code"] == Damaged.code
    assert "does not name" in commit(more=True)[1]["error"]
    assert commit(id="0/1-2")[0] == 422
    assert commit(files={"../state": 1}, sha256={"../state": good})[0] == 422
    assert not (served.folder / "digits" / "checkpoints" / "0" / "1-1").exists()
    assert commit() == (200, {})
    sha = hashlib.sha256((FolderStore(served.folder / "digits").fetch("0/1-1") / "pbt.json").read_bytes()).hexdigest()
    assert post(served, "publish", id="0/1-1", upload=TOKEN, sha256=sha) == (200, {}), "told twice is told once"
    assert post(served, "publish", id="0/1-1", upload=TOKEN, sha256="0" * 64)[1]["code"] == Damaged.code
    assert post(served, "publish", id="0/1-1", upload=TOKEN, sha256=sha) == (200, {}), "and what is there stays"
    assert FolderStore(served.folder / "digits").fetch("0/1-1").is_dir()
    assert not list((served.folder / "digits" / "checkpoints" / "0").glob(".*"))
    assert ask(served, "GET", "/digits/checkpoints/0/1-1/state") == (200, b"x")


def test_parts_of_a_file(served: ServerWorld) -> None:
    store = FolderStore(served.folder / "digits")
    staging = store.staging(0, 1)
    (staging / "state").write_bytes(b"0123456789")
    store.publish(staging, Checkpoint("0/1-1", 0, 1, 0.5, {}), None)
    path = "/digits/checkpoints/0/1-1/state"
    assert ask(served, "GET", path) == (200, b"0123456789")
    assert ask(served, "GET", path, Range="bytes=2-4") == (206, b"234")
    for odd in ("bytes=4-2", "bytes=-3", "bytes=5-", "bytes=0-1,3-4", "rows=0-1", "bytes=0-10", "bytes=99-100"):
        assert ask(served, "GET", path, Range=odd)[0] == 422
    assert ask(served, "GET", "/digits/checkpoints/0/1-1/nothing")[0] == 422
    assert ask(served, "GET", "/nobody/checkpoints/0/1-1/state")[0] == 404
    assert ask(served, "DELETE", path)[0] == 405


@pytest.mark.slow
def test_a_server_started_anew_knows_who_holds_a_member(served: ServerWorld, tmp_path: Path) -> None:
    """The first that it hears may be the rest of an upload, or what is to be deleted after a report."""
    assert put(served, "state", b"x", size=2) == (200, {"size": 1})
    requests = [
        lambda new: put(new, "state", b"y", offset=1, size=2),
        lambda new: ask(new, "GET", f"/digits/checkpoints/0/1-1/state?upload={TOKEN}"),
        lambda new: post(new, "collect", member=0, lease=1, seq=0, keep=[]),
    ]
    served.close()
    for request in requests:
        new = ServerWorld(tmp_path)
        try:
            assert request(new) in [(200, {"size": 2}), (200, {})]
            assert put(new, "state", id="0/2-1")[0] == 410
        finally:
            new.close()


def test_asking_how_much_has_arrived_changes_nothing(served: ServerWorld) -> None:
    """The key that only reads is enough to ask."""
    put(served, "state", b"x", size=2)
    arriving = served.app.uploads.arriving
    before = dict(arriving)
    path = "/digits/checkpoints/0/1-1"
    assert ask(served, "GET", f"{path}/state?upload={TOKEN}") == (200, {"size": 1})
    assert ask(served, "GET", f"{path}/other?upload={TOKEN}") == (200, {"size": -1})
    assert ask(served, "GET", f"{path}/state?upload={TOKEN[::-1]}") == (200, {"size": -1})
    assert arriving == before
    assert put(served, "state", b"y", offset=1, size=2) == (200, {"size": 2})


def test_a_full_disk_of_the_server_is_waited_for(
    served: ServerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of the worker's own machine is, and one that the journal lies on."""
    monkeypatch.setenv("PBT_CACHE", str(tmp_path / "cache"))
    full, append = [True, True, False], Piece.append

    def append_if_there_is_room(piece: Piece, block: bytes, offset: int) -> None:
        if full and full.pop(0):
            raise OSError(errno.ENOSPC, "No space left on device")
        append(piece, block, offset)

    monkeypatch.setattr(Piece, "append", append_if_there_is_room)
    store = UploadStore(served.coordinator(), Cache("id"))
    staging = store.staging(0, 1)
    (staging / "state").write_bytes(b"0123456789")
    store.publish(staging, Checkpoint("0/1-1", 0, 1, 0.5, {}), None)
    assert not full
    assert (FolderStore(served.folder / "digits").fetch("0/1-1") / "state").read_bytes() == b"0123456789"


def test_a_checkpoint_that_has_arrived_is_not_sent_again_for_want_of_room_here(
    served: ServerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBT_CACHE", str(tmp_path / "cache"))
    store = UploadStore(served.coordinator(), Cache("id"))
    staging = store.staging(0, 1)
    (staging / "state").write_bytes(b"0123456789")

    def keep(cache: Cache, staging: Path, id: str) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Cache, "keep", keep)
        store.publish(staging, Checkpoint("0/1-1", 0, 1, 0.5, {}), None)
    assert not staging.exists()
    assert (store.fetch("0/1-1") / "state").read_bytes() == b"0123456789"
