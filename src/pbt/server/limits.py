"""How much a server takes on, by how many files this process may have open at once (``ulimit -n``).

Requests beyond a limit are refused with a sentence. Were descriptors to run out, none could be answered at all, and
populations that train could not be written.
"""

from __future__ import annotations

import resource
from typing import NamedTuple

FILES_EACH = 8
"""Files that an open population has: database, WAL, its index, locks; and its snapshot while that is written."""
SPARE = 96
"""Descriptors for the rest: the libraries' own, threads that read or write checkpoints, readers of journals."""
MOST_OPEN = 200
"""Populations that are open at once where descriptors are plenty: each has a thread, too."""


class Limits(NamedTuple):
    """Populations that may be open at once, and connections."""

    populations: int
    connections: int
    files: int


def limits() -> Limits:
    """The limits for this process now."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        files = 1 << 20
    free = max(0, files - SPARE)
    populations = max(2, min(MOST_OPEN, free // (2 * FILES_EACH)))
    return Limits(populations, max(8, free - populations * FILES_EACH), files)
