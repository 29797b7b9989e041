"""scikit-learn's handwritten digits, made hard: a tenth of the labels, and a fifth of those wrong."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LABELLED = 0.1
WRONG = 0.2
HELD_OUT = 0.45
"""Fraction of the rest by which members are scored; the other part is the test set, which no decision sees."""


class Digits(NamedTuple):
    """Images as rows of 64 numbers in [0, 1], labels 0 … 9."""

    train_x: NDArray[np.float32]
    train_y: NDArray[np.int64]
    held_x: NDArray[np.float32]
    held_y: NDArray[np.int64]
    test_x: NDArray[np.float32]
    test_y: NDArray[np.int64]


def write_digits(path: Path, seed: int) -> None:
    """Write the data once: importing scikit-learn in every worker would cost more than the training."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(labels))
    x, y = (images[order] / 16).astype(np.float32), labels[order].astype(np.int64)
    n = round(LABELLED * len(y))
    held = n + round(HELD_OUT * (len(y) - n))
    noisy = y[:n].copy()
    wrong = rng.choice(n, round(WRONG * n), replace=False)
    noisy[wrong] = (noisy[wrong] + rng.integers(1, 10, len(wrong))) % 10
    np.savez(path, train_x=x[:n], train_y=noisy, held_x=x[n:held], held_y=y[n:held], test_x=x[held:], test_y=y[held:])


def read_digits(path: Path) -> Digits:
    """Read what `write_digits` wrote."""
    with np.load(path) as data:
        return Digits(*(data[name] for name in Digits._fields))
