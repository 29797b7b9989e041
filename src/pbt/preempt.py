"""SIGTERM and Ctrl-C: the next report saves a checkpoint, gives the member back, and ends `steps()`.

SIGTERM is what Slurm, clouds and `pbt run` send. Handlers are set only in the main thread, only where the present
ones are Python's own, and only while a member is held: before and after that a script dies of a signal as it
always did, except that Ctrl-C ends a wait for a member in order. After one signal Ctrl-C is Python's own again: the
second one ends at once.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

_log = logging.getLogger("pbt")
_DEFAULTS: dict[signal.Signals, Any] = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
_WORDS = {
    signal.SIGTERM: "SIGTERM): the next report saves a checkpoint and gives the member back",
    signal.SIGINT: "Ctrl-C): the next report saves a checkpoint and gives the member back; Ctrl-C again ends at once",
}
_requested = False
_by_hand = False
_holders = 0


def requested() -> bool:
    """Whether this process was asked to stop."""
    return _requested


def request() -> None:
    """Ask this process to stop at its next report."""
    global _requested
    _requested = True


def begin() -> None:
    """Training begins: at a prompt or in a notebook, the Ctrl-C that ended an earlier cell does not end this one."""
    global _requested, _by_hand
    if _by_hand and _interactive() and not _holders:
        _requested = _by_hand = False


def interrupted() -> bool:
    """Ctrl-C came as Python's own to one that only waits; whether it counts as the request to stop.

    Not the second one, and not at a prompt, where it ends a cell and nothing else.
    """
    if _requested or _interactive():
        return False
    request()
    _log.warning("asked to stop (Ctrl-C) before there was a member to train")
    return True


def watch() -> None:
    """A member is held from now on."""
    global _holders
    _holders += 1
    if not _interactive():  # at a prompt Ctrl-C keeps its meaning until steps are trained
        renew()


def renew() -> None:
    """Set the handlers, if a member is held: a notebook sets its own anew in each cell."""
    if _holders and threading.current_thread() is threading.main_thread():
        for number, default in _DEFAULTS.items():
            again = number == signal.SIGINT and _requested
            if signal.getsignal(number) in (default, _first_in_child) and not again:
                signal.signal(number, _on_signal)


def unwatch() -> None:
    """A member is held no longer; after the last one Python's own handlers are back."""
    global _holders
    _holders -= 1
    if _holders <= 0 and threading.current_thread() is threading.main_thread():
        _put_back()


def _put_back(*numbers: signal.Signals) -> list[signal.Signals]:
    """Set Python's own handlers where these ones are set, by default for all; which signals those were."""
    ours = [number for number in numbers or _DEFAULTS if signal.getsignal(number) is _on_signal]
    for number in ours:
        signal.signal(number, _DEFAULTS[number])
    return ours


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _by_hand
    if _holders <= 0:  # the last member was given back by another thread, which could not put anything back
        _put_back()
        signal.raise_signal(number)
        return
    _put_back(signal.SIGINT)
    _by_hand = number == signal.SIGINT
    request()
    _log.warning("asked to stop (%s", _WORDS[signal.Signals(number)])


def _interactive() -> bool:
    """Whether Python runs interactively, at a prompt or in a notebook."""
    return hasattr(sys, "ps1")


_fork = threading.local()


def _hold_back() -> None:
    """A signal that comes to a child before it has its own handlers would be lost."""
    _fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _DEFAULTS) if _holders > 0 else None


def _let_through() -> None:
    if _fork.mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _fork.mask)


def _in_child() -> None:
    """A forked child holds no member: SIGTERM ends it, as `multiprocessing` relies on.

    A terminal sends Ctrl-C to the children, too. The first one would take away the worker's helpers, such as those
    that load its data, before it can save.
    """
    global _requested, _by_hand, _holders
    _requested = _by_hand = False
    _holders = 0
    if signal.SIGINT in _put_back():
        signal.signal(signal.SIGINT, _first_in_child)
    _let_through()


def _first_in_child(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold_back, after_in_parent=_let_through, after_in_child=_in_child)
