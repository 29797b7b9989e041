"""A checkpoint of many files: how fast each store moves it, beside the plainest way to move the same files there.

    python bench/checkpoints.py [--gigabytes 1] [--files 40] [--stores folder objects upload] [--folder DIR]

folder    copied in, fsynced and renamed, beside cp and sync; loading it there moves nothing
objects   an S3 server on this machine (moto_server), beside obstore alone, the same number of files at once
upload    through `pbt serve`, beside PUT and GET of the same files at a server that does nothing else; both fsync

All hash and check what travels but the plain ways. Each runs in a process of its own, whose peak memory above
that before is shown. The files are in the page cache; an S3 server in Python is the slowest part of its rows.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

AT_ONCE, PART, BLOCK = 4, 8 << 20, 1 << 20
KEY = "a-key-for-measuring-only"
AWS = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_REGION": "us-east-1"}


def each(work: Callable[[Path], object], files: list[Path]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(work, files))


# --- what is measured, in a process of its own ---


def with_store(store: Any, other: Callable[[], Any], source: Path) -> list[tuple[str, Callable[[], object]]]:
    from pbt.population.entries import Checkpoint

    staging = store.adopt(source, 0, 1)

    def up() -> None:
        store.publish(staging, Checkpoint("0/1-1", 0, 1, 0.5, {}), None)

    return [("up", up), ("down", lambda: other().fetch("0/1-1"))]


def pbt_folder(source: Path, scratch: Path) -> list[tuple[str, Callable[[], object]]]:
    from pbt.checkpoints.folder import FolderStore
    from pbt.population.entries import Checkpoint

    store = FolderStore(scratch)

    def up() -> None:
        store.publish(store.adopt(source, 0, 1), Checkpoint("0/1-1", 0, 1, 0.5, {}), None)

    return [("up", up), ("down", lambda: store.fetch("0/1-1"))]


def plain_folder(source: Path, scratch: Path) -> list[tuple[str, Callable[[], object]]]:
    def up() -> None:
        subprocess.run(["cp", "-r", source, scratch / "copy"], check=True)
        subprocess.run(["sync", *(scratch / "copy").iterdir()], check=True)

    return [("up", up), ("down", lambda: None)]


def pbt_objects(source: Path, scratch: Path) -> list[tuple[str, Callable[[], object]]]:
    from pbt.checkpoints.cache import Cache
    from pbt.checkpoints.objects import ObjectStore

    url = "s3://bucket/pbt"
    return with_store(ObjectStore(url, Cache("one")), lambda: ObjectStore(url, Cache("other")), source)


def plain_objects(source: Path, scratch: Path) -> list[tuple[str, Callable[[], object]]]:
    import obstore
    from obstore.store import from_url

    store: Any = from_url("s3://bucket/plain", client_options={"allow_http": True, "timeout": "10min"})
    files = sorted(source.iterdir())
    (scratch / "copy").mkdir()

    def send(path: Path) -> None:
        obstore.put(store, path.name, path, chunk_size=PART, max_concurrency=3)

    def receive(path: Path) -> None:
        with (scratch / "copy" / path.name).open("wb") as file:
            for block in obstore.get(store, path.name).stream(PART):
                file.write(block)

    return [("up", lambda: each(send, files)), ("down", lambda: each(receive, files))]


def pbt_upload(source: Path, scratch: Path) -> list[tuple[str, Callable[[], object]]]:
    import pbt
    from pbt.checkpoints.cache import Cache
    from pbt.checkpoints.upload import UploadStore
    from pbt.client.remote import Remote
    from pbt.settings import wanted

    remote = Remote(os.environ["BENCH_URL"], KEY)
    remote.join("n", wanted(space={"lr": pbt.Float(0, 1)}, members=1, steps=9, maximize=True))
    return with_store(UploadStore(remote, Cache("one")), lambda: UploadStore(remote, Cache("other")), source)


def plain_upload(source: Path, scratch: Path) -> list[tuple[str, Callable[[], object]]]:
    port = int(os.environ["BENCH_PORT"])
    files = sorted(source.iterdir())
    (scratch / "copy").mkdir()

    def connect() -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=600, blocksize=BLOCK)

    def send(path: Path) -> None:
        with contextlib.closing(connect()) as connection, path.open("rb") as file:
            connection.request("PUT", f"/{path.name}", file, {"Content-Length": str(path.stat().st_size)})
            assert connection.getresponse().read() == b""

    def receive(path: Path) -> None:
        with contextlib.closing(connect()) as connection, (scratch / "copy" / path.name).open("wb") as file:
            connection.request("GET", f"/{path.name}")
            shutil.copyfileobj(connection.getresponse(), file, BLOCK)

    return [("up", lambda: each(send, files)), ("down", lambda: each(receive, files))]


def measured(name: str, source: Path, scratch: Path) -> None:
    """Run one way, and print what it took."""
    found = {}
    for direction, work in globals()[name](source, scratch):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.monotonic()
        work()
        seconds = time.monotonic() - began
        found[direction] = (seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    print(json.dumps(found))


# --- servers ---


def serve_plainly(folder: Path, port: int) -> None:
    """Files over HTTP, with nothing else: the measure for uploads."""
    import uvicorn

    async def app(scope: Any, receive: Any, send: Any) -> None:
        path = folder / scope["path"].strip("/")
        body = b""
        if scope["method"] == "PUT":
            with path.open("wb") as file:
                more = True
                while more:
                    message = await receive()
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) >= BLOCK or not more:
                        await asyncio.to_thread(file.write, body)
                        body = b""
                await asyncio.to_thread(lambda: (file.flush(), os.fsync(file.fileno())))
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        length = str(path.stat().st_size if path.exists() else 0).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        if path.is_file():
            with path.open("rb") as file:
                while block := await asyncio.to_thread(file.read, BLOCK):
                    await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    uvicorn.run(app, port=port, log_level="error", access_log=False, http="httptools", lifespan="off")


@contextlib.contextmanager
def running(command: list[str], port: int, **env: str) -> Iterator[None]:
    process = subprocess.Popen(command, env=os.environ | env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def server_of(store: str, scratch: Path) -> Iterator[dict[str, str]]:
    """What the store needs, and what its processes find in their environment."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
    with contextlib.ExitStack() as stack:
        if store == "objects":
            moto = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p", str(port)]
            stack.enter_context(running(moto, port))
            with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/bucket", method="PUT")):
                pass
            yield {**AWS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        elif store == "upload":
            serve = [sys.executable, "-m", "pbt", "serve", str(scratch / "served"), "--port", str(port)]
            stack.enter_context(running(serve, port, PBT_KEY=KEY))
            (scratch / "plain").mkdir()
            plain = [sys.executable, __file__, "--serve-plainly", str(scratch / "plain"), str(port + 1)]
            stack.enter_context(running(plain, port + 1))
            yield {"BENCH_URL": f"http://127.0.0.1:{port}/bench", "BENCH_PORT": str(port + 1)}
        else:
            yield {}


def compare(store: str, source: Path, folder: Path, total: float) -> None:
    found = {}
    for way in ("plain", "pbt"):
        scratch = Path(tempfile.mkdtemp(prefix="pbt-bench-", dir=folder))
        try:
            with server_of(store, scratch) as env:
                command = [sys.executable, __file__, "--measure", f"{way}_{store}", str(source), str(scratch)]
                env |= {"PBT_CACHE": str(scratch / "cache")}
                done = subprocess.run(command, env=os.environ | env, stdout=subprocess.PIPE, check=True)
            found[way] = json.loads(done.stdout)
        finally:
            shutil.rmtree(scratch)
    for direction in ("up", "down"):
        (plain, _), (ours, memory) = found["plain"][direction], found["pbt"][direction]
        speeds = " ".join(
            f"{total / seconds / 1e6:9.0f}" if seconds > 0.01 else "        -" for seconds in (plain, ours)
        )
        ratio = f"{plain / ours:6.2f}" if plain > 0.01 else "     -"
        print(f"{store:8s} {direction:5s} {plain:8.2f} {ours:8.2f} {speeds} {ratio} {memory:8.0f}", flush=True)


def main() -> None:
    """Measure and print a table."""
    if sys.argv[1:2] == ["--measure"]:
        return measured(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    if sys.argv[1:2] == ["--serve-plainly"]:
        return serve_plainly(Path(sys.argv[2]), int(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--stores", nargs="+", default=["folder", "objects", "upload"])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to measure")
    given = parser.parse_args()
    source = Path(tempfile.mkdtemp(prefix="pbt-bench-source-", dir=given.folder))
    try:
        each_size = int(given.gigabytes * 1e9 / given.files)
        for n in range(given.files):
            with (source / f"shard-{n:04d}").open("wb") as file:
                for start in range(0, each_size, BLOCK):
                    file.write(os.urandom(min(BLOCK, each_size - start)))
        os.sync()
        total = each_size * given.files
        print(f"{total / 1e9:.1f} GB in {given.files} files; seconds, MB/s, speed beside the plain way, peak MiB more")
        print(f"{'store':8s} {'':5s} {'plain s':>8s} {'pbt s':>8s} {'plain MB/s':>9s} {'pbt MB/s':>8s}  ratio      MiB")
        for store in given.stores:
            compare(store, source, given.folder, total)
    finally:
        shutil.rmtree(source)


if __name__ == "__main__":
    main()
