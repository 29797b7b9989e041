"""What this process waits for, said where its user sees it: after a second or two, and then every minute."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pbt.coordinator.interface import Face
    from pbt.population.population import Population

_log = logging.getLogger("pbt")
FIRST_POLL, LAST_POLL = 0.02, 1.0
"""Seconds between two questions of who waits; they grow from the first to the last."""
FIRST, EVERY = 2.0, 60.0
"""Seconds of waiting after which something is said, and said again. A launcher's table shows who waits: there, once."""
LAUNCHED = "PBT_RUN"
"""In the environment: a launcher started this process."""
_SHOWN = 10
"""Members that are named one by one."""


class Waiting:
    """One wait, told by whoever does the waiting, or with `tick` by what it calls.

    Args:
        what: is waited for.
        after: seconds until it is told.
    """

    def __init__(self, what: str | Callable[[], str], after: float = FIRST) -> None:
        self.what = what
        self._next = time.monotonic() + after

    def tell(self) -> None:
        """It goes on."""
        now = time.monotonic()
        if now >= self._next:
            self._next = math.inf if LAUNCHED in os.environ else now + EVERY
            _log.warning("%s", self.what if isinstance(self.what, str) else self.what())

    def __enter__(self) -> Waiting:
        _local.waits = [*_waits(), self]
        return self

    def __exit__(self, *error: object) -> None:
        _local.waits = _waits()[:-1]


_local = threading.local()


def _waits() -> list[Waiting]:
    return getattr(_local, "waits", [])


def tick() -> None:
    """What this thread waits for goes on."""
    for waiting in _waits()[-1:]:
        waiting.tell()


_blocked: list[Waiting] = []
_watcher: threading.Thread | None = None


@contextmanager
def blocked(what: str) -> Iterator[None]:
    """A wait within one call of the system, told by a thread that from the first such wait on looks every second."""
    _begin_to_watch()
    waiting = Waiting(what)
    _blocked.append(waiting)
    try:
        yield
    finally:
        _blocked.remove(waiting)


def _begin_to_watch() -> None:
    global _watcher
    if _watcher is None and not sys.is_finalizing():  # a thread that begins then never comes to run
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


def for_a_member(where: str, face: object, wish: int | None, ours: Collection[int]) -> str:
    """Why nobody is free.

    Args:
        wish: the one member that is asked for.
        ours: those that this very process holds.
    """
    asked = f"member {wish}" if wish is not None else "a member"
    begin = f"waiting for {asked} of {where}: "
    own = sorted(ours if wish is None else {wish}.intersection(ours))
    if own:
        return (
            f"{begin}{_members(own)} held by this very process: train on with what join or turns gave before, or "
            "give it back with its close()"
        )
    population = _seen(face)
    if population is None:
        return f"{begin}living workers hold all that can be trained now; it is taken once one is given back"
    left = [m for m in population.members if not m.done and (wish is None or m.id == wish)]
    due = [m.id for m in left if m.due]
    if wish is not None:
        return begin + ("it waits for a decision" if due else "a living worker holds it")
    waits = f", {len(due)} of them waiting for a decision" if due else ""
    more = f": more than {len(left)} workers at once are of no use" if len(left) == len(population.members) else ""
    return f"{begin}living workers hold the {len(left)} that are not done{waits}{more}"


def for_a_decision(face: Face, member: int) -> str:
    """Why a member that has reported can not go on."""
    begin = f"member {member} waits for "
    population = _seen(face)
    if population is None:
        return f"{begin}the server's answer; at a barrier it comes once every member of the round has reported"
    if population.members[member].owed:
        return f"{begin}new hyperparameters, which another process works out"
    lacks = [m.id for m in population.members if m.living and not m.due]
    return f"{begin}the others at the barrier: {_members(lacks)} still to report" if lacks else f"{begin}a decision"


def _members(ids: Collection[int]) -> str:
    named = ", ".join(map(str, list(ids)[:_SHOWN]))
    rest = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    return f"member {named} is" if len(ids) == 1 else f"members {named}{rest} are"


def _seen(face: object) -> Population | None:
    """The population, where it is at hand: a server is not asked for the sake of a sentence."""
    return getattr(face, "population", None)
