"""Folders for workers' output: one for each ``pbt run``, since several may train one population at once."""

from __future__ import annotations

import stat
from pathlib import Path


def fresh_logs(logs: Path) -> Path:
    """A new folder ``run-N`` below `logs`, N being 1 for the first launcher there; making it claims the number.

    Raises:
        OSError: it can not be made.
    """
    if not logs.exists():
        logs.mkdir(parents=True, exist_ok=True)
        if logs.parent.stat().st_mode & stat.S_IWGRP:  # several users may train here
            logs.chmod(logs.stat().st_mode | stat.S_IWGRP)
    taken = [int(p.name[4:]) for p in logs.glob("run-*") if p.name[4:].isdecimal()]
    n = max(taken, default=0)
    while True:
        n += 1
        folder = logs / f"run-{n}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue
