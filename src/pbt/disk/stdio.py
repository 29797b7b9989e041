"""Standard output and error that may be closed, full, broken, or too poor for Unicode: no training ends by that."""

from __future__ import annotations

import codecs
import functools
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any

_PLAIN = {
    "…": "...", "–": "-", "━": "=", "·": "|", "×": "x", "←": "<-", "→": "->", "±": "+-", "★": "*", "●": "o", "░": ":",
    "─": "-", "│": "|", "└": "`", "├": "+", "┬": "+", "┯": "+", **dict(zip("▁▂▃▄▅▆▇█", "_.,-~=+#", strict=True)),
}  # fmt: skip


def hold() -> None:
    """Let closed standard descriptors lead nowhere: the next file opened would get such a number, and prints into it.

    Python's own `sys.stdout` and `sys.stderr`, None where they were closed, lead there too.
    """
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", closefd=False))  # noqa: SIM115


def soften() -> None:
    """Let standard output replace characters that its encoding does not have."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="pbt-plain")


def forgive(*names: str) -> None:
    """Make ``stdout`` or ``stderr`` discard output once its reader is gone or its disk is full."""
    for name in names:
        stream = getattr(sys, name)
        try:
            fd = stream.fileno()
        except (AttributeError, OSError, ValueError):
            continue
        if isinstance(getattr(getattr(stream, "buffer", None), "raw", None), _Forgiving):
            continue
        raw = _Forgiving(fd, "wb", closefd=False)
        raw.former = stream  # which closes the descriptor when it is forgotten
        buffer = io.BufferedWriter(raw)
        lines = name == "stderr" or stream.isatty()
        text = io.TextIOWrapper(buffer, stream.encoding or "ascii", "pbt-plain", line_buffering=lines)
        setattr(sys, name, text)


def say(text: str) -> None:
    """Write a line for the user to standard error, if it is open."""
    with suppress(OSError, ValueError, AttributeError):
        print(f"pbt: {text}", file=sys.stderr, flush=True)


@functools.cache
def say_once(text: str) -> None:
    """As `say`, the first time that this process says so."""
    say(text)


class _Forgiving(io.FileIO):
    """A file that leads nowhere from the first write on that fails."""

    former: Any = None

    def write(self, data: Any) -> int:
        try:
            while (written := super().write(data)) is None:  # the descriptor was made non-blocking
                select.select([], [self], [])
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(memoryview(data).cast("B"))
        return written


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """The replacement of a character that the terminal's encoding does not have."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    c = error.object[error.start]
    if "\udc80" <= c <= "\udcff":  # a byte of a file's name that is no text
        return bytes([ord(c) - 0xDC00]), error.start + 1
    return _PLAIN.get(c, "?"), error.start + 1


codecs.register_error("pbt-plain", _plain)
