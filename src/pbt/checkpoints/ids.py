"""Names that come from elsewhere: ids of checkpoints and names of files in them, which must lead nowhere else."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pbt.errors import CheckpointError

_ID = re.compile(r"(0|[1-9][0-9]{0,9})/(0|[1-9][0-9]{0,9})-(0|[1-9][0-9]{0,9})", re.ASCII)
NAME_LIMIT, PART_LIMIT = 1024, 255
"""Bytes of a file's whole name, and of each part of it."""


def parsed(id: str) -> tuple[int, int, int]:
    """Member, lease and seq of an id.

    Raises:
        CheckpointError: it is none.
    """
    found = _ID.fullmatch(id)
    if found is None:
        raise CheckpointError(f"{id[:80]!r} is no checkpoint of this population")
    return int(found[1]), int(found[2]), int(found[3])


def checked(name: str) -> str:
    """The name of a file, relative to its checkpoint's folder, once it is seen to stay inside.

    Raises:
        CheckpointError: it is absolute or too long, climbs out, or can not be written as UTF-8.
    """
    try:
        parts = [part.encode() for part in name.split("/")]
    except UnicodeEncodeError:
        raise CheckpointError(f"{name[:80]!r}: the name of a file in a checkpoint must be Unicode") from None
    if any(part in (b"", b".", b"..") or b"\0" in part or len(part) > PART_LIMIT for part in parts):
        raise CheckpointError(f"{name[:80]!r} can not name a file in a checkpoint")
    if len(name.encode()) > NAME_LIMIT or (sys.platform == "win32" and re.search(r"[\\:]", name)):
        raise CheckpointError(f"{name[:80]!r} can not name a file in a checkpoint")
    return name


def inside(folder: Path, name: str) -> Path:
    """The path of a file below `folder`; links are followed as long as they stay inside.

    Raises:
        CheckpointError: it would lie elsewhere.
    """
    root = folder.resolve()
    path = (root / checked(name)).resolve()
    if not path.is_relative_to(root):
        raise CheckpointError(f"{name[:80]!r} leads out of its checkpoint")
    return path
