"""TLS: certificates of one's own and of others, the pin in the URL, and the key that goes to nobody else."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import pbt
from pbt.client.connection import Connector, split
from pbt.client.remote import Remote
from pbt.server.running import SHUTDOWN_GRACE
from pbt.server.tls import Certificate, certificate_for
from pbt.settings import wanted
from tests.support.population import SPACE
from tests.support.scripts import PBT, TURNS, environment, pbt_run, start, status, write
from tests.support.services import Proxy

pytest.importorskip("cryptography", reason="the package cryptography is not installed")


def serve(folder: Path, *more: str, **env: str) -> tuple[subprocess.Popen[str], str, list[str]]:
    process = subprocess.Popen(
        [*PBT, "serve", str(folder), "--port", "0", *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment(PYTHONUNBUFFERED=1, **env),
    )  # fmt: skip
    assert process.stdout is not None
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if "PBT_URL=" in line:
            return process, line.split("PBT_URL=")[1].strip(), seen
    raise AssertionError("".join(seen))


def end(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=20)
    return said


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("tls") / "s"
    process, url, _ = serve(folder, "--tls")
    yield folder, url.replace("/NAME", "/digits")
    end(process)


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Somebody else's TLS server: its address, and everything that it was told inside."""
    own = certificate_for(tmp_path, None, None, own=True)
    assert own is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.file)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.2)
    heard: list[bytes] = []
    over = threading.Event()

    def listen() -> None:
        while not over.is_set():
            try:
                plain, _ = listening.accept()
            except TimeoutError:
                continue
            try:
                plain.settimeout(1)
                with context.wrap_socket(plain, server_side=True) as inside:
                    heard.append(inside.recv(10_000))
            except OSError:
                plain.close()

    thread = threading.Thread(target=listen)
    thread.start()
    yield f"https://127.0.0.1:{listening.getsockname()[1]}/digits", heard
    over.set()
    thread.join()
    listening.close()


@pytest.mark.slow
def test_workers_train_over_tls_with_the_url_that_was_printed(running: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = running
    script = write(tmp_path, TURNS)
    workers = [start(script, url) for _ in range(2)]
    for worker in workers:
        output, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0, output
    assert status(url, tmp_path)["state"] == "finished"
    assert stat.S_IMODE((folder / "tls.pem").stat().st_mode) == 0o600


def test_a_held_question_and_signs_of_life_travel_over_tls(
    running: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbt.client.remote.BEAT_EVERY", 0.05)
    folder, url = running
    key = (folder / "key").read_text().strip()
    remotes = [Remote(url.replace("/digits", "/held"), key) for _ in range(2)]
    remotes[0].create(wanted(space=SPACE, members=2, steps=5, interval=1, maximize=True, synchronous=True))
    answers = [remote.join(f"n{i}") for i, remote in enumerate(remotes)]
    from tests.support.population import Script

    script = Script.__new__(Script)
    script.answers = {answer.member: answer for answer in answers if answer.member is not None}
    ids = [answer.member for answer in answers]
    assert None not in ids
    found: list[pbt.population.member.MemberState] = []  # type: ignore[name-defined]
    first = threading.Thread(target=lambda: found.extend(remotes[0].report(script.draft(ids[0], 1.0))))  # type: ignore[arg-type]
    first.start()
    time.sleep(0.3)
    assert first.is_alive() and not found, "held: the round lacks the other one"
    remotes[1].report(script.draft(ids[1], 2.0))  # type: ignore[arg-type]
    first.join(10)
    assert found and not found[0].wait
    for id, remote in zip(ids, remotes, strict=True):
        remote.let_go(id)  # type: ignore[arg-type]
        remote.close()


def test_without_the_pin_nobody_vouches_and_with_the_file_somebody_does(
    running: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = running
    key = (folder / "key").read_text().strip()
    plain = url.partition("#")[0]
    with pytest.raises(pbt.Untrusted, match=r"not trusted.*#sha256=.*PBT_CA"):
        Remote(plain, key).open()
    monkeypatch.setenv("PBT_CA", str(folder / "tls.pem"))
    with_file = Remote(plain, key)
    assert with_file.open().id
    with_file.close()
    monkeypatch.setenv("PBT_CA", str(folder / "none"))
    with pytest.raises(pbt.SettingsError, match="PBT_CA"):
        Remote(plain, key).open()


def test_the_key_is_given_to_nobody_but_whom_the_pin_names(
    impostor: tuple[str, list[bytes]], running: tuple[Path, str]
) -> None:
    url, heard = impostor
    pin = running[1].partition("#")[2]
    with pytest.raises(pbt.Untrusted, match="another certificate"):
        Remote(f"{url}#{pin}", "the key that nobody may hear").open()
    with pytest.raises(pbt.Untrusted, match="not trusted"):
        Remote(url, "the key that nobody may hear").open()
    time.sleep(0.3)
    assert b"".join(heard) == b""


def test_a_worker_that_has_met_its_server_waits_for_it_and_does_not_fall_for_another(
    impostor: tuple[str, list[bytes]], running: tuple[Path, str]
) -> None:
    """The impostor is at the address of its server since."""
    folder, url = running
    away, heard = impostor
    proxy = Proxy(port_of(url))
    remote = Remote(url.replace(str(port_of(url)), str(proxy.port)), (folder / "key").read_text().strip(), patience=0.3)
    remote.open()
    remote.close()
    proxy.target = port_of(away)
    began = time.monotonic()
    with pytest.raises(pbt.Untrusted):
        remote.open()
    assert time.monotonic() - began > 0.1  # it gives up before a pause that would end after its patience
    assert b"".join(heard) == b""
    proxy.close()


def port_of(url: str) -> int:
    found = urlsplit(url).port
    assert found is not None
    return found


@pytest.mark.slow
def test_the_pin_stays_the_same_over_restarts_and_the_old_client_understands_it(tmp_path: Path) -> None:
    space = tmp_path / "space.csv"
    space.write_text("name,min,max,scale\nlr,0.0001,0.1,log\n")
    pins = []
    client = "import sys, pbt; pbt.PBTClient(sys.argv[1], 0, 'the key of this test', sys.argv[2]).save('w', 1.0)"
    for _ in range(2):
        process, url, _ = serve(tmp_path / "s", "--tls", "--maximize", PBT_KEY="the key of this test")
        where = url.replace("/NAME", "/old")
        subprocess.run([sys.executable, "-c", client, where, space], env=environment(), check=True)
        pins.append(url.partition("#")[2])
        end(process)
    assert pins[0] == pins[1]
    text = (tmp_path / "s" / "tls.pem").read_text()
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE") :])
    assert pins[0] == "sha256=" + hashlib.sha256(der).hexdigest()


@pytest.mark.slow
def test_ones_own_certificate_in_one_file_or_in_two(tmp_path: Path) -> None:
    made = certificate_for(tmp_path, None, None, own=True)
    assert made is not None
    text = made.file.read_text()
    cut = text.index("-----BEGIN CERTIFICATE")
    (tmp_path / "k.pem").write_text(text[:cut])
    (tmp_path / "c.pem").write_text(text[cut:])
    two = certificate_for(tmp_path, tmp_path / "c.pem", tmp_path / "k.pem", own=False)
    assert two is not None and two.fingerprint == made.fingerprint
    process, url, _ = serve(
        tmp_path / "s", "--cert", str(two.file), "--key", str(two.key), PBT_KEY="the key of this test"
    )
    try:
        assert url.startswith("https://") and "#" not in url
        shown = pbt_run(
            ["journal", url.replace("/NAME", "/x")], tmp_path, PBT_KEY="the key of this test", PBT_CA=two.file
        )
        assert "no population 'x'" in shown.stderr
    finally:
        end(process)
    for cert, key in [("k.pem", "k.pem"), ("c.pem", None), ("none", None), ("c.pem", "c.pem")]:
        with pytest.raises(pbt.SettingsError, match="no certificate with its private key"):
            certificate_for(tmp_path, tmp_path / cert, None if key is None else tmp_path / key, own=False)
    with pytest.raises(pbt.SettingsError, match="one of the two"):
        certificate_for(tmp_path, tmp_path / "c.pem", None, own=True)
    with pytest.raises(pbt.SettingsError, match="--key-file"):
        certificate_for(tmp_path, None, tmp_path / "k.pem", own=False)
    assert certificate_for(tmp_path, None, None, own=False) is None


def test_a_locked_private_key_is_refused_and_asks_nobody(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    made = certificate_for(tmp_path, None, None, own=True)
    assert made is not None
    key = serialization.load_pem_private_key(made.file.read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    )
    (tmp_path / "locked.pem").write_bytes(locked)
    with pytest.raises(pbt.SettingsError, match="passphrase"):
        certificate_for(tmp_path, made.file.with_name("tls.pem"), tmp_path / "locked.pem", own=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftp://host/x", "give a URL"), ("https://host/x?key=secret", "give a URL"), ("http:///x", "give a URL"),
        ("http://user:secret@host/x", "carries no key"), ("https://secret@host:7/x", "carries no key"),
        ("https://host/x#sha256=12", "only the pin"), ("http://host/x#sha256=" + "0" * 64, "only the pin"),
        ("https://host/x#secret", "only the pin"), ("http://[::1/x", "no URL"),
    ],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_without_repeating_a_secret(url: str, says: str) -> None:
    with pytest.raises(pbt.SettingsError, match=says) as refused:
        Connector(split(url))
    assert "secret" not in str(refused.value)


@pytest.mark.slow
def test_clear_and_tls_do_not_meet_and_say_why(
    running: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbt.client.remote.FIRST_TIMEOUT", 0.2)
    with pytest.raises(pbt.Unreachable, match="https://"):
        Remote(running[1].partition("#")[0].replace("https", "http"), "k").open()
    process, url, _ = serve(tmp_path / "s")
    with pytest.raises(pbt.Untrusted, match="is it http://"):
        Remote(url.replace("http", "https"), "k").open()
    end(process)


def test_the_fingerprint_is_that_of_the_first_certificate_in_the_file(tmp_path: Path) -> None:
    made = certificate_for(tmp_path, None, None, own=True)
    assert made is not None
    chain = tmp_path / "chain.pem"
    chain.write_text(
        made.file.read_text()
        + made.file.read_text()[:0]
        + "\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    )
    assert Certificate(chain).fingerprint == made.fingerprint
    assert os.access(made.file, os.R_OK)


@pytest.mark.slow
def test_an_idle_client_does_not_hold_up_the_end_of_the_server(tmp_path: Path) -> None:
    """TLS ends when both sides have said so, which a client between two requests does not."""
    process, url, _ = serve(tmp_path / "s", "--tls")
    remote = Remote(url.replace("/NAME", "/idle"), (tmp_path / "s" / "key").read_text().strip())
    remote.create(wanted(space=SPACE, members=2, steps=5, maximize=True))
    began = time.monotonic()
    end(process)
    assert time.monotonic() - began < SHUTDOWN_GRACE - 1
    remote.close()
