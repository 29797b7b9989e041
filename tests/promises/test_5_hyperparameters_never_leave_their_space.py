"""Promise 5: hyperparameters never leave their space, whatever strategy and however long.

Further: `test_space.py` (each domain by itself), `test_openings.py` (strategies of a user's own).
"""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

import pbt
from pbt.population.entries import Explored
from pbt.population.recorded import StrategyRecord
from pbt.strategies.registry import KNOWN, ORIGINAL, bare
from tests.support.population import Script

SPACE: dict[str, Any] = {
    "lr": pbt.Float(1e-4, 1.0, log=True),
    "dropout": pbt.Float(0, 0.6),
    "layers": pbt.Int(1, 8),
    "width": pbt.Int(1, 1024, log=True),
    "batch": pbt.Ordinal([32, 64, 128]),
    "act": pbt.Choice(["a", "b", "c"]),
    "shape": pbt.Int(1, 4, explore=False),
    "decay": 1e-4,
}
NEEDED = {"follow": {"schedule": [(0, {"lr": 0.1}), (9, {"lr": 0.01})], "followers": 2}}
"""Parameters without a default."""


@pytest.mark.parametrize("synchronous", [False, True], ids=["asynchronous", "barrier"])
@pytest.mark.parametrize("strategy", [
    pytest.param(name, marks=pytest.mark.slow if name.startswith("pb2") else ())
    for name in sorted(KNOWN.keys() - {ORIGINAL})
])  # fmt: skip
def test_every_value_of_every_decision_lies_in_the_space(strategy: str, synchronous: bool) -> None:
    needed = NEEDED.get(strategy, {})
    kind = bare(StrategyRecord(strategy, needed))
    more = {} if kind.needs_barrier else {"synchronous": synchronous}
    rounds = 30 if kind.remembers else 300  # what learns a model takes longer
    s = Script(space=SPACE, steps=600, strategy={"name": strategy, **needed}, **more)
    rng = random.Random(3)
    for member in range(4):
        s.join(member)
    for step in range(rounds):
        drafts = [s.draft(member, rng.choice([rng.gauss(0, 1), step, math.nan])) for member in range(4)]
        for draft in (*drafts, *drafts):  # the second time everybody has been decided on
            s.send(draft)
    space = s.population.settings.space
    given = [d.hyperparameters for e in s.entries for d in e.decisions if d.hyperparameters is not None]
    given += [values for e in s.entries if isinstance(e.event, Explored) for values in e.event.values.values()]
    assert len(given) > rounds // 3
    assert all(values in space for values in given)
    assert all(m.hyperparameters in space for m in s.population.members)


def test_a_strategy_that_decides_the_impossible_is_stopped() -> None:
    s = Script(strategy=f"{__name__}:Outside")
    with pytest.raises(pbt.StrategyError, match="outside the space"):
        s.report(0, 1)
    assert len(s.entries) == 2


class Outside(pbt.PBT, frozen=True):
    """Gives values that are not in the space."""

    def decide(self, population: Any, memory: Any, due: Any) -> Any:
        found = super().decide(population, memory, due)
        return [
            d if d.start == "fresh" else pbt.Decision(d.member, d.ready, hyperparameters={"lr": 7.0}) for d in found
        ]
