"""The cure: decisions on a member whose workers keep dying, or whose checkpoint is lost.

After three leases in a row without anything to show, the member is decided on as if its score were nan:
it exploits; where there is no parent it goes back to its own checkpoint, or to birth, with redrawn
hyperparameters. After three more it has failed, and is stopped.
"""

from __future__ import annotations

from collections.abc import Sequence

from pbt.population.entries import Decision, Why
from pbt.population.fold import FAILED_AFTER, decided
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.strategies.births import first_values
from pbt.strategies.explore import redraw
from pbt.strategies.strategy import Memory, Strategy, Wrapper


class Cure(Wrapper, frozen=True):
    """`inner`, with sick members cured or stopped."""

    inner: Strategy

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> Sequence[Decision]:
        """Stop failed members, ask the inner strategy about the rest, and cure sick ones that it leaves as they are."""
        sick = [
            population.members[id] for id in due if population.members[id].cure and not population.members[id].unborn
        ]
        if not sick:
            return self.inner.decide(population, memory, due)
        stops = [_stop(m) for m in sick if m.losses >= FAILED_AFTER]
        if stops:
            population = decided(population, stops)
        due = [id for id in due if population.members[id].due]
        answers = self.inner.decide(population, memory, due) if due else ()
        return [*stops, *(self._cured(population, d) for d in answers)]

    def _cured(self, population: Population, decision: Decision) -> Decision:
        m = population.members[decision.member]
        return again(population, m, _sick(m)) if m.cure and not decision.gives else decision


def _stop(m: MemberState) -> Decision:
    note = f"{m.losses} workers in a row ended without a report that had a checkpoint"
    return Decision(m.id, m.ready, stop=True, failed=True, why=Why(note=note))


def _sick(m: MemberState) -> str:
    if m.broken:
        return "checkpoint lost; no parent"
    return f"{m.losses} workers in a row ended without a report that had a checkpoint; no parent"


def again(population: Population, m: MemberState, note: str) -> Decision:
    """One's own checkpoint, or birth, with redrawn hyperparameters."""
    space, chance = population.settings.space, population.chance(m.id)
    parent = None if m.broken else m.checkpoint
    # While its own are owed, those of its weights: values that are never explored decide their shapes.
    old = m.hyperparameters or (parent.hyperparameters if parent else first_values(population.settings, chance))
    return Decision(
        m.id,
        (parent.step if parent else 0) + population.settings.interval,
        start="copy" if parent else "fresh",
        parents=(parent,) if parent else (),
        hyperparameters=redraw(space, old, chance),
        why=Why(note=note),
    )
