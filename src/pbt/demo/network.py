"""A multi-layer perceptron in NumPy, small enough to read: ReLU, dropout, input noise, plain SGD."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WIDTHS = (64, 64, 64, 10)
BATCH = 8
Array = NDArray[np.float32]


class Network:
    """Weights and biases; saved and loaded whole."""

    def __init__(self, rng: np.random.Generator, widths: tuple[int, ...] = WIDTHS) -> None:
        self.layers = [
            (
                (rng.standard_normal((a, b)) * np.sqrt(2 / a)).astype(np.float32),
                np.zeros(b, np.float32),
            )
            for a, b in pairwise(widths)
        ]

    def save(self, path: Path) -> None:
        """Write all arrays."""
        np.savez(path, *(array for layer in self.layers for array in layer))

    def load(self, path: Path) -> None:
        """Read all arrays."""
        with np.load(path) as data:
            arrays = [data[name] for name in data.files]
        self.layers = list(zip(arrays[::2], arrays[1::2], strict=True))

    def logits(self, x: Array) -> Array:
        """The output before the softmax, one row an image."""
        for w, b in self.layers[:-1]:
            x = np.maximum(x @ w + b, 0)
        w, b = self.layers[-1]
        out: Array = x @ w + b
        return out

    def log_likelihood(self, x: Array, y: NDArray[np.int64]) -> float:
        """Mean log-likelihood of the labels: 0 is perfect, log(1/10) = -2.3 is guessing."""
        return float(np.mean(_log_softmax(self.logits(x))[np.arange(len(y)), y]))

    def accuracy(self, x: Array, y: NDArray[np.int64]) -> float:
        """Fraction of images whose most likely label is right."""
        return float(np.mean(np.argmax(self.logits(x), axis=1) == y))

    def update(
        self, x: Array, y: NDArray[np.int64], lr: float, noise: float, dropout: float, rng: np.random.Generator
    ) -> None:
        """One step of SGD on a batch of images drawn from `x`."""
        batch = rng.integers(len(y), size=BATCH)
        h = x[batch] + noise * rng.standard_normal((BATCH, x.shape[1]), dtype=np.float32)
        inputs, masks = [h], []
        for w, b in self.layers[:-1]:
            mask = (rng.random((BATCH, len(b)), dtype=np.float32) >= dropout) / np.float32(1 - dropout)
            h = np.maximum(h @ w + b, 0) * mask
            inputs.append(h)
            masks.append(mask)
        w, b = self.layers[-1]
        grad = np.exp(_log_softmax(h @ w + b))
        grad[np.arange(BATCH), y[batch]] -= 1
        grad /= BATCH
        for i in range(len(self.layers) - 1, -1, -1):
            w, b = self.layers[i]
            below = (grad @ w.T) * masks[i - 1] * (inputs[i] > 0) if i else None
            self.layers[i] = (w - lr * inputs[i].T @ grad, b - lr * grad.sum(0))
            if below is not None:
                grad = below


def _log_softmax(z: Array) -> Array:
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))  # type: ignore[no-any-return]
