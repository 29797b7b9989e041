"""A server with many populations: reading opens none, what is idle is closed, what does not fit is refused in words."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.coordinator.coordinator import Coordinator
from pbt.liveness.liveness import SameProcess
from pbt.liveness.memory import MemoryLiveness
from pbt.opening import folder as folders
from pbt.population.member import Lease
from pbt.server.keys import Key
from pbt.server.limits import Limits, limits
from pbt.settings import wanted
from tests.security import READ
from tests.support.postgres import postgres
from tests.support.requests import at, request
from tests.support.scripts import PBT, environment, pbt_run
from tests.support.worlds import KEY, ServerWorld

SETTINGS: dict[str, Any] = {"space": {"lr": pbt.Float(0, 1)}, "members": 2, "steps": 2, "interval": 1, "maximize": True}
READING = {"Authorization": f"Bearer {READ}"}


def save(folder: Path) -> None:
    (folder / "state").write_text("weights")


def old_populations(home: Path, n: int) -> None:
    """Finished ones, as left by earlier servers."""
    first = home / "p0"
    for member in pbt.turns(first, **SETTINGS):
        for step in member.steps():
            member.checkpoint
            member.report(float(step), save=save)
    for i in range(1, n):
        shutil.copytree(first, home / f"p{i}")
        (home / f"p{i}" / folders.MARK).write_text(json.dumps({"format": 1, "journal": "sqlite", "id": f"{i:032x}"}))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServerWorld]:
    made = ServerWorld(tmp_path)
    made.app.request_check.key = Key(KEY, reading=READ)
    yield made
    made.close()


def get(world: ServerWorld, path: str) -> bytes:
    asked = urllib.request.Request(f"http://127.0.0.1:{world.port}{at(path)}", headers=READING)
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return bytes(answer.read())


def allow(monkeypatch: pytest.MonkeyPatch, populations: int) -> None:
    monkeypatch.setattr("pbt.server.populations.limits", lambda: Limits(populations, 100, 1024))


def test_reading_opens_no_population(served: ServerWorld) -> None:
    old_populations(served.folder, 3)
    for i in range(3):
        assert get(served, f"/p{i}/journal").count(b"\n") > 3
        assert get(served, f"/p{i}/journal?after=100000000000000") == b""
        checkpoint = next((served.folder / f"p{i}" / "checkpoints").glob("*/*"))
        id = f"{checkpoint.parent.name}/{checkpoint.name}"
        assert get(served, f"/p{i}/checkpoints/{id}/state") == b"weights"
    assert not served.populations.in_training
    assert not list(served.folder.glob("*/server.lock"))


def test_who_names_no_population_is_told_which_there_are_and_how_to_name_one(served: ServerWorld) -> None:
    old_populations(served.folder, 2)
    done = pbt_run(["status", f"http://127.0.0.1:{served.port}"], served.folder, PBT_KEY=KEY)
    assert done.returncode == 1
    assert "no population 'default' (which a URL without a name means) on this server; it has p0, p1" in done.stderr
    assert "name one in the URL, as in http://host:port/p0" in done.stderr


def test_a_wrong_key_is_told_in_words_of_the_command_line(served: ServerWorld) -> None:
    done = pbt_run(["status", f"http://127.0.0.1:{served.port}/p0"], served.folder, PBT_KEY="another")
    assert "the key is missing or wrong: export PBT_KEY=…" in done.stderr
    assert "PBTClient" not in done.stderr


def test_the_same_is_read_of_an_open_population_and_of_a_closed_one(served: ServerWorld) -> None:
    old_populations(served.folder, 1)
    closed = get(served, "/p0/journal?after=2")
    assert request(served, path="/p0/open")[0] == 200
    assert get(served, "/p0/journal?after=2") == closed


def test_reading_opens_no_population_in_postgres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pbt.journals.postgres import PostgresJournal
    from pbt.server.postgres import PostgresBackend

    database = postgres().schema()
    Coordinator(PostgresJournal(database, "old"), SameProcess()).create(wanted(**SETTINGS))
    world = ServerWorld(tmp_path, backing=PostgresBackend(tmp_path / "served", database, every=None))
    world.app.request_check.key = Key(KEY, reading=READ)
    try:
        assert b'"kind":"created"' in get(world, "/old/journal")
        assert request(world, "GET", "/new/journal")[0] == 404
        assert not world.populations.in_training
    finally:
        world.close()


def test_a_walk_through_more_populations_than_may_be_open_shuts_out_nobody(
    served: ServerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_populations(served.folder, 8)
    allow(monkeypatch, 3)
    for i in range(8):
        assert request(served, path=f"/p{i}/stand", body=b'{"member": 0, "lease": 1}')[0] == 200
        assert len(served.populations.in_training) <= 3
    assert request(served, path="/new/open")[0] == 200


def test_what_is_in_training_is_not_closed_and_the_refusal_says_what_to_do(
    served: ServerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, 2)
    monkeypatch.setenv("PBT_KEY", KEY)
    base = f"http://127.0.0.1:{served.port}"
    one, two = (pbt.join(f"{base}/{name}", **SETTINGS) for name in ("one", "two"))
    code, said = request(served, path="/three/open")
    assert code == 422
    assert "ulimit -n" in said["error"]
    assert not (served.folder / "three").exists()
    one.report(1.0, step=1, save=save)
    two.close()
    assert request(served, path="/three/open")[0] == 200
    assert served.populations.in_training == {"one", "three"}
    one.report(2.0, step=2, save=save)
    one.close()


@pytest.mark.slow
def test_a_population_that_nobody_asks_for_is_closed_after_a_while(
    served: ServerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbt.server.populations.IDLE", 0.1)
    monkeypatch.setenv("PBT_KEY", KEY)
    assert request(served, path="/idle/open")[0] == 200
    member = pbt.join(f"http://127.0.0.1:{served.port}/busy", **SETTINGS)
    end = time.monotonic() + 20
    while "idle" in served.populations.in_training and time.monotonic() < end:
        time.sleep(0.02)
    assert served.populations.in_training == {"busy"}
    member.report(1.0, step=1, save=save)
    member.close()


@pytest.mark.parametrize("files", [256, 1024, 4096, 1 << 20])
def test_rooms_and_connections_together_stay_below_the_limit_of_open_files(
    files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda what: (files, files))
    allowed = limits()
    assert allowed.populations * 8 + allowed.connections < files
    assert allowed.populations >= 4
    assert allowed.connections >= 64


@pytest.mark.slow
def test_with_few_descriptors_newcomers_are_refused_in_words_and_training_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "served"
    home.mkdir()
    old_populations(home, 40)
    server = subprocess.Popen(
        [*PBT, "serve", home, "--port", "0", "--no-key"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(), preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (192, 192)),
    )  # fmt: skip
    assert server.stdout is not None
    port = int([server.stdout.readline() for _ in range(2)][1].split(":")[2].split("/")[0])
    member = pbt.join(f"http://127.0.0.1:{port}/live", **SETTINGS)
    member.report(1.0, step=1, save=save)
    for i in range(40):
        url = f"http://127.0.0.1:{port}{at(f'/p{i}/open')}"
        asked = urllib.request.Request(url, b"{}", {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert answer.status == 200
    crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(150)]
    crowd[-1].settimeout(10)
    assert b"ulimit -n" in crowd[-1].recv(1000)
    member.report(2.0, step=2, save=save)
    for one in crowd:
        one.close()
    member.close()
    server.send_signal(signal.SIGTERM)
    _, said = server.communicate(timeout=30)
    assert "Too many open files" not in said, said


def test_a_server_that_was_stopped_takes_no_holder_for_dead_before_it_has_listened() -> None:
    now = 0.0
    beats = MemoryLiveness(SameProcess(), clock=lambda: now)
    lease = Lease(1, "nonce", False, "server", 0, 0)
    beats.hold(0, 1)
    now += 3600
    assert not beats.dead(0, lease)
    for _ in range(70):
        now += 1
        beats.tick()
    assert beats.dead(0, lease), "it has listened for a whole term"


def test_a_holders_silence_counts_though_nobody_asks_for_it() -> None:
    now = 0.0
    beats = MemoryLiveness(SameProcess(), clock=lambda: now)
    beats.hold(0, 1)
    for _ in range(61):
        now += 1
        beats.tick()
    assert beats.dead(0, Lease(1, "nonce", False, "server", 0, 0))


def test_signs_of_life_do_not_grow_with_leases() -> None:
    beats = MemoryLiveness(SameProcess())
    for number in range(1, 1001):
        beats.hold(number % 3, number)
        beats.beat(number % 3, number)
        beats.dead(number % 3, Lease(number, "nonce", False, "server", 0, 0))
    assert len(beats.heard) <= 3


@pytest.mark.slow
def test_a_server_that_is_stopped_for_longer_than_a_term_keeps_its_holders(tmp_path: Path) -> None:
    """SIGSTOP and SIGCONT, with terms of a second."""
    code = (
        "import sys, pbt.liveness.memory as a, pbt.server.backends as b\n"
        "a.MOST = 0.2\n"
        "b.MemoryLiveness = lambda folder: a.MemoryLiveness(folder, term=1.5)\n"
        "from pbt.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    import sys

    server = subprocess.Popen(
        [sys.executable, "-c", code, "serve", str(tmp_path / "s"), "--port", "0", "--no-key"], text=True,
        stdout=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert server.stdout is not None
    port = int([server.stdout.readline() for _ in range(2)][1].split(":")[2].split("/")[0])
    url = f"http://127.0.0.1:{port}/p"
    member = pbt.join(url, **{**SETTINGS, "members": 1, "steps": 9})
    member.report(1.0, step=1, save=save)
    server.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    server.send_signal(signal.SIGCONT)
    try:
        with pytest.raises(pbt.NobodyFree):
            pbt.join(url, wait=False)
        member.report(2.0, step=2, save=save)
    finally:
        member.close()
        server.terminate()
        server.wait(20)


def test_more_steps_than_can_be_counted_are_refused(served: ServerWorld) -> None:
    create = b'{"space":{"domains":{"a":{"kind":"float","min":0,"max":1}}},"members":1,"steps":5,"maximize":true}'
    assert request(served, path="/digits/create", body=create)[0] == 200
    for steps in (2**53 + 1, 2**63, 2**64, 10**40):
        told = json.dumps({"event": {"kind": "steered", "change": {"steps": steps}, "by": "x"}}).encode()
        code, said = request(served, path="/digits/tell", body=told)
        assert code == 422, said
    told = json.dumps({"event": {"kind": "steered", "change": {"steps": 2**53}, "by": "x"}}).encode()
    assert request(served, path="/digits/tell", body=told)[0] == 200
