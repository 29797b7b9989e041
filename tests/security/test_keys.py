"""Two keys: what each opens, and that neither is ever told."""

from __future__ import annotations

import logging
import stat
import sys
from pathlib import Path

import pytest

import pbt
import pbt.server.timeouts
from pbt.client.remote import Remote
from pbt.server.keys import Access, Key, key_for
from pbt.settings import wanted
from tests.security import READ
from tests.support.population import SPACE
from tests.support.requests import at, request
from tests.support.scripts import environment, pbt_run, write
from tests.support.worlds import KEY, ServerWorld


@pytest.mark.parametrize("path", ["/", "/digits/journal", "/digits/journal?after=1", "/api/v1/openapi.json"])
def test_the_key_that_only_reads_reads(reading: ServerWorld, path: str) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", reading.port, timeout=10)
    for method in ("GET", "HEAD"):
        connection.request(method, at(path), headers={"Authorization": f"Bearer {READ}"})
        response = connection.getresponse()
        response.read()
        assert response.status == 200
    connection.close()


@pytest.mark.slow_but_first
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


@pytest.mark.slow
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


@pytest.mark.slow
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
        said += repr(remote) + repr(vars(remote)["_connector"]) + caplog.text
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
