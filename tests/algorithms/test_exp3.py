"""Choosing among categories: acceptance values of the published algorithm."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbt.strategies.exp3 import Rates, drawn, probabilities, rounded


def play(
    categories: int, plays: int, rates: Rates, seed: int, rounds: int, best: Callable[[int], int], gap: float
) -> list[float]:
    """The probabilities after so many rounds in which arm `best(t)` pays by `gap` more than the others."""
    rng, history = random.Random(seed), []
    for t in range(rounds):
        arms = drawn(probabilities(categories, plays, rates, history), plays, rng.random)
        history.append([(a, 0.2 + gap * (a == best(t)) + rng.uniform(-0.1, 0.1)) for a in arms])
    return probabilities(categories, plays, rates, history)


def test_the_best_arm_is_found_and_the_others_stay_alive() -> None:
    rates = Rates.of(8, 4, 100)
    ends = [play(8, 4, rates, seed, 100, lambda t: 3, 0.3) for seed in range(20)]
    assert median(4 * p[3] for p in ends) > 0.5, "the share of rounds in which it is played"
    assert sum(max(range(8), key=lambda i: p[i]) == 3 for p in ends) >= 18
    assert all(x >= rates.gamma / 8 - 1e-12 for p in ends for x in p)


def test_a_new_best_arm_catches_up_where_weight_is_given_anew() -> None:
    """Three arms, eight plays a round; the best changes after 50 rounds, and 25 are left."""

    def leads(omega: float, seed: int) -> bool:
        rates = Rates.of(3, 8, 100)._replace(omega=omega)
        after = play(3, 8, rates, seed, 75, lambda t: 0 if t < 50 else 1, 0.6)
        return max(range(3), key=lambda i: after[i]) == 1

    published = Rates.of(3, 8, 100).omega
    assert [sum(leads(omega, seed) for seed in range(20)) for omega in (published, 0.0)] == [20, 0]


def test_rounding_keeps_its_marginals() -> None:
    rng, marginals, n = random.Random(1), [0.9, 0.1, 0.55, 0.25, 0.2], 10_000
    counts = [0] * 5
    for _ in range(n):
        found = rounded(marginals, rng.random)
        assert len(set(found)) == 2
        for i in found:
            counts[i] += 1
    for count, p in zip(counts, marginals, strict=True):
        assert abs(count / n - p) < 3 * (p * (1 - p) / n) ** 0.5


@given(
    weights=st.lists(st.floats(0.01, 1), min_size=2, max_size=9), k=st.integers(1, 9), seed=st.integers(0, 2**32 - 1)
)
def test_as_many_are_drawn_as_asked_for(weights: list[float], k: int, seed: int) -> None:
    p = [w / sum(weights) for w in weights]
    found = drawn(p, k, random.Random(seed).random)
    assert len(found) == k
    assert all(0 <= i < len(p) for i in found)
    if k < len(p) and max(p) * k <= 1:
        assert len(set(found)) == k


@given(
    history=st.lists(st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1)), max_size=6), max_size=30),
    plays=st.integers(1, 8), omega=st.floats(0, 0.1),
)  # fmt: skip
def test_probabilities_are_probabilities(history: list[list[tuple[int, float]]], plays: int, omega: float) -> None:
    rates = Rates.of(5, plays, 40)._replace(omega=omega)
    p = probabilities(5, plays, rates, history)
    assert sum(p) == pytest.approx(1)
    assert min(p) >= rates.gamma / 5 - 1e-12
