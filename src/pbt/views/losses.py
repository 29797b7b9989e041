"""Checkpoints that were found lost: how many, the last of them, and what may have become of them."""

from __future__ import annotations

from pbt.errors import counted
from pbt.population.entries import Entry, Lost
from pbt.population.population import Population
from pbt.views.judge import Note

OFTEN = 3
"""Losses from which on it is no accident."""


class Losses:
    """A listener: see `pbt.coordinator.follower.Listener`."""

    def __init__(self) -> None:
        self.count = 0
        self._last = ""
        self._member = 0

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """Count."""
        if isinstance(entry.event, Lost):
            self.count += 1
            self._last, self._member = entry.event.checkpoint, entry.event.member

    def note(self) -> Note | None:
        """All of them in a sentence, with what to look for; None: there were none."""
        if not self.count:
            return None
        cured = "was lost, and its users were" if self.count == 1 else "were lost, and their users were"
        return Note(
            f"{counted(self.count, 'checkpoint')} {cured} cured; the last is {self._last}, which member {self._member} "
            "was to load",
            "does the script write to, move or delete what member.checkpoint names? does something clean that folder?",
        )
