"""The watchdog of a launcher: it ends every worker's process group when the launcher is gone, also after ``kill -9``.

It reads lines ``+PID`` and ``-PID`` from a pipe whose other end only the launcher holds; the pipe's end
is the launcher's end. Workers are sessions of their own, so their number is that of their group.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

KILL_GRACE = 10.0
"""Seconds between asking (SIGTERM) and ending (SIGKILL)."""


class Watchdog:
    """The launcher's side."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pbt.launchers.watchdog"], stdin=subprocess.PIPE, start_new_session=True
        )

    def watch(self, pid: int) -> None:
        """A worker began."""
        self._say(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        """A worker was reaped."""
        self._say(f"-{pid}\n")

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()

    def close(self) -> None:
        """Every worker has ended."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


def send(pid: int, signal_number: int) -> bool:
    """Send a signal to a worker's whole group; False if the group is gone."""
    try:
        os.killpg(pid, signal_number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def main() -> None:
    """Wait for the launcher's end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line[0] == "+":
            groups.add(pid)
        else:
            groups.discard(pid)
    groups = {pid for pid in groups if send(pid, signal.SIGTERM)}
    end = time.monotonic() + KILL_GRACE
    while groups and time.monotonic() < end:
        time.sleep(0.05)
        groups = {pid for pid in groups if send(pid, 0)}
    for pid in groups:
        send(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
