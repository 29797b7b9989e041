"""A journal's snapshot in a file: written aside and renamed over, so that readers see an old one or a new one whole."""

from __future__ import annotations

import logging
from pathlib import Path

from pbt.disk.whole import replace

_log = logging.getLogger("pbt")


class SnapshotFile:
    """``snapshot`` in a population's folder; not fsynced, since it may be lost at any time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "snapshot"

    def read(self) -> bytes | None:
        """The newest one; None if there is none."""
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    def write(self, body: bytes) -> None:
        """Replace it; where that can not be, the old one stays."""
        try:
            replace(self._path, body)
        except OSError as error:
            _log.debug("no snapshot could be written: %s", error)
