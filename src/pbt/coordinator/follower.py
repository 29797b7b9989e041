"""`Follower`: a population seen from its journal alone, kept up to date as entries come."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from pbt.errors import PBTError, Uncreated
from pbt.journals.journal import Reads
from pbt.population.entries import Entry, decode
from pbt.population.fold import apply
from pbt.population.member import MemberState
from pbt.population.population import Population

Listener = Callable[[Population | None, Entry, Population], None]
"""Called with the population before an entry, the entry, and the population after it."""


class Follower:
    """Folds the entries of a journal once, for all of its listeners."""

    def __init__(self, journal: Reads) -> None:
        self._journal = journal
        self._listeners: list[Listener] = []
        self._population: Population | None = None

    def listen(self, to: Listener) -> None:
        """Have `to` called with every entry from here on: see `Listener`."""
        self._listeners.append(to)

    def catch_up(self, most: int | None = None) -> int:
        """Fold the entries that are new.

        Args:
            most: that many at most; None: all.

        Returns:
            How many there were.

        Raises:
            PBTError: an entry can not be read, or does not follow from those before it; it is named.
        """
        first = number = 0 if self._population is None else self._population.count
        for body in islice(self._journal.read(first), most):
            number += 1
            before = self._population
            entry, self._population = _folded(before, body, number)
            for listener in self._listeners:
                listener(before, entry, self._population)
        return number - first

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


def _folded(before: Population | None, body: bytes, number: int) -> tuple[Entry, Population]:
    try:
        entry = decode(body)
        return entry, apply(before, entry)
    except PBTError as error:
        raise type(error)(f"journal entry {number}: {error}") from None
    except Exception as error:
        raise PBTError(f"journal entry {number} does not follow from those before it: {error!r}") from error
