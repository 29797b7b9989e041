"""SIGTERM, as Slurm, clouds and `pbt run` send it: the next report saves, gives the member back, and ends `steps()`.

The handler is set only in the main thread, only where the present one is the default, and only while a
member is held: a script that has finished training dies of a signal as it always did.
"""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

_log = logging.getLogger("pbt")
_requested = False
_holders = 0
_installed = False


def requested() -> bool:
    """Whether this process was asked to stop."""
    return _requested


def request() -> None:
    """Ask this process to stop at its next report."""
    global _requested
    _requested = True


def watch() -> None:
    """A member is held from now on."""
    global _holders, _installed
    _holders += 1
    if _installed or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_term)
        _installed = True


def unwatch() -> None:
    """A member is held no longer; after the last one the default handler is back."""
    global _holders, _installed
    _holders -= 1
    if _holders > 0 or not _installed or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is _on_term:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _installed = False


def _on_term(number: int, frame: FrameType | None) -> None:
    request()
    _log.warning("asked to stop (SIGTERM): the next report saves a checkpoint and gives the member back")
