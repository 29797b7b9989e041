"""`Lending`: a member reads another's checkpoint in place, or gets a copy if it could write there."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Collection
from pathlib import Path

from pbt.checkpoints.manifest import check, manifest_of
from pbt.checkpoints.plain import remove
from pbt.checkpoints.store import MANIFEST, CheckpointStore
from pbt.population.entries import Checkpoint

_log = logging.getLogger("pbt")
FULL = (errno.ENOSPC, errno.EDQUOT)


class Lending:
    """The checkpoints of others that one member loads.

    A published file has no write permission. That does not bind root, nor exist on every file system: a worker that
    could write to it all the same gets a copy, deleted as soon as the member holds that checkpoint no longer.
    """

    def __init__(self) -> None:
        self._copies: dict[str, Path] = {}

    def folder(self, store: CheckpointStore, of: Checkpoint, member: int, lease: int) -> Path:
        """The folder of a checkpoint, for a member to load.

        Raises:
            CheckpointError: it is not whole.
            OSError: the store can not be reached or read now.
        """
        given = self._copies.get(of.id)
        if given is not None and given.is_dir():
            return given
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
        self._copies[of.id] = copy
        return copy

    def is_copy(self, path: Path) -> bool:
        """Whether this path is the one that the member was given."""
        return path in self._copies.values()

    def only(self, ids: Collection[str]) -> None:
        """The member holds these checkpoints: delete the copies of others."""
        for id in [id for id in self._copies if id not in ids]:
            remove(self._copies.pop(id))

    def end(self) -> None:
        """Delete the copies."""
        self.only(())
