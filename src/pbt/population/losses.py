"""Losses: which leases speak against their member, and which against the script.

A lease has nothing to show if it ended without a report that had a checkpoint, whatever the reason; only one that was
given back because its worker was asked to stop says nothing. A lease with nothing to show is a loss of its member only
where there is evidence that the script is well: an ImportError strikes every member alike, and says nothing of any.
"""

from __future__ import annotations

from typing import Protocol

from pbt.population.member import MemberState


class Evidence(Protocol):
    """A population, or one that is being changed, as far as it tells of its script: see `Population`."""

    @property
    def shown(self) -> int:
        """Reports with a checkpoint."""
        ...

    @property
    def showed(self) -> int:
        """Members that made one."""
        ...

    @property
    def telling(self) -> int:
        """Members of which `can_tell` holds."""
        ...


def nothing_to_show(m: MemberState) -> bool:
    """Whether the member's newest lease, if it is over, ended without a report that had a checkpoint."""
    lease = m.lease
    return lease is not None and not lease.saved and lease.ended != "orderly"


def is_suspect(m: MemberState) -> bool:
    """It never had a checkpoint since it was last given weights, or has failed already while others did well."""
    return not m.standing or m.losses > 0


def can_tell(m: MemberState) -> bool:
    """It can be trained, and nothing speaks against it: if it has nothing to show either, the script is broken."""
    return not (is_suspect(m) or m.done or m.waits or m.paused)


def against(evidence: Evidence, m: MemberState) -> bool:
    """Whether the member's newest lease, which is over, is a loss.

    Either another member had something to show while it ran or since; or none is left that could: every other
    one is done, paused, waits for this one, or is suspect itself, this one is suspect, and the script was well once.
    """
    if not nothing_to_show(m):
        return False
    assert m.lease is not None
    if evidence.shown > m.lease.shown:
        return True
    return is_suspect(m) and not evidence.telling and evidence.showed > (m.key is not None)
