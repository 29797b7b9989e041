"""What a long history and a large population cost: cycle, start-up, memory and file size.

    python bench/growth.py [--folder DIR] [--reports N] [--members M ...]

* history: N reports of ten members into one folder, each due and decided, each exploit and lease as it comes; at each
  tenth of the way the cost of a cycle, the resident memory of this process, the size of the journal, and how long
  another process takes from opening the folder to knowing the population.
* size: populations of 10 to 10,000 members, the same cycle.

The RAM disk (/dev/shm) by default: it leaves our own cost. N = 5,000,000 is the soak.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pbt
from pbt.coordinator.coordinator import Coordinator
from pbt.journals.sqlite import SQLiteJournal
from pbt.liveness.liveness import SameProcess
from pbt.opening import folder as folders
from pbt.population.entries import Report
from pbt.settings import wanted

SPACE = {"lr": pbt.Float(1e-4, 1, log=True), "noise": pbt.Float(1e-2, 1, log=True), "dropout": pbt.Float(0, 0.8)}
WARM_UP = 2000

OPEN = """
import sys, time
from pbt.opening import folder as folders
began = time.perf_counter()
c = folders.coordinator(sys.argv[1])
c.catch_up()
print(time.perf_counter() - began, c.population.reports)
"""


class Cycles:
    """Reports of many members in turn, straight on a coordinator in a folder."""

    def __init__(self, folder: Path, members: int) -> None:
        # Holders in this process: ten thousand locks would be ten thousand open files.
        self.coordinator = Coordinator(SQLiteJournal(folders.prepare(folder)), SameProcess())
        self.coordinator.create(wanted(space=SPACE, members=members, maximize=True, interval=1, seed=1))
        self._answers = [self.coordinator.join(f"bench-{i}", member=i) for i in range(members)]
        self._n = 0

    def __call__(self) -> float:
        seat, self._n = self._n % len(self._answers), self._n + 1
        a = self._answers[seat]
        score = self._n * 1e-3 / len(self._answers) + (self._n * 7919 % 1000) / 1000
        report = Report(
            member=a.member, lease=a.lease, seq=a.seq + 1, decided=a.decisions, step=a.step + 1, score=score,
            checkpoint=f"{a.member}/{a.lease}-{a.seq + 1}",
        )  # fmt: skip
        began = time.perf_counter()
        (self._answers[seat],) = self.coordinator.report(report)
        return time.perf_counter() - began

    def many(self, n: int) -> list[float]:
        """That many cycles, in seconds."""
        return [self() for _ in range(n)]


def history(folder: Path, reports: int) -> None:
    """Cost over the length of the history."""
    cycles = Cycles(folder / "history", 10)
    cycles.many(WARM_UP)
    part = max(1, reports // 10)
    print(
        f"{'reports':>10s}{'p50 µs':>9s}{'mean µs':>9s}{'p99 µs':>9s}{'RSS MB':>9s}{'files MB':>10s}{'start-up s':>12s}"
    )
    for tenth in range(11):
        if tenth:
            for _ in range(part):
                cycles()
        times = cycles.many(5000)
        size = sum(p.stat().st_size for p in (folder / "history").glob("*") if p.is_file()) / 1e6
        took, seen = subprocess.check_output([sys.executable, "-c", OPEN, str(folder / "history")], text=True).split()
        print(f"{int(seen):10d}{row(times)}{resident():9.0f}{size:10.0f}{float(took):12.3f}", flush=True)
    cycles.coordinator.close()


def sizes(folder: Path, populations: list[int]) -> None:
    """Cost over the size of the population."""
    print(f"{'members':>10s}{'p50 µs':>9s}{'mean µs':>9s}{'p99 µs':>9s}")
    for members in populations:
        cycles = Cycles(folder / f"size-{members}", members)
        cycles.many(max(WARM_UP, members))
        print(f"{members:10d}{row(cycles.many(5000))}", flush=True)
        cycles.coordinator.close()


def row(times: list[float]) -> str:
    """Median, mean and 99th percentile in microseconds."""
    p99 = sorted(times)[int(0.99 * len(times))]
    return f"{statistics.median(times) * 1e6:9.0f}{statistics.mean(times) * 1e6:9.0f}{p99 * 1e6:9.0f}"


def resident() -> float:
    """This process's resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("/dev/shm"))
    parser.add_argument("--reports", type=int, default=1_000_000)
    parser.add_argument("--members", type=int, nargs="*", default=[10, 100, 1000, 10_000])
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pbt-bench-", dir=arguments.folder))
    print(f"{folders.file_system(folder) or folder}")
    try:
        if arguments.members:
            sizes(folder, arguments.members)
        if arguments.reports:
            history(folder, arguments.reports)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
