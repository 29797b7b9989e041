"""The strategy behind the original client: it offers, and the client takes or leaves.

Every save is answered with an offer: whether the client should exploit, and the checkpoint of one of the
top members. An offer is a decision to go on that binds a checkpoint; it changes nothing by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pbt.errors import SettingsError
from pbt.population.entries import Checkpoint, Decision, Why
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.ranking import key_of
from pbt.population.rules import cut, rank, standing
from pbt.strategies.births import birth
from pbt.strategies.strategy import Memory, Strategy


class Original(Strategy, frozen=True):
    """Truncation that advises.

    Args:
        quantile: fraction of the ranking that is advised to exploit, and from which offers come.
        factors: the client's `explore` multiplies by one of them.
        least: no member is advised to exploit before this many members are ranked.
    """

    advises: ClassVar[bool] = True

    quantile: float = 0.2
    factors: tuple[float, ...] = (0.8, 1.2)
    least: int = 5

    def check(self) -> None:
        """Parameters in their ranges."""
        if not 0 < self.quantile <= 0.5:
            raise SettingsError(f"quantile is {self.quantile:g}: a fraction above 0, up to 0.5")

    def describe(self, population: Population) -> str:
        """Advice."""
        n = len(population.ranked)
        return f"a client among the last {cut(n, self.quantile)} of {n:,} is advised to exploit one of the first"

    def decide(self, population: Population, memory: Memory, due: Sequence[int]) -> Sequence[Decision]:
        """Birth, or go on with an offer."""
        return [self._decide(population, population.members[id]) for id in due]

    def _decide(self, population: Population, m: MemberState) -> Decision:
        if m.unborn:
            return birth(population, m.id, 1)
        n = len(population.ranked)
        k, place = cut(n, self.quantile), rank(population, m)
        offer = self._offer(population, m, max(1, k))
        low = offer is not None and n >= self.least and place > n - k and _better(population, offer, m)
        return Decision(m.id, m.step + 1, parents=(offer,) if offer else (), why=Why(place, n, k, low))

    @staticmethod
    def _offer(population: Population, m: MemberState, k: int) -> Checkpoint | None:
        """One of the first k of the standing; where that is only the member itself: the best so far."""
        top = [other.checkpoint for other, _ in zip(standing(population), range(k), strict=False)]
        others = [c for c in top if c is not None and c.member != m.id]
        if not others:
            return population.best
        others = [c for c in others if _better(population, c, m)] or others
        return others[population.chance(m.id).index("parent", len(others))]


def _better(population: Population, offer: Checkpoint, m: MemberState) -> bool:
    """Whether the offer's score is strictly better than the member's own: equals stand in an arbitrary order."""
    return m.key is not None and key_of(offer.score, population.settings.maximize) < m.key
