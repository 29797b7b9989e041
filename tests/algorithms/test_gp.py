"""The Gaussian process that the PB2 family stands on."""

from __future__ import annotations

import time
from typing import Any

import pytest

np: Any = pytest.importorskip("numpy")
pytest.importorskip("scipy")

from pbt.strategies.gp import Parameters, Process, Rows, between, covariance, fit, gradients, likelihood  # noqa: E402


def rows(n: int, d: int, categories: int = 0, seed: int = 0) -> Rows:
    rng = np.random.default_rng(seed)
    return Rows(rng.uniform(0, 20, n), rng.uniform(size=(n, d)), rng.integers(0, 3, (n, categories)))


P = Parameters(1.3, 0.4, 0.07, 0.2, 0.8, 0.03, 0.35)


@pytest.mark.parametrize("categories", [0, 1, 3])
def test_gradients_agree_with_finite_differences(categories: int) -> None:
    a = rows(12, 3, categories)
    y = np.random.default_rng(1).normal(size=12)
    pairs = between(a, a)
    exact = gradients(P, pairs)
    _, slope = likelihood(P, pairs, y)
    assert len(exact) == len(slope) == (7 if categories else 4)
    for i, derivative in enumerate(exact):
        up, down = (Parameters(*(v + h * (j == i) for j, v in enumerate(P))) for h in (1e-6, -1e-6))
        noise = np.eye(12) * 2e-6 * (i == 3)
        numeric = (covariance(up, a, a) - covariance(down, a, a) + noise) / 2e-6
        assert np.allclose(derivative, numeric, atol=1e-7)
        assert slope[i] == pytest.approx(
            (likelihood(up, pairs, y)[0] - likelihood(down, pairs, y)[0]) / 2e-6, rel=1e-5, abs=1e-6
        )


@pytest.mark.parametrize("categories", [0, 2])
def test_slopes_of_a_prediction_agree_with_finite_differences(categories: int) -> None:
    a = rows(15, 3, categories)
    process = Process(P, a, np.random.default_rng(1).normal(size=15))
    point = rows(1, 3, categories, seed=5)
    mean, variance, by_mean, by_variance = process.slopes(point)
    means, variances = process.predict(point)
    assert (mean, variance) == (pytest.approx(means[0]), pytest.approx(variances[0]))
    for j in range(3):
        shift = 1e-6 * np.eye(3)[j]
        up, down = (process.slopes(point._replace(x=point.x + s * shift)) for s in (1, -1))
        assert by_mean[j] == pytest.approx((up[0] - down[0]) / 2e-6, rel=1e-4, abs=1e-7)
        assert by_variance[j] == pytest.approx((up[1] - down[1]) / 2e-6, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_every_covariance_is_positive(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = Parameters(*rng.uniform([0.1, 0.01, 0, 0.1, 0.1, 0, 0], [3, 5, 0.5, 1, 3, 0.5, 1]))
    k = covariance(p, a := rows(40, 2, seed % 3, seed), a)
    assert np.allclose(k, k.T)
    assert np.linalg.eigvalsh(k).min() > -1e-9


def test_equal_rows_are_no_difficulty() -> None:
    a = Rows(np.zeros(6), np.full((6, 2), 0.5), np.zeros((6, 0), dtype=int))
    process = Process(fit(a, np.ones(6)), a, np.ones(6))
    assert np.all(np.isfinite(process.predict(a)))


def test_it_interpolates_and_is_unsure_elsewhere_and_later() -> None:
    a = Rows(np.zeros(5), np.linspace(0, 1, 5)[:, None], np.zeros((5, 0), dtype=int))
    y = np.array([0.0, 1.0, -1.0, 0.5, 0.2])
    process = Process(Parameters(1, 0.02, 0.1, 1e-4), a, y)
    means, variances = process.predict(a)
    assert np.allclose(means, y, atol=0.01)
    assert variances.max() < 1e-3
    _, (later,) = process.predict(Rows(np.array([20.0]), a.x[:1], a.c[:1]))
    assert later > 0.8


def test_the_fit_finds_what_the_data_were_drawn_from() -> None:
    truth = Parameters(1.0, 0.1, 0.05, 0.05)
    a = rows(200, 2, seed=3)
    k = covariance(truth, a, a) + 0.05 * np.eye(200)
    y = np.linalg.cholesky(k) @ np.random.default_rng(4).normal(size=200)
    found = fit(a, y)
    assert likelihood(found, between(a, a), y)[0] >= likelihood(truth, between(a, a), y)[0]
    assert 0.03 < found.scale < 0.4
    assert 0.02 < found.noise < 0.12


def test_the_newest_rows_are_fitted_and_all_are_used() -> None:
    a = rows(1000, 8)
    y = np.sin(3 * a.x.sum(axis=1))
    began = time.process_time()
    process = Process(fit(a, y), a, y)
    assert process.predict(a)[0].shape == (1000,)
    assert time.process_time() - began < 10  # no timed test: it would take minutes on all rows
