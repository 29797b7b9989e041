"""A snapshot beside a journal: a cache of what its entries fold to. Deleting it is always safe."""

from __future__ import annotations

import logging
import os
from pathlib import Path

_log = logging.getLogger("pbt")
FILE = "snapshot"


class SnapshotFile:
    """``snapshot`` in a population's folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def read(self) -> bytes | None:
        """What was written last; None if there is nothing, or it can not be read."""
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    def write(self, body: bytes) -> None:
        """Put `body` in its place: whole or not at all. What fails is only logged."""
        aside = self._path.with_name(f".{FILE}.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            aside.write_bytes(body)
            aside.replace(self._path)
        except OSError as error:
            _log.debug("no snapshot was written: %s", error)
            aside.unlink(missing_ok=True)
