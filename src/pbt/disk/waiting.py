"""Waits: pauses between attempts that grow, and a warning to the user after two seconds and then every minute."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pbt import preempt

_log = logging.getLogger("pbt")
FIRST_POLL, LAST_POLL, _GROWTH = 0.02, 1.0, 1.5
"""Seconds between two attempts, which grow from the first to the last by this factor."""
FIRST, EVERY = 2.0, 60.0
"""Seconds until a wait is announced, and announced again; under a launcher, whose table shows it, only once."""
LAUNCHED = "PBT_RUN"
"""In the environment: a launcher started this process."""


class Waiting:
    """One wait, with growing pauses between attempts. Functions called during it may announce it with `tick`.

    Args:
        message: the warning, or a function that returns it.
        after: seconds until it is announced.
        first: seconds of the first pause.
        last: seconds of the longest pause.
    """

    def __init__(
        self, message: str | Callable[[], str] = "", after: float = FIRST, first: float = FIRST_POLL,
        last: float = LAST_POLL,
    ) -> None:  # fmt: skip
        self.message = message
        self._began = time.monotonic()
        self._next = self._began + after
        self._pause, self._last = first, last

    def over(self, patience: float | None = None) -> bool:
        """Whether to give up: the process was asked to stop, or the next pause would end after `patience` seconds."""
        late = patience is not None and time.monotonic() - self._began + self._pause > patience
        return late or preempt.requested()

    def pause(self, message: str | None = None) -> None:
        """Announce the wait if that is due, and sleep until the next attempt."""
        self.message = self.message if message is None else message
        self.tell()
        time.sleep(self._pause)
        self._pause = min(self._last, self._pause * _GROWTH)

    def tell(self) -> None:
        """Announce the wait if that is due."""
        now = time.monotonic()
        if now >= self._next:
            self._next = math.inf if LAUNCHED in os.environ else now + EVERY
            _log.warning("%s", self.message if isinstance(self.message, str) else self.message())

    def __enter__(self) -> Waiting:
        _local.waits = [*_waits(), self]
        return self

    def __exit__(self, *error: object) -> None:
        _local.waits = _waits()[:-1]


_local = threading.local()


def _waits() -> list[Waiting]:
    return getattr(_local, "waits", [])


def tick() -> None:
    """Announce the innermost wait of this thread if that is due."""
    for waiting in _waits()[-1:]:
        waiting.tell()


_blocked: list[Waiting] = []
_watcher: threading.Thread | None = None


@contextmanager
def blocked(message: str) -> Iterator[None]:
    """A wait inside one system call, announced by a watcher thread."""
    _begin_to_watch()
    waiting = Waiting(message)
    _blocked.append(waiting)
    try:
        yield
    finally:
        _blocked.remove(waiting)


def _begin_to_watch() -> None:
    global _watcher
    if _watcher is None and not sys.is_finalizing():  # no thread starts to run any more
        _watcher = threading.Thread(target=_watch, name="waits", daemon=True)
        with suppress(RuntimeError):
            _watcher.start()


def _watch() -> None:
    while True:
        time.sleep(1)
        for waiting in _blocked.copy():
            waiting.tell()


def _in_child() -> None:
    global _watcher
    _watcher = None
    _blocked.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
