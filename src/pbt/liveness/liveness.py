"""Signs of life of leases' holders. They only make a member available; they refuse no report."""

from __future__ import annotations

from typing import Protocol

from pbt.population.member import Lease


class Liveness(Protocol):
    """One kind of sign of life. A lease names its kind; only an observer of the same kind judges it."""

    kind: str

    def hold(self, member: int, number: int, block: str = "") -> str:
        """Begin to give a sign of life for a lease that is about to be taken.

        Args:
            block: a name for members that one process trains at once, which may then give one sign for all of them.

        Returns:
            The sign as the lease names it; "": another living holder has the member.
        """
        ...

    def beat(self, member: int, number: int) -> None:
        """Give a sign of life."""
        ...

    def let_go(self, member: int) -> None:
        """Stop giving it."""
        ...

    def dead(self, member: int, lease: Lease) -> bool:
        """Whether the holder of this lease is presumed dead."""
        ...


class SameProcess:
    """Holders inside this process: they live as long as it does."""

    kind = "here"

    def hold(self, member: int, number: int, block: str = "") -> str:
        """Always."""
        return self.kind

    def beat(self, member: int, number: int) -> None:
        """Nothing to do."""

    def let_go(self, member: int) -> None:
        """Nothing to do."""

    def dead(self, member: int, lease: Lease) -> bool:
        """Never: observer and holder are one process."""
        return False
