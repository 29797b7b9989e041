"""Workers on two machines that share a folder, without a server: two sshfs mounts of one folder on this machine.

    python bench/shared.py [--workers 32] [--seconds 20]

* Workers that report once a second each, on either mount in turn, with a checkpoint at every second report: how many
  reports were recorded, how long a report took (with its checkpoint, fsynced), and whether anything was lost.
* As many reports as eight processes can make, without checkpoints: the journal's own limit.

Everything (workers, sshfs, ssh, sshd, the disk) shares this machine's cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.mounts import lacking, two_mounts  # noqa: E402

from pbt.opening import folder as folders  # noqa: E402
from pbt.population.entries import Reported, decode  # noqa: E402
from pbt.population.fold import refold  # noqa: E402

WORKER = """
import json, random, sys, time
from pathlib import Path
import pbt, pbt.worker.join, pbt.liveness.files, pbt.journals.files.journal
where, ready = sys.argv[1], Path(sys.argv[2])
members, seconds, pause = int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
own = pause > 0
member = pbt.join(where, space={"lr": pbt.Float(1e-3, 1, log=True)}, members=members, steps=100_000, interval=2,
                  maximize=True, checkpoints="own" if own else "foreign")
ready.touch()
while not (ready.parent / "go").exists():
    time.sleep(0.01)
save = lambda folder: (folder / "state.json").write_text("{}")
given = {"save": save} if own else {}
next_at = time.monotonic() + random.random() * pause
end = time.monotonic() + seconds
took = []
for step in member.steps():
    time.sleep(max(0.0, next_at - time.monotonic()))
    if time.monotonic() > end:
        break
    next_at += pause
    given = {"save": save} if own else {"checkpoint": f"{member.id}/{step}"}
    began = time.monotonic()
    if member.report(random.random(), **given).exploit:
        str(member.checkpoint) if own else member.checkpoint_id
    took.append(time.monotonic() - began)
print(json.dumps(took))
"""


def measure(title: str, mounts: Sequence[Path], real: Path, workers: int, seconds: float, pause: float) -> None:
    """Start workers, wait until all are there, let them go, and print a line."""
    name = title.partition(",")[0].replace(":", "").replace(" ", "-")
    home = real.parent / name
    home.mkdir()
    script = home / "worker.py"
    script.write_text(WORKER)
    running = [
        subprocess.Popen(
            [sys.executable, script, mounts[i % 2] / name, home / f"ready-{i}", *map(str, (workers, seconds, pause))],
            stdout=subprocess.PIPE,
        )
        for i in range(workers)
    ]
    while len(list(home.glob("ready-*"))) < workers:
        assert all(process.poll() is None for process in running), "a worker has failed"
        time.sleep(0.1)
    time.sleep(1)
    (home / "go").touch()
    took: list[list[float]] = [json.loads(process.communicate()[0]) for process in running]
    show(title, took, list(map(decode, folders.reader(real / name).read(0))), seconds)


def show(title: str, took: Sequence[Sequence[float]], entries: Sequence[Any], seconds: float) -> None:
    """One line of the table."""
    recorded = sum(len(e.event.reports) for e in entries if isinstance(e.event, Reported))
    acknowledged = sum(map(len, took))
    refold(entries)
    every = sorted(t for mine in took for t in mine)
    per_worker = [len(mine) for mine in took]
    print(
        f"{title:34s}{acknowledged / seconds:9.1f}{acknowledged - recorded:6d}"
        f"{statistics.median(every) * 1e3:9.0f}{every[int(0.99 * len(every))] * 1e3:9.0f}{every[-1] * 1e3:9.0f}"
        f"{min(per_worker):9d}{max(per_worker):6d}",
        flush=True,
    )


def main() -> None:
    """Both measurements on fresh mounts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    reason = lacking()
    if reason is not None:
        sys.exit(f"bench/shared.py: {reason}")
    with tempfile.TemporaryDirectory(prefix="pbt-shared-") as home, two_mounts(Path(home)) as (real, *mounts):
        print(f"{'':34s}{'reports/s':>9s}{'lost':>6s}{'p50 ms':>9s}{'p99 ms':>9s}{'max ms':>9s}{'per worker':>15s}")
        title = f"paced: {arguments.workers} workers, one a second"
        measure(title, mounts, real, arguments.workers, arguments.seconds, pause=1.0)
        measure("raw: 1 worker, no pause", mounts, real, 1, arguments.seconds / 2, pause=0.0)
        measure("raw: 8 workers, no pause", mounts, real, 8, arguments.seconds / 2, pause=0.0)


if __name__ == "__main__":
    main()
