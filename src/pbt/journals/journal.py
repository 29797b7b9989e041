"""The journal's protocol: numbered byte strings and compare-and-append, the whole concurrency contract."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol
from weakref import WeakMethod


class Raced(Exception):
    """Another writer appended first: catch up, and decide anew."""


def mend(population: Path) -> str:
    """Advice about a damaged journal in this folder."""
    return (
        "restore the folder from a copy, or see what can be saved from this one: "
        f"pbt doctor {shlex.quote(str(population))}"
    )


class Reads(Protocol):
    """A journal, for reading: entries 1, 2, 3, … as bytes."""

    def read(self, after: int) -> Iterable[bytes]:
        """The entries after number `after`, in order."""
        ...


class Snapshotted(Reads, Protocol):
    """A journal, for reading, with a snapshot of its fold."""

    def snapshot(self) -> bytes | None:
        """The last snapshot saved, if it is still there: a cache, which may be deleted at any time."""
        ...


class Journal(Snapshotted, Protocol):
    """A journal, for reading and writing."""

    def append(self, expected: int, entries: Sequence[bytes]) -> None:
        """Append after entry number `expected`, all or nothing; durable when it returns.

        Raises:
            Raced: the last entry is not number `expected`.
            Unavailable: the entries could not be made durable.
        """
        ...

    def fair_turn(self, meanwhile: Callable[[], None] | None = None) -> AbstractContextManager[object]:
        """A fair turn among writers. Fairness only: an append without it is safe too.

        Args:
            meanwhile: called once this writer is the next, while another still has the turn.
        """
        ...

    def save_snapshot(self, body: bytes) -> None:
        """Keep a snapshot instead of the one before; a failure is no error."""
        ...

    def close(self) -> None:
        """Release files, locks and connections."""
        ...


def weakly(method: Callable[[], None]) -> Callable[[], None]:
    """The method, without keeping its object alive: a coordinator that is let go closes its journal at once."""
    reference = WeakMethod(method)

    def call() -> None:
        held = reference()
        if held is not None:
            held()

    return call
