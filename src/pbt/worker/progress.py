"""One line on a terminal that says how far the member is; nothing elsewhere, and nothing under a launcher."""

from __future__ import annotations

import os
import shutil
import sys

from pbt.worker.orders import ORDERS_ENV


class Progress:
    """A line that is written over."""

    def __init__(self) -> None:
        try:
            self._on = sys.stderr.isatty() and ORDERS_ENV not in os.environ
        except (AttributeError, ValueError):  # it was closed, before Python began or since
            self._on = False
        self._width = 0

    def show(self, member: int, step: int, steps: int | None, score: object) -> None:
        """Say where the member stands."""
        if not self._on:
            return
        of = f"/{steps}" if steps is not None else ""
        shown = f"{score:.6g}" if isinstance(score, float) else "several" if isinstance(score, tuple) else str(score)
        line = f"member {member}  step {step}{of}  score {shown}"[: shutil.get_terminal_size().columns - 1]
        self._write("\r" + line.ljust(self._width))
        self._width = len(line)

    def end(self) -> None:
        """Leave the line as it is."""
        if self._width:
            self._write("\n")
            self._width = 0

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError, AttributeError):  # the terminal is gone: training goes on
            self._on = False
