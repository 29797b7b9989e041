"""Fresh folders under ``./pbt-runs/``, for what was started without naming one."""

from __future__ import annotations

import time
from pathlib import Path


def fresh_folder(name: str) -> Path:
    """A new, empty folder ``pbt-runs/NAME-TIME``, relative to where the process stands."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    n = 0
    while True:
        folder = Path("pbt-runs", f"{name}-{stamp}{f'-{n}' if n else ''}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            n += 1
