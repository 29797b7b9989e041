"""A small network on a noisy target: real learning, in which a large learning rate and then decay pays.

A network of one hidden layer of 24 tanh units learns y = sin(3 x) + x / 2 + noise of deviation 0.5 from 200 points in
[-2, 2], by plain gradient descent with momentum on batches of 8; a round is 20 batches. It is scored on 100 noisy
points of its own; its value is the mean squared error on 400 points without noise. No optimum is known.
"""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
from bench.problems.problem import Problem
from numpy.typing import NDArray

import pbt

Array = NDArray[np.float64]
ROUNDS, BATCHES, BATCH, HIDDEN, NOISE = 100, 20, 8, 24, 0.5


def _target(x: Array) -> Array:
    return np.asarray(np.sin(3 * x) + x / 2)


def _data(seed: int) -> tuple[Array, Array, Array, Array]:
    rng = np.random.default_rng(seed)
    x, held_out = rng.uniform(-2, 2, (200, 1)), rng.uniform(-2, 2, (100, 1))
    noisy = [_target(z) + NOISE * rng.standard_normal(z.shape) for z in (x, held_out)]
    return x, noisy[0], held_out, noisy[1]


def _forward(weights: list[Array], x: Array) -> tuple[Array, Array]:
    a, b, c, d = weights
    hidden = np.tanh(x @ a + b)
    return hidden, hidden @ c + d


def _gradients(weights: list[Array], x: Array, y: Array) -> list[Array]:
    """Of half the mean squared error."""
    hidden, out = _forward(weights, x)
    error = (out - y) / len(x)
    back = (error @ weights[2].T) * (1 - hidden**2)
    return [x.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


def problem(data: int = 0) -> Problem:
    """The problem.

    Args:
        data: the seed of the points.
    """
    x, y, held_out, scored = _data(data)
    grid = np.linspace(-2, 2, 400)[:, None]

    def init(rng: random.Random) -> list[list[Array]]:
        draw = np.random.default_rng(rng.getrandbits(32))
        shapes: list[tuple[int, ...]] = [(1, HIDDEN), (HIDDEN,), (HIDDEN, 1), (1,)]
        weights = [draw.standard_normal(shape) / math.sqrt(shape[0]) for shape in shapes]
        return [weights, [np.zeros_like(w) for w in weights]]

    def step(state: list[list[Array]], h: dict[str, Any], rng: random.Random) -> list[list[Array]]:
        draw = np.random.default_rng(rng.getrandbits(32))
        weights, speeds = state
        with np.errstate(over="ignore", invalid="ignore"):  # a rate that is too large diverges
            for rows in draw.integers(0, len(x), (BATCHES, BATCH)):
                for w, v, g in zip(weights, speeds, _gradients(weights, x[rows], y[rows]), strict=True):
                    v *= h["momentum"]
                    v -= h["lr"] * g
                    w += v
        return state

    def error(state: list[list[Array]], x: Array, y: Array) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.mean((_forward(state[0], x)[1] - y) ** 2))

    return Problem(
        name="regression",
        space={"lr": pbt.Float(1e-4, 1.0, log=True), "momentum": pbt.Float(0, 0.95)},
        init=init,
        step=step,
        score=lambda state, rng: error(state, held_out, scored),
        value=lambda state: error(state, grid, _target(grid)),
        steps=ROUNDS,
        interval=1,
        maximize=False,
        optimum=math.nan,
    )
