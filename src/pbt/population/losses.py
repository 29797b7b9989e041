"""Losses: which leases speak against their member, and which against the script.

A lease has nothing to show if it ended without a report that had a checkpoint, whatever the reason; only one that was
given back because its worker was asked to stop says nothing. A lease with nothing to show is a loss of its member only
where there is evidence that the script is well: an ImportError strikes every member alike, and says nothing of any.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from pbt.population.member import MemberState


def nothing_to_show(m: MemberState) -> bool:
    """Whether the member's newest lease, if it is over, ended without a report that had a checkpoint."""
    lease = m.lease
    return lease is not None and not lease.saved and lease.ended != "orderly"


def is_suspect(m: MemberState) -> bool:
    """It never had anything to show for what it was last given, or has failed already while others did well."""
    return not m.standing or m.losses > 0


class Evidence:
    """Whether the script is well, as far as a population tells.

    Args:
        members: all of the population.
        shown: reports with a checkpoint so far, of whichever member.
    """

    def __init__(self, members: Sequence[MemberState], shown: int) -> None:
        self._members = members
        self._shown = shown

    def against(self, m: MemberState) -> bool:
        """Whether the member's newest lease, which is over, is a loss.

        Either another member had something to show while it ran or since; or none is left that could: every other
        one is done, waits for this one, or is suspect itself, this one is suspect, and the script was well once.
        """
        if not nothing_to_show(m):
            return False
        assert m.lease is not None
        if self._shown > m.lease.shown:
            return True
        return is_suspect(m) and not self._others_can_tell and any(id != m.id for id in self._first_two_shown)

    @cached_property
    def _others_can_tell(self) -> bool:
        return any(not (m.done or m.waits or is_suspect(m)) for m in self._members)

    @cached_property
    def _first_two_shown(self) -> list[int]:
        return [m.id for m in self._members if m.key is not None][:2]
