"""Files for workers' output: a number for each ``pbt run``, since several may train one population at once."""

from __future__ import annotations

import stat
from pathlib import Path


def fresh_logs(logs: Path) -> Path:
    """How the names of this launcher's files begin: ``logs/run-N``, N being 1 for the first launcher there.

    The first worker's file, which is made, claims the number.

    Raises:
        OSError: it can not be made.
    """
    if not logs.exists():
        logs.mkdir(parents=True, exist_ok=True)
        if logs.parent.stat().st_mode & stat.S_IWGRP:  # several users may train here
            logs.chmod(logs.stat().st_mode | stat.S_IWGRP)
    numbers = (path.name[4:].partition("-")[0] for path in logs.glob("run-*"))
    n = max((int(number) for number in numbers if number.isdecimal()), default=0)
    while True:
        n += 1
        begin = logs / f"run-{n}"
        try:
            log_of(begin, 0).touch(exist_ok=False)
            return begin
        except FileExistsError:
            continue


def log_of(begin: Path, slot: int) -> Path:
    """The file of one worker."""
    return begin.with_name(f"{begin.name}-worker-{slot}.log")
