"""`Follower`: a population seen from its journal alone, kept up to date as entries come."""

from __future__ import annotations

from collections.abc import Callable

from pbt.errors import Uncreated
from pbt.journals.journal import Reads
from pbt.population.entries import Entry, decode
from pbt.population.fold import apply
from pbt.population.member import MemberState
from pbt.population.population import Population

Listener = Callable[[Entry, Population | None], None]


class Follower:
    """Folds entries as they come, and passes each on to who listens."""

    def __init__(self, journal: Reads) -> None:
        self._journal = journal
        self._listeners: list[Listener] = []
        self._population: Population | None = None

    def listen(self, to: Listener) -> None:
        """Have `to` called with every entry from here on, once it is folded, and the population before it."""
        self._listeners.append(to)

    def catch_up(self) -> int:
        """Fold what is new; how many entries that were."""
        n = 0
        for body in self._journal.read(0 if self._population is None else self._population.count):
            entry = decode(body)
            before, self._population = self._population, apply(self._population, entry)
            n += 1
            for listener in self._listeners:
                listener(entry, before)
        return n

    @property
    def exists(self) -> bool:
        """Whether a population was created, as last seen."""
        return self._population is not None

    @property
    def population(self) -> Population:
        """The population as last seen.

        Raises:
            Uncreated: nothing was created yet.
        """
        if self._population is None:
            raise Uncreated("nothing was created here yet: the first worker that brings a space creates the population")
        return self._population

    @property
    def members(self) -> tuple[MemberState, ...]:
        """The members as last seen; none before the population exists."""
        return () if self._population is None else self._population.members

    @property
    def finished(self) -> bool:
        """Whether the population is finished, as last seen."""
        return self._population is not None and self._population.finished
