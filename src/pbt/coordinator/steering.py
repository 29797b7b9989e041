"""Steering: raise the steps of a population that exists, and try its failed members again."""

from __future__ import annotations

import secrets

from pbt.coordinator.interface import AnyCoordinator
from pbt.population.entries import Steered
from pbt.population.population import Population


def train_longer(coordinator: AnyCoordinator, steps: int) -> None:
    """Raise the number of steps that each member is to do."""
    coordinator.tell(Steered({"steps": steps}, by="pbt run", nonce=secrets.token_hex(16)))


def revive(coordinator: AnyCoordinator, population: Population) -> None:
    """Give every failed member another beginning: its own checkpoint, or birth, with redrawn hyperparameters.

    Members to which another launcher has given one meanwhile are left alone.
    """
    failed = [m.id for m in population.members if m.failed]
    if failed:
        coordinator.tell(Steered({"again": failed}, by="pbt run", nonce=secrets.token_hex(16)))
