"""A launcher's hand on a population that exists: train it longer, and try again what has failed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Protocol

from pbt.coordinator.answer import Answer
from pbt.population.entries import Decision, Event, Steered
from pbt.population.population import Population
from pbt.strategies.cure import again


class Steers(Protocol):
    """A coordinator that takes decisions from outside."""

    def tell(self, event: Event, decisions: Sequence[Decision] = ()) -> Answer:
        """See `Coordinator.tell`."""
        ...


def train_longer(face: Steers, steps: int) -> None:
    """Raise the number of steps that each member is to do."""
    face.tell(Steered({"steps": steps}, by="pbt run", nonce=secrets.token_hex(16)))


def revive(face: Steers, population: Population) -> None:
    """Give every failed member another beginning: its own checkpoint, or birth, with redrawn hyperparameters."""
    failed = [m for m in population.members if m.failed]
    if failed and not population.reached:
        change = {"again": [m.id for m in failed]}
        face.tell(
            Steered(change, by="pbt run", nonce=secrets.token_hex(16)),
            [again(population, m, "tried again by pbt run") for m in failed],
        )
