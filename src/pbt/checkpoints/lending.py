"""`Lending`: what a member is given of another's checkpoint: its folder to read, or a copy if it could write there."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

from pbt.checkpoints.manifest import check, manifest_of
from pbt.checkpoints.plain import remove
from pbt.checkpoints.store import MANIFEST, CheckpointStore
from pbt.population.entries import Checkpoint

_log = logging.getLogger("pbt")
FULL = (errno.ENOSPC, errno.EDQUOT)


class Lending:
    """The checkpoints of others that one member loads.

    A published file has no write permission. That does not bind root, nor exist on every file system: who could write
    to it all the same gets a copy, which goes as soon as the member stands on another checkpoint.
    """

    def __init__(self) -> None:
        self._id, self._copy = "", Path()

    def folder(self, store: CheckpointStore, of: Checkpoint, member: int, lease: int) -> Path:
        """The folder of a checkpoint, for a member to load.

        Raises:
            CheckpointError: it is not whole.
            OSError: the store can not be reached or read now.
        """
        if self._id == of.id and self._copy.is_dir():
            return self._copy
        self.end()
        found = store.fetch(of.id)
        if of.member == member or not os.access(found / MANIFEST, os.W_OK):
            return found
        try:
            copy = store.adopt(found, member, lease)
        except OSError as error:
            if error.errno not in FULL:
                raise
            _log.warning("no room for a copy of checkpoint %s, which others load, too: do not write to it", of.id)
            return found
        try:
            check(copy, manifest_of(copy, of.id))
        except BaseException:
            remove(copy)
            raise
        self._id, self._copy = of.id, copy
        return copy

    def is_copy(self, path: Path) -> bool:
        """Whether this is what the member was given."""
        return bool(self._id) and path == self._copy

    def only(self, id: str | None) -> None:
        """The member stands on this checkpoint: it needs no other."""
        if id != self._id:
            self.end()

    def end(self) -> None:
        """Delete what was copied."""
        if self._id:
            remove(self._copy)
            self._id = ""
