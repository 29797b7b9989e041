"""Chaos: a real population, with worker processes and checkpoints, while a seed kills servers, workers and wires."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from pbt.errors import PBTError
from pbt.opening import folder as folders
from pbt.population.entries import Entry, decode
from pbt.population.fold import refold
from pbt.population.population import Population
from tests.chaos.checks import check_journal, check_notes
from tests.chaos.proxy import Wire
from tests.support.scripts import environment

TERM = 3.0
"""Seconds after which a worker that a server has not heard of is presumed dead; a minute would make for long tests."""
WORKER = Path(__file__).with_name("worker.py")
STRATEGIES: list[dict[str, Any]] = [
    {"strategy": {"name": "pbt"}},
    {"strategy": {"name": "pbt", "quantile": 0.5}, "turn_steps": 6},
    {"strategy": {"name": "tests.deferring:Deferring"}},
    {"strategy": {"name": "pbt"}, "synchronous": True},
    {"strategy": {"name": "tests.deferring:Deferring"}, "synchronous": True},
]


SERVER = f"""
import time
from pbt.cli.main import main
from pbt.liveness import memory as alive
alive.MemoryLiveness.__init__.__defaults__ = (time.monotonic, {TERM})
main()
"""


class Chaos:
    """One population, from its beginning to its end.

    Args:
        folder: empty; everything lies below it.
        seed: of everything that is drawn here; what the machine makes of it differs each time.
        server: whether workers reach it through a server, over a wire that is cut.
        workers: processes that train at once.
        kills: how many workers are killed; servers are killed as often, where there are any.
        journal: kind of journal in the folder.
    """

    def __init__(
        self, folder: Path, seed: int, *, server: bool, workers: int = 16, members: int = 12, steps: int = 60,
        kills: int = 20, pause: float = 0.02, journal: str = "sqlite",
    ) -> None:  # fmt: skip
        self._rng = random.Random(seed)
        self._folder = folder
        self._home = folder / "populations" / "chaos"
        self._notes = folder / "notes"
        self._notes.mkdir(parents=True)
        self._serves = server
        self._kills = kills
        self._journal = journal
        settings = {
            "members": members, "steps": steps, "interval": 3, "maximize": True, "seed": seed,
            **STRATEGIES[seed % len(STRATEGIES)],
        }  # fmt: skip
        self._environment = environment(
            CHAOS=json.dumps({"pause": pause, **settings}), PBT_KEY="a-key-for-chaos-only", PBT_JOURNAL=journal
        )
        self._workers: list[subprocess.Popen[bytes]] = []
        self._count = workers
        self._server: subprocess.Popen[bytes] | None = None
        self._wire: Wire | None = None
        self._port = 0
        self.figures: Counter[str] = Counter()

    def run(self, limit: float) -> Population:
        """Train to the end, within `limit` seconds, and check everything."""
        began = time.monotonic()
        try:
            if self._serves:
                self._serve()
                self._wire = Wire(self._port, self._rng, 0.3)
            self._train(began + limit)
        finally:
            self._end()
        self.figures["seconds"] = round(time.monotonic() - began)
        return self._check()

    def _train(self, end: float) -> None:
        killed = 0
        while True:
            assert time.monotonic() < end, f"not finished in time: {dict(self.figures)}"
            self._reap()
            if not self._workers and self._finished():
                return
            while len(self._workers) < self._count and not self._finished():
                self._start_worker()
            if killed < self._kills and self._begun():
                self._break(killed)
                killed += 1
            time.sleep(self._rng.uniform(0.05, 0.3))

    def _break(self, nth: int) -> None:
        if self._serves and self._rng.random() < 0.5:
            self._freeze(self._rng.choice(self._workers))
        victim = self._rng.choice(self._workers)
        victim.send_signal(self._rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        self.figures["workers killed"] += 1
        if not self._serves:
            return
        assert self._wire is not None
        if self._rng.random() < 0.3:
            self._wire.cut_all()
        assert self._server is not None
        time.sleep(self._rng.uniform(0, 0.1))
        self._server.kill()
        self._server.wait()
        self.figures["servers killed"] += 1
        time.sleep(self._rng.uniform(0, 0.2))
        self._serve()

    def _freeze(self, worker: subprocess.Popen[bytes]) -> None:
        """Have a worker presumed dead, and return."""
        worker.send_signal(signal.SIGSTOP)
        threading.Timer(TERM + 2, worker.send_signal, [signal.SIGCONT]).start()
        self.figures["workers frozen"] += 1

    def _serve(self) -> None:
        command = [sys.executable, "-c", SERVER, "serve", str(self._home.parent), "--port", str(self._port)]
        command += ["--strategy", "tests.deferring:Deferring"]
        self._server = subprocess.Popen(
            command, cwd=self._folder, env={**self._environment, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE,
            stderr=(self._folder / "server.log").open("ab"),
        )  # fmt: skip
        assert self._server.stdout is not None
        for line in self._server.stdout:
            if b"PBT_URL=" in line:
                self._port = int(line.decode().partition("127.0.0.1:")[2].partition("/")[0])
                return
        raise AssertionError("the server did not start: " + (self._folder / "server.log").read_text()[-2000:])

    def _start_worker(self) -> None:
        where = str(self._home) if self._wire is None else f"http://127.0.0.1:{self._wire.port}/chaos"
        command = [sys.executable, str(WORKER), where, str(self._notes)]
        with (self._folder / "workers.log").open("ab") as log:
            worker = subprocess.Popen(command, cwd=self._folder, env=self._environment, stdout=log, stderr=log)
        self._workers.append(worker)

    def _reap(self) -> None:
        for worker in list(self._workers):
            code = worker.poll()
            if code is not None:
                self._workers.remove(worker)
                assert code in (0, -signal.SIGKILL, -signal.SIGTERM) or self._gave_up(code), (
                    f"a worker ended with {code}: " + (self._folder / "workers.log").read_text()[-3000:]
                )

    def _gave_up(self, code: int) -> bool:
        """Asked to stop while the server was away, a worker says so and ends."""
        return code == 1 and self._serves and "Unreachable" in (self._folder / "workers.log").read_text()[-3000:]

    def _begun(self) -> bool:
        return any(self._notes.glob("*.jsonl")) and bool(self._entries())

    def _finished(self) -> bool:
        entries = self._entries()
        return bool(entries) and refold(entries).finished

    def _entries(self) -> list[Entry]:
        try:
            return [decode(body) for body in folders.reader(self._home).read(0)]
        except PBTError:
            return []

    def _end(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()
        if self._server is not None:
            self._server.send_signal(signal.SIGTERM)
            self._server.wait(20)
            if self._server.stdout is not None:
                self._server.stdout.close()
        if self._wire is not None:
            self._wire.close()
            self.figures["connections cut"] = self._wire.cuts

    def _check(self) -> Population:
        entries = self._entries()
        population = check_journal(entries)
        assert population.finished
        self.figures.update(check_notes(entries, self._notes))
        self.figures["entries"] = len(entries)
        self.figures["reports"] = population.reports
        self.figures["leases"] = sum(m.newest for m in population.members)
        self.figures["exploits"] = sum(d.start == "copy" for e in entries for d in e.decisions)
        assert "CHAOS" not in (self._folder / "workers.log").read_text(), "a worker loaded half a checkpoint"
        home = self._home / "checkpoints"
        left = {f"{p.parent.name}/{p.name}" for p in home.glob("*/*") if not p.name.startswith(".")}
        assert left == population.referenced(), f"{left ^ population.referenced()}"
        return population


def clean(folder: Path) -> None:
    """Remove what a run left."""
    shutil.rmtree(folder, ignore_errors=True)
