"""Many processes on one population: in one folder, and as HTTP clients of one server, beside their limits.

    python bench/many.py [--folder DIR] [--seconds S] [--processes N ...]

* folder: N processes, each with a coordinator of its own on one folder, report as fast as they can; each folds what
  the others wrote. The limit: the same processes behind the same two locks commit the same bytes, and nothing else.
* paced: 32 processes at 1,000 reports/s together; the rate that was reached over the one asked for.
* http: 32 client processes of one `pbt serve`; the limit is an ASGI server that commits the same bytes in groups, in a
  thread, and answers as many bytes.

Measured and limit take turns, the second half in the other order. Processes start together and are warm, and so is
the WAL, which this process keeps open.
"""

from __future__ import annotations

import argparse
import http.client
import multiprocessing
import os
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
from pbt.disk.locks import FairLock
from pbt.opening import folder as folders
from pbt.population.entries import Report
from pbt.settings import wanted

KEY = "a-key-for-the-benchmark"
SPACE = {"lr": pbt.Float(1e-4, 1, log=True), "noise": pbt.Float(1e-2, 1, log=True), "dropout": pbt.Float(0, 0.8)}
WARM_UP = 3000
"""Commits before the processes begin: until the WAL has wrapped once each makes its file longer, which costs more."""
OPEN: list[Any] = []
"""What keeps the WAL as long as it is: it goes with the last who closes."""
BODY = b"x" * 330
ANSWER = 420

GROUPS = """
import asyncio, queue, sqlite3, sys, threading, uvicorn
from pbt.server.running import bind
db = sqlite3.connect(sys.argv[1], isolation_level=None, check_same_thread=False)
db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, body BLOB NOT NULL)")
ANSWER = b"x" * int(sys.argv[2])
waiting, busy = [], False
jobs = queue.SimpleQueue()
def work(loop):
    while True:
        group = jobs.get()
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO entries VALUES (NULL, ?)", [(body,) for body, _ in group])
        db.execute("COMMIT")
        loop.call_soon_threadsafe(done, group)
def next_group():
    global waiting, busy
    busy = bool(waiting)
    if busy:
        group, waiting = waiting, []
        jobs.put(group)
def done(group):
    next_group()
    for _, future in group:
        future.set_result(None)
async def app(scope, receive, send):
    global busy
    body = (await receive())["body"]
    future = asyncio.get_running_loop().create_future()
    waiting.append((body, future))
    if not busy:
        next_group()
    await future
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))]})
    await send({"type": "http.response.body", "body": ANSWER})
async def main():
    threading.Thread(target=work, args=(asyncio.get_running_loop(),), daemon=True).start()
    config = uvicorn.Config(app, http="httptools", lifespan="off", access_log=False, log_level="error", ws="none",
                            timeout_keep_alive=300)
    await uvicorn.Server(config).serve(sockets=[listening])
listening = bind("127.0.0.1", 0)
print(listening.getsockname()[1], flush=True)
asyncio.run(main())
"""


class Reporting:
    """One member's reports, on anything with the coordinator's methods."""

    def __init__(self, coordinator: Any, member: int) -> None:
        self._coordinator = coordinator
        self._answer = coordinator.join(f"bench-{member}", member=member)

    def __call__(self) -> None:
        a = self._answer
        report = Report(
            member=a.member, lease=a.lease, seq=a.seq + 1, decided=a.decisions, step=a.step + 1,
            score=(a.seq * 7919 + a.member * 104729) % 1000 / 1000 + a.step * 1e-3,
            checkpoint=f"{a.member}/{a.lease}-{a.seq + 1}",
        )  # fmt: skip
        (self._answer,) = self._coordinator.report(report)


def in_folder(where: str, member: int) -> Callable[[], None]:
    """A coordinator of one's own."""
    return Reporting(folders.coordinator(where), member)


def over_http(where: str, member: int) -> Callable[[], None]:
    """A client."""
    return Reporting(Remote(where, KEY), member)


def bare_commits(where: str, member: int) -> Callable[[], None]:
    """The same locks, and an INSERT."""
    lock = FairLock(Path(where))
    with lock:
        db = sqlite3.connect(Path(where) / "bare.db", isolation_level=None, timeout=60)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE IF NOT EXISTS entries (number INTEGER PRIMARY KEY, body BLOB NOT NULL)")

    def commit() -> None:
        with lock:
            db.execute("INSERT INTO entries VALUES (NULL, ?)", (BODY,))

    return commit


def bare_posts(where: str, member: int) -> Callable[[], None]:
    """POSTs of a report's size."""
    connection = http.client.HTTPConnection("127.0.0.1", int(where))
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}

    def post() -> None:
        connection.request("POST", "/bench/report", BODY[:160], headers)
        connection.getresponse().read()

    return post


def process(
    make: Callable[[str, int], Callable[[], None]], where: str, member: int, seconds: float, pace: float | None,
    here: Any, found: Any,
) -> None:  # fmt: skip
    """One process: warm up, meet the others, and count."""
    act = make(where, member)
    for _ in range(5):
        act()
    here.wait()
    times: list[float] = []
    began = time.perf_counter()
    due = began + (member * pace / 32 if pace else 0)
    while True:
        if pace:
            time.sleep(max(0.0, due - time.perf_counter()))
            due += pace
        before = time.perf_counter()
        if before - began > seconds:
            break
        act()
        times.append(time.perf_counter() - before)
    found.put(times)


def together(make: Any, where: str, n: int, seconds: float, pace: float | None = None) -> tuple[float, list[float]]:
    """What n processes did: the rate, and all times."""
    context = multiprocessing.get_context("spawn")
    here, found = context.Barrier(n), context.Queue()
    started = [
        context.Process(target=process, args=(make, where, member, seconds, pace, here, found)) for member in range(n)
    ]
    for one in started:
        one.start()
    times = [t for _ in started for t in found.get(timeout=120 + 3 * seconds)]
    for one in started:
        one.join()
    return len(times) / seconds, times


def compare(title: str, n: int, seconds: float, runs: list[tuple[str, Any, Callable[[], str]]]) -> None:
    """Print measured against limit, each measured twice, in turns."""
    rates: dict[str, list[float]] = {name: [] for name, _, _ in runs}
    times: dict[str, list[float]] = {name: [] for name, _, _ in runs}
    for name, make, where in (*runs, *reversed(runs)):
        rate, found = together(make, where(), n, seconds / 2)
        rates[name].append(rate)
        times[name].extend(found)
    (measured, _, _), (limit, _, _) = runs
    rate, bare = statistics.mean(rates[measured]), statistics.mean(rates[limit])
    show(title, rate, bare, times[measured], f"   p99 / (n / rate) {quantile(times[measured], 0.99) * rate / n:5.2f}")


def show(title: str, rate: float, limit: float, times: list[float], more: str = "") -> None:
    """A line of the table."""
    p50, p99 = quantile(times, 0.5) * 1e3, quantile(times, 0.99) * 1e3
    print(
        f"{title:28s}{rate:9.0f}/s{limit:9.0f}/s{rate / limit:8.2f}   p50 {p50:7.2f} ms   p99 {p99:7.2f} ms{more}",
        flush=True,
    )


def quantile(times: list[float], q: float) -> float:
    """The q-th of the times."""
    return sorted(times)[int(q * (len(times) - 1))]


def created(folder: Path, n: int) -> str:
    """A population in a folder, whose WAL has wrapped."""
    where = Path(tempfile.mkdtemp(dir=folder)) / "p"
    coordinator = folders.coordinator(where)
    coordinator.create(wanted(space=SPACE, members=n + 1, maximize=True, interval=1, seed=1))
    report = Reporting(coordinator, n)
    for _ in range(WARM_UP):
        report()
    OPEN.append(coordinator)
    return str(where)


def bare(folder: Path) -> str:
    """A folder for bare commits, whose WAL has wrapped."""
    where = tempfile.mkdtemp(dir=folder)
    commit = bare_commits(where, 0)
    for _ in range(WARM_UP):
        commit()
    OPEN.append(commit)
    return where


def measure(folder: Path, processes: list[int], seconds: float) -> None:
    """All tables for one disk."""
    print(f"{'':28s}{'measured':>11s}{'limit':>11s}{'ratio':>8s}")
    for n in processes:
        runs = [
            ("measured", in_folder, lambda n=n: created(folder, n)),
            ("limit", bare_commits, lambda: bare(folder)),
        ]
        compare(f"{n} processes in one folder", n, seconds, runs)  # type: ignore[arg-type]
    rate, times = together(in_folder, created(folder, 32), 32, seconds, 32 / 1000)
    show("32 processes at 1000/s", rate, 1000, times)
    started: list[subprocess.Popen[str]] = []
    try:
        runs = [
            ("measured", over_http, lambda: served(folder, started)),
            ("limit", bare_posts, lambda: bare_server(folder, started)),
        ]
        compare("32 HTTP clients", 32, seconds, runs)
    finally:
        for one in started:
            one.kill()
            one.wait()


def served(folder: Path, started: list[subprocess.Popen[str]]) -> str:
    """A fresh server with a population."""
    below = tempfile.mkdtemp(dir=folder)
    line = start(started, "-m", "pbt", "serve", below, "--port", "0", until="PBT_URL=")
    url = line.partition("PBT_URL=")[2].strip().replace("NAME", "bench")
    remote = Remote(url, KEY)
    remote.create(wanted(space=SPACE, members=33, maximize=True, interval=1, seed=1))
    report = Reporting(remote, 32)
    for _ in range(WARM_UP):
        report()
    remote.close()
    return url


def bare_server(folder: Path, started: list[subprocess.Popen[str]]) -> str:
    """The limit's server; its port."""
    below = Path(tempfile.mkdtemp(dir=folder))
    port = start(started, "-c", GROUPS, str(below / "bare.db"), str(ANSWER), until="").strip()
    post = bare_posts(port, 0)
    for _ in range(WARM_UP):
        post()
    return port


def start(started: list[subprocess.Popen[str]], *command: str, until: str) -> str:
    """Start a process; the first line with `until`. The one before it is ended."""
    for one in started:
        one.kill()
        one.wait()
    env = dict(os.environ, PYTHONUNBUFFERED="1", PBT_KEY=KEY)
    started.append(subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True, env=env))
    out = started[-1].stdout
    assert out is not None
    return next(line for line in out if until in line)


def main() -> None:
    """Measure on a disk and on a RAM disk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to measure")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--processes", type=int, nargs="*", default=[8, 32])
    parser.add_argument("--only", choices=["disk", "RAM disk"])
    given = parser.parse_args()
    for title, below in (("disk", given.folder), ("RAM disk", Path("/dev/shm"))):
        if not below.is_dir() or given.only not in (None, title):
            continue
        folder = Path(tempfile.mkdtemp(prefix="pbt-bench-", dir=below))
        print(f"\n{title}: {folders.file_system(folder) or below}; load before: {os.getloadavg()[0]:.1f}")
        try:
            measure(folder, given.processes, given.seconds)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
