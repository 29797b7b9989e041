"""The toy quadratic with eight real worker processes: a report each step, an exchange at a barrier every four.

    python bench/toy.py [--folder DIR]

Eight members, 100 steps, a checkpoint at each exchange, full durability: every report and every checkpoint is
fsynced. The time is that from the first lease to the last report; starting Python is not counted, and shown apart.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pbt.opening import folder as folders
from pbt.population.entries import Leased, Reported, decode
from pbt.population.fold import refold

MEMBERS, STEPS, INTERVAL = 8, 100, 4

WORKER = f"""
import json, sys, time
from pathlib import Path
import pbt
where = sys.argv[1]
import pbt.worker.join, pbt.opening.folder, pbt.coordinator.coordinator, pbt.journals.sqlite, pbt.liveness.flock
Path(where + "-ready-" + sys.argv[2]).touch()
while not Path(where + "-go").exists():
    time.sleep(0.001)
space = {{"h1": pbt.Float(0, 10), "h2": pbt.Float(0, 10)}}
member = pbt.join(where, space=space, members={MEMBERS}, steps={STEPS}, interval={INTERVAL}, maximize=True, seed=1,
                  synchronous=True, strategy=pbt.PBT(quantile=0.25, resample=0))
w = [0.9, 0.9]
def start():
    global w
    if member.checkpoint:
        w = json.loads((member.checkpoint / "w.json").read_text())
start()
for step in member.steps():
    w = [w[0] - 0.02 * member["h1"] * w[0], w[1] - 0.02 * member["h2"] * w[1]]
    score = 1.2 - w[0] * w[0] - w[1] * w[1]
    if member.report(score, save=lambda folder: (folder / "w.json").write_text(json.dumps(w))).exploit:
        start()
"""


def main() -> None:
    """Run once and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to measure")
    folder = Path(tempfile.mkdtemp(prefix="pbt-toy-", dir=parser.parse_args().folder))
    where = folder / "p"
    try:
        began = time.monotonic()
        command = [sys.executable, "-c", WORKER, str(where)]
        workers = [subprocess.Popen([*command, str(i)]) for i in range(MEMBERS)]
        while len(list(folder.glob("p-ready-*"))) < MEMBERS:
            time.sleep(0.005)
        ready = time.monotonic()
        Path(f"{where}-go").touch()
        assert all(worker.wait() == 0 for worker in workers)
        ended = time.monotonic()
        entries = [decode(body) for body in folders.reader(where).read(0)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    reports = sum(len(e.event.reports) for e in entries if isinstance(e.event, Reported))
    exploits = sum(d.start == "copy" for e in entries for d in e.decisions)
    leased = min(e.time for e in entries if isinstance(e.event, Leased))
    population = refold(entries)
    assert population.finished
    print(f"{reports} reports, {exploits} exploits, {MEMBERS} processes, barrier every {INTERVAL} steps, all fsynced")
    seconds = entries[-1].time - leased
    print(f"first lease to last report  {seconds:6.2f} s   ({1000 * seconds / reports:.2f} ms a report)")
    print(f"go to all processes ended   {ended - ready:6.2f} s")
    print(f"starting eight Pythons      {ready - began:6.2f} s")


if __name__ == "__main__":
    main()
