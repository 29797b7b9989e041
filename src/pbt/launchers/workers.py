"""Worker processes on this machine: each with its environment, its output in a file, in a session of its own."""

from __future__ import annotations

import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from pbt.errors import SettingsError
from pbt.launchers.watchdog import Watchdog, send
from pbt.worker.orders import ORDERS_ENV, Orders

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
TAIL = 20
"""Lines of a failed worker's output that are shown."""
_TAIL_BYTES = 64 * 1024
_LONGEST = 500
"""Letters of a line that are shown."""
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")


class Worker:
    """One slot of the launcher, with the process that runs in it at present.

    Attributes:
        token: begins the nonces of the present process's leases, so that the journal tells whose they are.
        failures: ends in a row without a reported checkpoint that count against the worker, not its member.
        useful: some process in this slot reported with a checkpoint.
        over: it is not started again.
        stalled: the present process hung, and is being ended.
    """

    def __init__(self, slot: int, log: Path) -> None:
        self.slot = slot
        self.log = log
        self.token = ""
        self.failures = 0
        self.useful = False
        self.starts = 0
        self.over = False
        self.stalled = False
        self.process: subprocess.Popen[bytes] | None = None
        self._output_from = 0

    def start(self, command: Sequence[str], environment: Mapping[str, str], orders: Orders, watchdog: Watchdog) -> None:
        """Start the command."""
        self.starts += 1
        self.stalled = False
        self.token = orders.token
        try:
            with self.log.open("ab") as output:
                self._output_from = output.tell()
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**environment, ORDERS_ENV: msgspec.json.encode(orders).decode()},
                    start_new_session=True,
                )
        except OSError as error:
            raise SettingsError(f"{shlex.join(command)} can not be started: {error.strerror}") from None
        watchdog.watch(self.process.pid)

    @property
    def running(self) -> bool:
        """Whether a process runs in this slot."""
        return self.process is not None

    @property
    def log_quoted(self) -> str:
        """The path of the log, as a shell takes it."""
        return shlex.quote(str(self.log))

    def reap(self, watchdog: Watchdog) -> int | None:
        """The exit code, once, if the process has ended; processes that it left running are ended too."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        send(self.process.pid, 9)
        watchdog.forget(self.process.pid)
        self.process = None
        return code

    def signal(self, number: int) -> None:
        """Send a signal to the process and its process group."""
        if self.process is not None:
            send(self.process.pid, number)

    def ask(self, here: Path) -> None:
        """Ask the training processes to save and end; helpers, such as data loaders, are still needed until then.

        Args:
            here: tells which processes have joined; before one has, all are asked.
        """
        try:
            trains = [int(line) for line in here.read_text().split()]
        except (OSError, ValueError):
            trains = []
        asked = [self._asked(pid) for pid in trains]
        if not any(asked):
            self.signal(signal.SIGTERM)

    def _asked(self, pid: int) -> bool:
        try:
            if self.process is None or os.getpgid(pid) != self.process.pid:
                return False
            os.kill(pid, signal.SIGTERM)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def printed(self) -> float:
        """Seconds since it last printed something."""
        try:
            return time.time() - self.log.stat().st_mtime
        except OSError:
            return math.inf

    def tail(self) -> str:
        """The end of the present process's output, without a terminal's control sequences."""
        with self.log.open("rb") as output:
            end = output.seek(0, os.SEEK_END)
            output.seek(max(self._output_from, end - _TAIL_BYTES))
            text = output.read().decode(errors="replace")
        return "\n".join(_CONTROL.sub("", line)[:_LONGEST] for line in text.splitlines()[-TAIL:])


def environment(slot: int, workers: int, gpus: Sequence[str]) -> dict[str, str]:
    """A worker's environment: threads for its share of the cores, and one of the GPUs.

    ``python`` means the Python of the virtual environment in which `pbt` is installed, activated or not.

    Two BLAS threads each for as many workers as cores made training eight times slower.
    """
    env = dict(os.environ)
    if sys.prefix != sys.base_prefix:
        env["PATH"] = os.pathsep.join([str(Path(sys.prefix, "bin")), env.get("PATH", "")])
    threads = max(1, (os.cpu_count() or 1) // workers)
    for name in THREADS:
        env.setdefault(name, str(threads))
    env.setdefault("PYTHONUNBUFFERED", "1")
    if gpus:
        env["CUDA_VISIBLE_DEVICES"] = gpus[slot % len(gpus)]
    return env
