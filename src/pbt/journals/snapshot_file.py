"""A journal's snapshot in a file: written aside and renamed over, so that readers see an old one or a new one whole."""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

from pbt.disk.sharing import open_shared

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
        aside = self._path.with_name(f".snapshot.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(open_shared(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
                file.write(body)
            aside.replace(self._path)
        except OSError as error:
            _log.debug("no snapshot could be written: %s", error)
            aside.unlink(missing_ok=True)
