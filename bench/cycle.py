"""One report-and-decide cycle, durable, beside the limits of the same machine, interleaved in random order.

    python bench/cycle.py [--folder DIR] [--cycles N]

Every report is due and decided; scores drift; checkpoints are named, but there are no files. One client.

* folder: `Coordinator.report` on a population's folder; its limit is a bare autocommit INSERT of the same bytes into
  a file of its own, with the same pragmas.
* http: `Remote.report` through a server of its own process on the same folder's disk; its limit is a bare POST of as
  many bytes to the same ASGI server through the same HTTP client, plus the bare commit.

The first 2,000 commits are not counted: before the WAL has wrapped once, they cost something else. The RAM disk
(/dev/shm, where there is one) leaves our own cost.
"""

from __future__ import annotations

import argparse
import http.client
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pbt
from pbt.client.remote import Remote
from pbt.opening import folder as folders
from pbt.population.entries import Report
from pbt.settings import wanted

MEMBERS = 8
WARM_UP = 2000
SPACE = {
    "lr": pbt.Float(1e-4, 1, log=True),
    "noise": pbt.Float(1e-2, 1, log=True),
    "dropout": pbt.Float(0, 0.8),
}
KEY = "a-key-for-the-benchmark"

BARE = """
import asyncio, sys, uvicorn
from pbt.server.running import bind
async def app(scope, receive, send):
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]})
    await send({"type": "http.response.body", "body": ANSWER})
ANSWER = b"x" * int(sys.argv[1])
listening = bind("127.0.0.1", 0)
print(listening.getsockname()[1], flush=True)
config = uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_level="error", ws="none")
asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))
"""


class Cycles:
    """Reports of eight members in turn, on anything with the coordinator's methods."""

    def __init__(self, coordinator: Any) -> None:
        self._coordinator = coordinator
        coordinator.create(wanted(space=SPACE, members=MEMBERS, maximize=True, interval=1, seed=1))
        self._answers = [coordinator.join(f"bench-{i}", member=i) for i in range(MEMBERS)]
        self._rng = random.Random(0)
        self._n = 0

    def __call__(self) -> float:
        seat, self._n = self._n % MEMBERS, self._n + 1
        a = self._answers[seat]
        report = Report(
            member=a.member, lease=a.lease, seq=a.seq + 1, decided=a.decisions, step=a.step + 1,
            score=self._n / 1000 + self._rng.gauss(0, 1), checkpoint=f"{a.member}/{a.lease}-{a.seq + 1}",
        )  # fmt: skip
        began = time.perf_counter()
        (self._answers[seat],) = self._coordinator.report(report)
        return time.perf_counter() - began


class BareCommit:
    """INSERTs into a file of their own, with the journal's pragmas."""

    def __init__(self, folder: Path, body: bytes) -> None:
        self._db = sqlite3.connect(folder / "bare.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        self._body = body
        self._n = 0

    def __call__(self) -> float:
        self._n += 1
        began = time.perf_counter()
        self._db.execute("INSERT INTO entries VALUES (?, ?)", (self._n, self._body))
        return time.perf_counter() - began


class BarePost:
    """POSTs of a report's size to an application that does nothing."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._body = b"x" * 160
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}

    def __call__(self) -> float:
        began = time.perf_counter()
        self._connection.request("POST", "/bench/report", self._body, self._headers)
        self._connection.getresponse().read()
        return time.perf_counter() - began


def measure(folder: Path, cycles: int) -> None:
    """Print the table for one disk."""
    started: list[subprocess.Popen[str]] = []
    try:
        in_folder = Cycles(folders.coordinator(folder / "population"))
        for _ in range(WARM_UP):
            in_folder()
        body = statistics.mode(len(b) for b in folders.reader(folder / "population").read(1000))
        bare_commit = BareCommit(folder, b"x" * body)
        port = serve(started, "-m", "pbt", "serve", str(folder / "served"), "--port", "0", key=KEY)
        over_http = Cycles(Remote(f"http://127.0.0.1:{port}/bench", KEY))
        bare_post = BarePost(serve(started, "-c", BARE, "420"))
        parts: dict[str, Callable[[], float]] = {
            "folder": in_folder, "bare commit": bare_commit, "http": over_http, "bare POST": bare_post,
        }  # fmt: skip
        for _ in range(WARM_UP):
            for name in ("bare commit", "http", "bare POST"):
                parts[name]()
        times: dict[str, list[float]] = {name: [] for name in parts}
        order = list(parts)
        rng = random.Random(1)
        for _ in range(cycles):
            rng.shuffle(order)
            for name in order:
                times[name].append(parts[name]())
    finally:
        for process in started:
            process.terminate()
            process.wait()
    show(times, body)


def serve(started: list[subprocess.Popen[str]], *command: str, key: str | None = None) -> int:
    """Start a server in a process of its own; its port."""
    import os

    environment = dict(os.environ, PYTHONUNBUFFERED="1", **({"PBT_KEY": key} if key else {}))
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True, env=environment)
    started.append(process)
    assert process.stdout is not None
    for line in process.stdout:
        digits = (
            line.strip() if line.strip().isdigit() else line.partition("PBT_URL=http://127.0.0.1:")[2].partition("/")[0]
        )
        if digits.isdigit():
            return int(digits)
    raise RuntimeError("the server did not start")


def show(times: dict[str, list[float]], body: int) -> None:
    """The table: medians, 99th percentiles, and ratios to the limits."""
    p50 = {name: statistics.median(t) * 1e6 for name, t in times.items()}
    p99 = {name: sorted(t)[int(0.99 * len(t))] * 1e6 for name, t in times.items()}
    limits = {"folder": p50["bare commit"], "http": p50["bare POST"] + p50["bare commit"]}
    print(
        f"{'':14s}{'p50 µs':>9s}{'p99 µs':>9s}   p50 / limit      ({len(times['folder'])} of each; {body} B an entry)"
    )
    for name in times:
        ratio = f"{p50[name] / limits[name]:8.2f}" if name in limits else ""
        print(f"{name:14s}{p50[name]:9.0f}{p99[name]:9.0f}   {ratio}")


def main() -> None:
    """Measure on a disk and on a RAM disk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to measure")
    parser.add_argument("--cycles", type=int, default=3000)
    arguments = parser.parse_args()
    for title, below in (("disk", arguments.folder), ("RAM disk", Path("/dev/shm"))):
        if below.is_dir():
            folder = Path(tempfile.mkdtemp(prefix="pbt-bench-", dir=below))
            print(f"\n{title}: {folders.file_system(folder) or below}")
            try:
                measure(folder, arguments.cycles)
            finally:
                shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
