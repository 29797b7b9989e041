"""What open pages cost those who train: reports per second of 1,000 members with and without 100 open pages.

    python bench/pages.py [--folder DIR] [--seconds S] [--runs N] [--pages N] [--members N] [--rate R]

One `pbt serve`; two client processes report for all members, as fast as they can, or `--rate` reports a second
together. Kinds of runs, `--runs` rounds of all, each in shuffled order: nobody looks; streams: every page has a stream
of events open; views: each of them asks for the series once a second besides, with the tag of the one it has. The table
says reports per second, the time of one in the middle and of the slowest hundredth, and how much processor the process
that answers took, as medians; "of nobody" is the median of the ratios within a round. (It needs Linux's /proc.)
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

import pbt
from pbt.client.remote import Remote
from pbt.population.entries import Report
from pbt.settings import wanted
from pbt.wire.addresses import API, POPULATIONS

KEY = "a-key-for-the-benchmark"
SPACE = {"lr": pbt.Float(1e-4, 1, log=True), "act": pbt.Choice(["a", "b"])}
KINDS = ("nobody", "streams", "views")
CLIENTS = 2


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to measure")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=0.0, help="reports a second, all together; 0: as many as go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        server, port = _serve(Path(folder))
        try:
            found = _measure(port, server.pid, options)
        finally:
            server.terminate()
            server.wait()
    print(f"{options.members} members, {options.pages} pages, {os.cpu_count()} processors")
    print("pages    reports/s   of nobody   median ms   99 % ms   frames/s   views/s   server %   server µs a report")
    for kind, runs in found.items():
        share = statistics.median(run[0] / bare[0] for run, bare in zip(runs, found["nobody"], strict=True))
        rate, middle, slow, frames, views, busy, each = (statistics.median(run[i] for run in runs) for i in range(7))
        print(
            f"{kind:8} {rate:9.0f} {share:11.1%} {middle:11.2f} {slow:9.2f} {frames:10.0f} {views:9.0f}"
            f" {busy:10.0f} {each:20.0f}"
        )


def _serve(folder: Path) -> tuple[subprocess.Popen[str], int]:
    server = subprocess.Popen(
        [sys.executable, "-m", "pbt", "serve", str(folder), "--port", "0"], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PBT_KEY": KEY, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.search(r"PBT_URL=http://[^:]+:([0-9]+)", line):
            return server, int(found[1])
    raise SystemExit("the server did not start")


def _measure(port: int, server: int, options: Any) -> dict[str, list[tuple[float, ...]]]:
    remote = Remote(f"http://127.0.0.1:{port}/big", KEY)
    n = options.members
    remote.create(wanted(space=SPACE, members=n, interval=10**9, maximize=True, goal=1e9))
    leases = []
    for member in range(n):
        leases.append((member, remote.join(f"nonce-{member}", member=member).lease))
        remote.let_go(member)
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(CLIENTS + 1)]
    processes = [
        context.Process(target=_client, args=(pipes[i][1], port, leases[i::CLIENTS], options.rate / CLIENTS))
        for i in range(CLIENTS)
    ] + [context.Process(target=_pages, args=(pipes[-1][1], port, options.pages))]
    for process in processes:
        process.start()
    found: dict[str, list[tuple[float, ...]]] = {kind: [] for kind in KINDS}
    plan = [kind for _ in range(options.runs) for kind in random.sample(KINDS, len(KINDS))]
    ends = [end for end, _ in pipes]
    _run("views", ends, options.seconds, server)  # warms up
    for kind in plan:
        found[kind].append(_run(kind, ends, options.seconds, server))
    for pipe, _ in pipes:
        pipe.send(None)
    for process in processes:
        process.join(20)
    return found


def _run(kind: str, pipes: list[Connection], seconds: float, server: int) -> tuple[float, ...]:
    *clients, pages = pipes
    pages.send((kind, seconds))
    pages.recv()  # all are open, and have heard how it stands
    before = _busy(server)
    for client in clients:
        client.send(seconds)
    took: list[float] = []
    for client in clients:
        took += client.recv()
    busy = _busy(server) - before
    frames, views = pages.recv()
    took.sort()
    return (
        len(took) / seconds, 1000 * took[len(took) // 2], 1000 * took[int(len(took) * 0.99)], frames / seconds,
        views / seconds, 100 * busy / seconds, 1e6 * busy / len(took),
    )  # fmt: skip


def _busy(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _client(pipe: Connection, port: int, leases: list[tuple[int, int]], rate: float) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    rng, step = random.Random(leases[0][0]), 0
    while (seconds := pipe.recv()) is not None:
        took: list[float] = []
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            step += 1 if len(took) % len(leases) == 0 else 0
            member, lease = leases[len(took) % len(leases)]
            report = Report(member=member, lease=lease, seq=step, decided=1, step=step, score=rng.random())
            if rate:
                time.sleep(max(0.0, began + len(took) / rate - time.monotonic()))
            at = time.perf_counter()
            connection.request("POST", f"{POPULATIONS}/big/report", msgspec.json.encode([report]), headers)
            response = connection.getresponse()
            response.read()
            assert response.status == 200
            took.append(time.perf_counter() - at)
        step += 1
        pipe.send(took)


def _pages(pipe: Connection, port: int, pages: int) -> None:
    os.nice(19)  # browsers run on other machines: what they compute is not to be measured
    while (order := pipe.recv()) is not None:
        kind, seconds = order
        n = 0 if kind == "nobody" else pages
        asyncio.run(_look(pipe, port, n, kind == "views", seconds))


async def _look(pipe: Connection, port: int, pages: int, views: bool, seconds: float) -> None:
    counts, opened = [0, 0], asyncio.Semaphore(0)
    tasks = [asyncio.create_task(_stream(port, counts, opened)) for _ in range(pages)]
    for _ in range(pages):
        await opened.acquire()
    pipe.send("open")
    counts[0] = 0
    if views:
        tasks += [asyncio.create_task(_view(port, counts, i / pages)) for i in range(pages)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    pipe.send(counts)


def _head(path: str, more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {KEY}\r\n{more}\r\n".encode()


async def _stream(port: int, counts: list[int], opened: asyncio.Semaphore) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_head(f"{API}/events?population=big"))
    heard = False
    try:
        while line := await reader.readline():
            if line.startswith(b"id:"):
                counts[0] += 1
                if not heard:
                    heard = True
                    opened.release()
    finally:
        writer.close()


async def _view(port: int, counts: list[int], phase: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    tag = '"0"'
    await asyncio.sleep(phase)
    try:
        while True:
            writer.write(_head(f"{POPULATIONS}/big/views/series?width=600", f"if-none-match: {tag}\r\n"))
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            tag = re.search(r'etag: ("[0-9]+")', head)[1]  # type: ignore[index]
            length = re.search(r"content-length: ([0-9]+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            counts[1] += 1
            await asyncio.sleep(1.0)
    finally:
        writer.close()


if __name__ == "__main__":
    main()
