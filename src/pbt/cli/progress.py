"""How far a long reading of a journal has come."""

from __future__ import annotations

import sys
import time

from rich.console import Console

from pbt.opening.opening import open_journal
from pbt.views.followed import Followed

_PATIENCE, _EVERY = 2.0, 5.0
"""Seconds of reading before a word is said, and between two lines where there is no terminal."""
_PIECE = 1000
"""Entries that are read between two words."""


def followed(where: str) -> Followed:
    """A population at `where` for its views, read as it stands, with progress on standard error.

    Raises:
        JournalError: there is none.
        Uncreated: nothing was created yet.
        Unreachable: no server answers.
    """
    found = Followed(open_journal(where))
    catch_up(found)
    _ = found.population
    return found


def catch_up(found: Followed) -> None:
    """Read what there is, with progress on standard error where that takes long."""
    with Telling(Console(stderr=True)) as telling:
        while found.catch_up(_PIECE) == _PIECE:
            telling.tell(found.entry)


class Telling:
    """Says how far a long reading has come: in place on a terminal, else a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("", spinner="dots") if console.is_terminal else None
        self._shown = time.monotonic() + _PATIENCE - _EVERY
        self._began = False

    def __enter__(self) -> Telling:
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None and self._began:
            self._status.stop()

    def tell(self, entries: int) -> None:
        """So many entries are read."""
        if self._began or time.monotonic() - self._shown >= _EVERY:
            self._began = True
            self.say(f"{entries:,} journal entries read …")

    def say(self, text: str) -> None:
        """Show the progress, once reading has taken noticeably long."""
        if not self._began:
            return
        if self._status is not None:
            self._status.update(text)
            self._status.start()
        elif time.monotonic() - self._shown >= _EVERY:
            self._shown = time.monotonic()
            print(text, file=sys.stderr, flush=True)
