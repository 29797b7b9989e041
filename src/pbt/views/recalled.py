"""The fold of a journal with its strategy's memory, from the journal's snapshot on, when somebody asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from pbt.coordinator.snapshot import restored
from pbt.coordinator.transition import Fold, fold_all
from pbt.journals.journal import Snapshotted
from pbt.population.entries import decode
from pbt.population.recorded import Settings
from pbt.strategies.registry import build
from pbt.strategies.shown import Table
from pbt.strategies.strategy import Strategy


class Recalled:
    """The fold of a journal with its strategy's memory, as far as it was asked for.

    Args:
        journal: read from its snapshot on, so that the first question does not read a long history.
    """

    def __init__(self, journal: Snapshotted) -> None:
        self._journal = journal
        self._strategy: Strategy | None = None
        self._fold: Fold | None = None

    def shown(self, settings: Settings) -> Sequence[Table]:
        """What the strategy shows now.

        Raises:
            PBTError: it can not be imported here, or an entry can not be read.
        """
        if self._strategy is None:
            held = restored(self._journal, build)
            self._strategy = build(settings) if held is None else held[0].strategy
            self._fold = None if held is None else held[0].fold
        known = 0 if self._fold is None else self._fold.population.count
        self._fold = fold_all(self._fold, [decode(body) for body in self._journal.read(known)], self._strategy)
        return self._strategy.show(*self._fold)
