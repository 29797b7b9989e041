"""The store's protocol: checkpoints are whole when published, and stay while they are referenced."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from pbt.errors import CheckpointError
from pbt.population.entries import Checkpoint

_log = logging.getLogger("pbt")
MANIFEST = "pbt.json"
STALE = (
    "%s exists already, and no report of this journal named it: it is replaced. Was the journal restored from a copy?"
)
"""Said where a checkpoint has an id that was given once before, in a future which the journal has lost."""
Named = Callable[[], bool]
"""Asks whether a report of this journal has named the checkpoint that is to be published."""


def check_unnamed(id: str, where: object, named: Named | None) -> None:
    """The checkpoint stored under the id may be replaced: it is of a future that the journal has lost.

    Raises:
        CheckpointError: a report has named it.
    """
    if named is not None and named():
        raise CheckpointError(f"checkpoint {id} exists already: a report has named it, or a later one")
    _log.warning(STALE, where)


class Manifest(msgspec.Struct, frozen=True):
    """``pbt.json`` in a checkpoint's folder: it explains itself.

    Attributes:
        parent: the checkpoint from which the member's present segment began.
        files: names relative to the folder, with sizes in bytes.
        sha256: hashes of the same files, in hexadecimal, where their bytes travelled; a folder that all workers see
            has none.
    """

    checkpoint: Checkpoint
    parent: str | None
    files: dict[str, int]
    format: int = 1
    sha256: dict[str, str] = {}


class CheckpointStore(Protocol):
    """Checkpoints by id."""

    def staging(self, member: int, lease: int) -> Path:
        """A new empty folder to save into."""
        ...

    def is_staging(self, path: Path) -> bool:
        """Whether the path is one that `staging` gave."""
        ...

    def adopt(self, source: Path, member: int, lease: int) -> Path:
        """A staging folder with a copy of a file or folder that the user saved at a path of his own."""
        ...

    def publish(self, staging: Path, checkpoint: Checkpoint, parent: str | None, named: Named | None = None) -> Path:
        """Make a staged folder durable and visible under its id; whole or not at all.

        Args:
            named: asked where the id exists already; a checkpoint that a report has named is not replaced.
        """
        ...

    def fetch(self, id: str) -> Path:
        """The folder of a checkpoint, checked against its manifest.

        Raises:
            CheckpointError: it is not whole.
            OSError: the store is out of reach.
        """
        ...

    def delete(self, id: str) -> None:
        """Delete a checkpoint; one that is gone already is no error."""
        ...

    def collect(self, member: int, lease: int, seq: int, keep: Iterable[str]) -> None:
        """Delete the member's checkpoints up to (lease, seq) that are not in `keep`, and earlier leases' stagings."""
        ...

    def sweep(self, referenced: Iterable[str], stagings: bool = False) -> None:
        """Delete every checkpoint that is not referenced; only for a population that is finished.

        Args:
            referenced: read once the existing checkpoints have been listed. Those unreferenced then stay so; later
                ones are not in the list, and may be needed, since a finished population can be given more steps.
            stagings: delete also folders that were being saved when they were listed, and never published.
        """
        ...
