"""Ends of a worker that another try can not change: a missing module, a typing error, settings that do not fit."""

from __future__ import annotations

import re

_RAISED = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt))(: .*)?")
_USAGE = re.compile(r"\S+: error: .+")
_HOPELESS = frozenset(
    [
        *("ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError", "TabError"),
        *(f"pbt.errors.{name}" for name in ("SettingsError", "SpaceError", "Forbidden", "ReadOnly", "WrongHost")),
    ]
)


def hopeless(code: int, output: str) -> str | None:
    """The line of a worker's output that says why it ended, if it would end so every time; else None.

    A launcher can tell only before the first report of the run: later on, files may be missing for a while.

    Args:
        code: its exit code.
        output: the end of its output.
    """
    lines = [line.rstrip() for line in output.splitlines()]
    if code == 1:
        for line in reversed(lines):  # some libraries print after the traceback
            raised = _RAISED.fullmatch(line)
            if raised is not None:
                return line if raised[1] in _HOPELESS else None
    if code == 2 and lines and _USAGE.fullmatch(lines[-1]):
        return lines[-1]
    return None
