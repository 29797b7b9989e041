"""Checkpoints that travel, on a way that is cut and damaged; and populations whose workers share no disk."""

from __future__ import annotations

import json
import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.checkpoints.cache import Cache
from pbt.checkpoints.objects import ObjectStore
from pbt.checkpoints.store import MANIFEST, CheckpointStore
from pbt.checkpoints.upload import UploadStore
from pbt.client.remote import Remote
from pbt.errors import CheckpointError, Conflict, LeaseLost, OutOfReach
from pbt.liveness.memory import MemoryLiveness
from pbt.opening import folder as folders
from pbt.population.entries import Checkpoint, Entry, Leased, Released, Reported, decode
from pbt.population.fold import refold
from pbt.population.population import Population
from pbt.settings import Wanted, compare
from tests.support.population import Script
from tests.support.scripts import TURNS, pbt_run, start, write
from tests.support.services import BUCKET, S3, Proxy
from tests.support.worlds import KEY, ServerWorld

SIZE = 3_000_000
BODY = random.Random(1).randbytes(SIZE)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerWorld]:
    monkeypatch.setenv("PBT_CACHE", str(tmp_path / "cache"))
    made = ServerWorld(tmp_path)
    yield made
    made.close()


class Way:
    """A store behind a proxy, and what lies in it."""

    def __init__(self, kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kind = kind
        if kind == "objects":
            self.s3: S3 = request.getfixturevalue("s3")
            self.proxy = Proxy(self.s3.port)
            self.prefix = secrets.token_hex(4)
            monkeypatch.setenv("PBT_CACHE", str(request.getfixturevalue("tmp_path") / "cache"))
            for name, value in self.s3.environment(f"http://127.0.0.1:{self.proxy.port}").items():
                monkeypatch.setenv(name, value)
        else:
            self.world: ServerWorld = request.getfixturevalue("world")
            self.proxy = Proxy(self.world.port)
            self.script = Script(self.world)
            self.script.join(0)

    def store(self, cache: str | None = None) -> CheckpointStore:
        """On a machine of its own, or on the one that has this cache."""
        kept = Cache(secrets.token_hex(4) if cache is None else cache)
        if self.kind == "objects":
            return ObjectStore(f"s3://{BUCKET}/{self.prefix}", kept, patience=30)
        return UploadStore(Remote(f"http://127.0.0.1:{self.proxy.port}/digits", KEY, patience=30), kept)

    def spoil(self, how: Callable[[bool, int, bytes], bytes | None]) -> None:
        self.proxy.spoil = how

    def ids(self) -> set[str]:
        if self.kind == "objects":
            return {key.rpartition("/")[0] for key in self.s3.keys(self.prefix) if key.endswith(MANIFEST)}
        root = self.world.folder / "digits" / "checkpoints"
        return {p.parent.relative_to(root).as_posix() for p in root.glob(f"*/[0-9]*/{MANIFEST}")}


@pytest.fixture(params=["objects", "upload"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    made = Way(request.param, request, monkeypatch)
    yield made
    made.proxy.close()


def publish(store: CheckpointStore, id: str = "0/1-1", body: bytes = BODY) -> Path:
    staging = store.staging(0, 1)
    (staging / "weights").write_bytes(body)
    (staging / "small").write_bytes(b"small")
    return store.publish(staging, Checkpoint(id, 0, 1, 0.5, {}), None)


def test_an_upload_that_is_cut_half_way_ends_whole(way: Way) -> None:
    store = way.store()
    cuts = [0]

    def cut(up: bool, seen: int, data: bytes) -> bytes | None:
        if up and seen > SIZE // 4 and cuts[0] < 3:
            cuts[0] += 1
            return None
        return data

    way.spoil(cut)
    publish(store)
    assert cuts[0] == 3
    assert (way.store().fetch("0/1-1") / "weights").read_bytes() == BODY


def test_an_upload_goes_on_where_it_was_cut(world: ServerWorld) -> None:
    """What the server has is not sent again."""
    Script(world).join(0)
    proxy, sent, cuts = Proxy(world.port), [0], [0]

    def cut(up: bool, seen: int, data: bytes) -> bytes | None:
        sent[0] += len(data) if up else 0
        if up and seen > SIZE // 2 and cuts[0] < 1:
            cuts[0] += 1
            return None
        return data

    proxy.spoil = cut
    publish(UploadStore(Remote(f"http://127.0.0.1:{proxy.port}/digits", KEY), Cache("p")))
    assert cuts == [1]
    assert sent[0] < SIZE * 1.4
    proxy.close()


def test_a_download_that_is_cut_half_way_ends_whole(way: Way) -> None:
    publish(way.store())
    other, cuts = way.store(), [0]

    def cut(up: bool, seen: int, data: bytes) -> bytes | None:
        if not up and seen > SIZE // 2 and cuts[0] < 3:
            cuts[0] += 1
            return None
        return data

    way.spoil(cut)
    assert (other.fetch("0/1-1") / "weights").read_bytes() == BODY
    assert cuts[0] > 0


def flip_one(direction: bool, flips: list[int]) -> Callable[[bool, int, bytes], bytes]:
    """Flip one bit, once, in the middle of what goes up, or down."""

    def flip(up: bool, seen: int, data: bytes) -> bytes:
        if up == direction and seen > SIZE // 2 and not flips:
            flips.append(seen)
            return bytes([data[0] ^ 1]) + data[1:]
        return data

    return flip


def test_a_byte_that_is_flipped_on_its_way_down_is_noticed_and_sent_again(way: Way) -> None:
    store, flips = way.store(), list[int]()
    publish(way.store())
    way.spoil(flip_one(False, flips))
    assert (store.fetch("0/1-1") / "weights").read_bytes() == BODY
    assert flips


def test_a_byte_that_is_flipped_on_its_way_to_the_server_is_noticed_and_sent_again(world: ServerWorld) -> None:
    Script(world).join(0)
    proxy, flips = Proxy(world.port), list[int]()
    proxy.spoil = flip_one(True, flips)
    publish(UploadStore(Remote(f"http://127.0.0.1:{proxy.port}/digits", KEY), Cache("p")))
    assert flips
    assert (UploadStore(world.coordinator(), Cache("q")).fetch("0/1-1") / "weights").read_bytes() == BODY
    proxy.close()


def test_s3_is_given_a_hash_with_everything_that_goes_up(way: Way) -> None:
    """With which it refuses what was damaged on its way; the server of these tests does not look at it."""
    if way.kind != "objects":
        return
    requests: list[bytes] = []
    way.spoil(lambda up, seen, data: (requests.append(data), data)[1] if up else data)
    publish(way.store())
    puts = [r for r in requests if r.startswith(b"PUT ")]
    assert len(puts) == 3
    assert all(b"x-amz-checksum-sha256: " in r.lower() for r in puts)


@pytest.mark.slow
def test_a_store_that_can_not_delete_now_stops_nobody(way: Way, caplog: pytest.LogCaptureFixture) -> None:
    if way.kind != "objects":
        return
    store = ObjectStore(f"s3://{BUCKET}/{way.prefix}", Cache("p"), patience=0.1)
    publish(store)
    publish(store, "0/1-2")
    way.spoil(lambda up, seen, data: None)
    store.delete("0/1-1")
    store.collect(0, 1, 2, ["0/1-2"])
    store.sweep(["0/1-2"])
    assert caplog.text.count("could not delete") == 3
    way.spoil(lambda up, seen, data: data)
    store.collect(0, 1, 2, ["0/1-2"])
    assert way.ids() == {"0/1-2"}


def test_what_comes_damaged_again_and_again_is_given_up(way: Way) -> None:
    publish(way.store())
    way.spoil(lambda up, seen, data: data if up or seen < SIZE // 2 else bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(CheckpointError, match="not what was saved"):
        way.store().fetch("0/1-1")
    assert way.ids() == {"0/1-1"}


def test_bytes_without_a_hash_in_the_manifest_are_hashed_by_the_server(world: ServerWorld) -> None:
    """As they are published by a worker that sees the folder."""
    from pbt.checkpoints.folder import FolderStore

    Script(world).join(0)
    publish(FolderStore(world.folder / "digits"))
    proxy, flips = Proxy(world.port), list[int]()
    proxy.spoil = flip_one(False, flips)
    store = UploadStore(Remote(f"http://127.0.0.1:{proxy.port}/digits", KEY), Cache("p"))
    assert (store.fetch("0/1-1") / "weights").read_bytes() == BODY
    assert flips
    proxy.close()


@pytest.mark.slow
def test_a_store_out_of_reach_is_no_lost_checkpoint(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBT_CACHE", str(tmp_path))
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    proxy = Proxy(s3.port)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
    store = ObjectStore(f"s3://{BUCKET}/away", Cache("p"), patience=0.1)
    publish(store)
    proxy.spoil = lambda up, seen, data: None
    with pytest.raises(OutOfReach, match="out of reach"):
        ObjectStore(f"s3://{BUCKET}/away", Cache("q"), patience=0.1)
    with pytest.raises(OutOfReach, match="out of reach"):
        store.fetch("0/1-7")
    proxy.close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    with pytest.raises(OutOfReach, match="bucket does not exist"):
        ObjectStore("s3://no-such-bucket/p", Cache("r"))


def test_who_lost_the_lease_publishes_nothing(world: ServerWorld) -> None:
    s = Script(world)
    s.join(0)
    store = UploadStore(world.coordinator(), Cache("p"))
    s.coordinator.tell(Released(0, 1))
    with pytest.raises(LeaseLost):
        publish(store)
    s.join(0)
    with pytest.raises(LeaseLost):
        publish(store)
    with pytest.raises(LeaseLost):
        publish(store, "0/3-1")
    publish(store, "0/2-1")


def test_what_somebody_may_need_is_not_deleted_whoever_asks(world: ServerWorld) -> None:
    s = Script(world)
    s.join(0)
    store = UploadStore(world.coordinator(), Cache("p"))
    publish(store)
    s.report(0, 1.0)
    store.delete("0/1-1")
    store.collect(0, 1, 1, [])
    store.sweep([])
    with pytest.raises(Conflict, match="not finished"):
        world.coordinator().ask("sweep", b"{}")
    assert (UploadStore(world.coordinator(), Cache("q")).fetch("0/1-1") / "small").read_bytes() == b"small"


def test_a_server_that_was_started_anew_goes_on_with_an_upload(world: ServerWorld) -> None:
    Script(world).join(0)
    proxy, cuts = Proxy(world.port), [0]

    def cut(up: bool, seen: int, data: bytes) -> bytes | None:
        if up and seen > SIZE // 2 and cuts[0] < 1:
            cuts[0] += 1
            world.app.uploads.arriving.clear()  # as a new process begins
            return None
        return data

    proxy.spoil = cut
    publish(UploadStore(Remote(f"http://127.0.0.1:{proxy.port}/digits", KEY), Cache("p")))
    assert cuts == [1]
    assert (UploadStore(world.coordinator(), Cache("q")).fetch("0/1-1") / "weights").read_bytes() == BODY
    proxy.close()


# --- one machine's disk, shared by its workers ---


def test_workers_of_one_machine_share_what_one_has(way: Way) -> None:
    """A child on its parent's machine downloads nothing."""
    cache = secrets.token_hex(4)
    down = [0]

    def count(up: bool, seen: int, data: bytes) -> bytes:
        down[0] += 0 if up else len(data)
        return data

    way.spoil(count)
    parent, child, other = (way.store(cache) for _ in range(3))
    mine = publish(parent)
    assert child.fetch("0/1-1") == mine
    assert down[0] < SIZE // 10
    publish(parent, "0/1-2")
    assert (mine / "weights").read_bytes() == BODY, "the child may be reading it still"
    child.fetch("0/1-2")
    assert not mine.exists(), "nobody needs it here any longer"
    assert (other.fetch("0/1-1") / "weights").read_bytes() == BODY
    for each in (parent, child, other):
        each.close()  # type: ignore[attr-defined]


def test_what_a_killed_process_left_on_the_disk_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBT_CACHE", str(tmp_path))
    pid = os.fork()
    if pid == 0:
        cache = Cache("one")
        (cache.staging() / "half").write_bytes(b"x")
        staging = cache.staging()
        (staging / "whole").write_bytes(b"x")
        cache.keep(staging, "0/1-1")
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    assert list(tmp_path.rglob("half"))
    assert list(tmp_path.rglob("whole"))
    Cache("two").close()
    assert not list(tmp_path.rglob("half"))
    assert not list(tmp_path.rglob("whole"))


@pytest.mark.slow
def test_many_on_one_disk_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBT_CACHE", str(tmp_path))
    failures: list[BaseException] = []

    def worker(seed: int) -> None:
        rng = random.Random(seed)
        try:
            cache = Cache("p")
            for _ in range(150):
                id = f"{rng.randrange(3)}/1-{rng.randrange(3)}"
                path = cache.have(id)
                if path is None:
                    staging = cache.staging()
                    (staging / "id").write_text(id)
                    path = cache.keep(staging, id)
                cache.only(id)
                assert (path / "id").read_text() == id
            cache.close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=worker, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures, failures
    assert not list(tmp_path.glob("*/*"))


# --- whole populations ---


def check(entries: list[Entry]) -> Population:
    newest: dict[int, int] = {}
    for entry in entries:
        if isinstance(entry.event, Leased):
            newest[entry.event.member] = entry.event.number
        for report in entry.event.reports if isinstance(entry.event, Reported) else ():
            assert report.lease == newest[report.member]
    return refold(entries)


def run_and_kill(script: Path, where: object, published: Callable[[], set[str]], **env: Any) -> int:
    """Train with workers that share nothing but the store, kill some, and see how many checkpoints there were."""
    rng = random.Random(5)
    workers = {n: start(script, where, PBT_CACHE=script.parent / f"disk-{n}", **env) for n in range(3)}
    most, kills, next_kill = 0, 0, time.monotonic() + 1.2
    while any(w.poll() is None for w in workers.values()):
        most = max(most, len(published()))
        if kills < 3 and time.monotonic() > next_kill:
            victim = rng.choice(list(workers))
            workers[victim].kill()
            workers[victim].communicate()
            workers[victim] = start(script, where, PBT_CACHE=script.parent / f"disk-{victim}", **env)
            kills, next_kill = kills + 1, time.monotonic() + rng.uniform(0.6, 1.0)
        time.sleep(0.02)
    for worker in workers.values():
        output, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0, output
    assert kills == 3
    return most


@pytest.mark.slow
def test_a_population_over_s3_whose_workers_are_killed(tmp_path: Path, s3: S3) -> None:
    prefix, where = secrets.token_hex(4), tmp_path / "p"
    script = write(tmp_path, TURNS.replace("maximize=True", f"maximize=True, checkpoints='s3://{BUCKET}/{prefix}'"))

    def published() -> set[str]:
        return {key.rpartition("/")[0].partition("/")[2] for key in s3.keys(prefix) if key.endswith(MANIFEST)}

    most = run_and_kill(script, where, published, PAUSE=0.02, **s3.environment())
    assert 0 < most <= 3 * 8 + 1
    population = check([decode(body) for body in folders.reader(where).read(0)])
    assert population.finished
    url = population.settings.checkpoints
    assert url.startswith(f"s3://{BUCKET}/{prefix}/")
    below = s3.keys(url.partition(f"s3://{BUCKET}/")[2])
    assert {key.rpartition("/")[0] for key in below} == population.referenced()
    assert not (where / "checkpoints").exists()
    assert any(d.start == "copy" for e in map(decode, folders.reader(where).read(0)) for d in e.decisions)


@pytest.mark.slow
def test_a_population_through_the_server_whose_workers_are_killed(
    world: ServerWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbt.server.backends.MemoryLiveness", partial(MemoryLiveness, term=2.0))
    hidden = "from pbt.opening import folder as at\nat.read_mark = lambda folder: at.Mark(id='another')\n"
    script = write(tmp_path, hidden + TURNS)
    root = world.folder / "digits" / "checkpoints"

    def published() -> set[str]:
        return {f"{p.parent.name}/{p.name}" for p in root.glob("*/*") if not p.name.startswith(".")}

    most = run_and_kill(script, world.url, published, PAUSE=0.02, PBT_KEY=KEY)
    assert 0 < most <= 3 * 8 + 1
    population = check(world.entries)
    assert population.finished
    assert {f"{p.parent.name}/{p.name}" for p in root.glob("*/*")} == population.referenced()
    manifests = [json.loads(p.read_text()) for p in root.glob(f"*/*/{MANIFEST}")]
    assert manifests
    assert all(set(m["sha256"]) == set(m["files"]) for m in manifests), "they have travelled"


@pytest.mark.slow
def test_pbt_run_over_s3(tmp_path: Path, s3: S3) -> None:
    prefix = secrets.token_hex(4)
    run = ["run", "--workers", 2, "--checkpoints", f"s3://{BUCKET}/{prefix}", "p", "--", "python"]
    env = s3.environment() | {"PBT_CACHE": str(tmp_path / "cache")}
    done = pbt_run([*run, write(tmp_path, TURNS)], tmp_path, **env)
    assert done.returncode == 0, done.stderr
    population = refold(decode(body) for body in folders.reader(tmp_path / "p").read(0))
    url = population.settings.checkpoints
    assert f"get it with  pbt fetch {tmp_path / 'p'} --to best" in done.stdout
    assert pbt_run(["fetch", "p", "--to", "best"], tmp_path, **env).returncode == 0
    assert population.best.id in (tmp_path / "best" / MANIFEST).read_text()  # type: ignore[union-attr]
    left = {key.rpartition("/")[0] for key in s3.keys(url.partition(f"s3://{BUCKET}/")[2])}
    assert left == population.referenced()
    assert not list((tmp_path / "cache").glob("*/*/*"))
    for same in (f"s3://{BUCKET}/{prefix}", f"s3://{BUCKET}/{prefix}/", url):
        compare(population.settings, Wanted(checkpoints=same))
    for other in ("s3://other/place", f"s3://{BUCKET}", "own"):
        with pytest.raises(pbt.SettingsError, match=f"but checkpoints='{other}' was asked for"):
            compare(population.settings, Wanted(checkpoints=other, overrides=("checkpoints",)))


def test_two_populations_may_be_given_the_same_url(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBT_CACHE", str(tmp_path / "cache"))
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    space = {"lr": pbt.Float(0, 1)}
    url = f"s3://{BUCKET}/shared"
    for where in ("a", "b"):
        for member in pbt.turns(tmp_path / where, space=space, members=1, steps=2, maximize=True, checkpoints=url):
            for _ in member.steps():
                member.report(1.0, save=lambda folder, where=where: (folder / where).write_text("weights"))
    for where in ("a", "b"):
        population = refold(decode(body) for body in folders.reader(tmp_path / where).read(0))
        assert population.best is not None
        found = ObjectStore(population.settings.checkpoints).fetch(population.best.id)
        assert (found / where).exists()


@pytest.mark.parametrize(
    "url",
    [
        "s3://key:secret@bucket/p",
        "s3://key@bucket/p",
        "az://account/container?sig=secret",
        "https://minio:9000/bucket",
        "ftp://host/p",
        "s3://",
        "S3",
        "s3://bucket/a\nb",
    ],
)
def test_urls_that_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(pbt.SettingsError, match="checkpoints") as refusal:
        pbt.join(tmp_path / "p", {"lr": pbt.Float(0, 1)}, members=1, steps=1, maximize=True, checkpoints=url)
    assert "secret" not in str(refusal.value)


def test_an_object_store_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(pbt.SettingsError, match=r"pip install 'pbtrain\[objects\]'"):
        pbt.join(tmp_path / "p", {"lr": pbt.Float(0, 1)}, members=1, steps=1, maximize=True, checkpoints="s3://b/p")
    entries = [decode(body) for body in folders.reader(tmp_path / "p").read(0)]
    assert isinstance(entries[-1].event, Released), "the member is given back"
