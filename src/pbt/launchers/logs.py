"""Files for workers' output: a number for each ``pbt run``, since several may train one population at once."""

from __future__ import annotations

from pathlib import Path

from pbt.disk.sharing import make_folder


def fresh_logs(logs: Path) -> Path:
    """How the names of this launcher's files begin: ``logs/run-N``, N being 1 for the first launcher there.

    The first worker's file, which is made, claims the number.

    Raises:
        OSError: it can not be made.
    """
    make_folder(logs)
    numbers = (path.name[4:].partition("-")[0] for path in logs.glob("run-*"))
    n = max((int(number) for number in numbers if number.isdecimal()), default=0)
    while True:
        n += 1
        begin = logs / f"run-{n}"
        first = log_of(begin, 0)
        try:
            first.touch(exist_ok=False)
            return begin
        except OSError:  # over SFTP, a file that another machine made at the same moment is "not permitted"
            if not first.exists():
                raise


def log_of(begin: Path, slot: int) -> Path:
    """The file of one worker."""
    return begin.with_name(f"{begin.name}-worker-{slot}.log")
