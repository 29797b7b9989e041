"""Snapshots: a fold as bytes, so that start-up does not grow with history.

A snapshot is a cache. Deleting it is always safe; one of another version, a damaged one, or one of another
journal is ignored. It is written when entries have come by the thousand, and never while an exploration is
owed, since that is computed on the fold right after its own entry.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any

import msgspec

from pbt.coordinator.transition import Fold
from pbt.errors import UNREADABLE
from pbt.journals.journal import Snapshotted
from pbt.population.population import Population
from pbt.strategies.registry import Builder
from pbt.strategies.strategy import Strategy

FOLD = 5
"""Version of the fold: raise it with every change to what entries fold to (tests/fold/test_formats.py tells)."""
SNAPSHOT_EVERY = 5000
"""Entries between two snapshots; in larger populations, as many as there are members."""
_DIGEST = 32
_log = logging.getLogger("pbt")


class _Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """The payload behind the digest.

    Attributes:
        last: the digest of the entry up to which was folded: it must stand in the journal still.
    """

    fold: int
    last: bytes
    population: Population
    memory: msgspec.Raw


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Snapshot)


class Restored(msgspec.Struct, frozen=True):
    """A fold that a snapshot held, and the strategy that goes with it."""

    fold: Fold
    strategy: Strategy
    last: bytes

    @property
    def count(self) -> int:
        """Entries that it covers."""
        return self.fold.population.count

    def covers(self, entry: bytes) -> bool:
        """Whether this is the entry up to which was folded."""
        return _digest(entry) == self.last


def restored(journal: Snapshotted, build: Builder) -> tuple[Restored, bytes] | None:
    """The fold in a journal's snapshot, and the entry up to which it goes; None: there is none of this journal."""
    found = load(journal.snapshot(), build)
    last = None if found is None else next(iter(journal.read(found.count - 1)), None)
    if found is None or last is None or not found.covers(last):
        return None
    return found, last


def crossed(before: int, population: Population) -> bool:
    """Whether a snapshot is due once the entries after number `before` are there: one of many writers finds so."""
    every = max(SNAPSHOT_EVERY, len(population.members))
    return before // every != population.count // every


def dump(fold: Fold, last: bytes, strategy: Strategy) -> bytes | None:
    """A snapshot of the fold after the entry `last`; None where the strategy's memory can not be written."""
    if strategy.remembers and strategy.memory_type is None:
        return None
    try:
        memory = msgspec.Raw(_encoder.encode(fold.memory))
        payload = _encoder.encode(_Snapshot(FOLD, _digest(last), fold.population, memory))
    except (TypeError, ValueError, OverflowError) as error:
        _log.debug("no snapshot could be made: %s", error)
        return None
    return _digest(payload) + payload


def load(body: bytes | None, build: Builder) -> Restored | None:
    """The fold in a snapshot; None where it is of no use to this version."""
    if body is None or _digest(body[_DIGEST:]) != body[:_DIGEST]:
        return None
    try:
        held = _decoder.decode(body[_DIGEST:])
        if held.fold != FOLD:
            return None
        strategy = build(held.population.settings)
        memory: Any = msgspec.msgpack.decode(held.memory, type=strategy.memory_type if strategy.remembers else None)
    except UNREADABLE as error:
        _log.debug("the snapshot is of another version: %s", error)
        return None
    return Restored(Fold(held.population, memory), strategy, held.last)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
