"""The toy quadratic: exact values where the algebra gives them, bands where chance decides."""

from __future__ import annotations

import statistics

import pytest

from tests.support.toy import EXPLOIT_ONLY, GRID, Toy, final

SEEDS = 100


def test_without_exploit_and_explore_it_is_grid_search() -> None:
    assert final(Toy(exploits=False), 0) == pytest.approx(GRID, abs=1e-6)
    assert pytest.approx(0.38975, abs=1e-5) == GRID


def test_exploiting_weights_alone_alternates_the_coordinates() -> None:
    assert final(Toy(weights_only=True, sigma=0), 0) == pytest.approx(EXPLOIT_ONLY, abs=1e-6)
    assert pytest.approx(1.17151, abs=1e-5) == EXPLOIT_ONLY


def test_exploiting_weights_and_hyperparameters_collapses_without_exploration() -> None:
    assert final(Toy(sigma=0), 0) == pytest.approx(GRID, abs=1e-6)


@pytest.mark.slow
def test_medians_lie_in_the_published_bands_and_in_order() -> None:
    """Bands: 10 % to 90 % over 300 seeds of a prototype, given with the definition of the toy."""
    both = statistics.median(final(Toy(), seed) for seed in range(SEEDS))
    weights = statistics.median(final(Toy(weights_only=True), seed) for seed in range(SEEDS))
    explore = statistics.median(final(Toy(exploits=False, all_explore=True), seed) for seed in range(SEEDS))
    assert 1.197 <= both <= 1.200
    assert 1.162 <= weights <= 1.197
    assert 1.028 <= explore <= 1.197
    assert both > explore > GRID
