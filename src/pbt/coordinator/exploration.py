"""Owed hyperparameters: explored outside every lock, on the fold right after the entry that owes them."""

from __future__ import annotations

from typing import NamedTuple

from pbt.coordinator.commands import ExploredCommand
from pbt.coordinator.transition import Fold
from pbt.errors import StrategyError
from pbt.population.entries import Decision
from pbt.strategies.strategy import Strategy


class Owed(NamedTuple):
    """An exploration that the decisions of one entry owe."""

    entry: int
    fold: Fold
    decisions: tuple[Decision, ...]
    strategy: Strategy

    def explore(self) -> ExploredCommand:
        """Compute it: slow, outside every lock, on the fold right after the entry.

        Raises:
            StrategyError: the strategy raised, or gave values outside the space.
        """
        try:
            explored = dict(self.strategy.explore(self.fold.population, self.fold.memory, self.decisions))
        except Exception as error:
            raise StrategyError(f"exploration raised {type(error).__name__}: {error}") from error
        space = self.fold.population.settings.space
        for decision in self.decisions:
            values, _ = explored.get(decision.member, (None, None))
            if (fault := space.fault(values)) is not None:
                raise StrategyError(f"exploration gave member {decision.member} no values inside the space: {fault}")
        return ExploredCommand(self.entry, {id: (space.clip(values), why) for id, (values, why) in explored.items()})
