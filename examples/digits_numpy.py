"""Handwritten digits in NumPy: softmax regression with a population, in one file.

python examples/digits_numpy.py                    # alone: all four members in this process, in turns
pbt run --members 8 --workers 2 runs/np -- python examples/digits_numpy.py

Needs numpy and scikit-learn.
"""

import numpy as np
from sklearn.datasets import load_digits

import pbt

SPACE = {"lr": pbt.Float(1e-3, 10, log=True), "decay": pbt.Float(1e-6, 1e-1, log=True)}

x, y = load_digits(return_X_y=True)
x = np.hstack([x / 16, np.ones((len(y), 1))])
train_x, train_y, held_x, held_y = x[:1200], y[:1200], x[1200:], y[1200:]


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def log_likelihood(weights):
    p = softmax(held_x @ weights)[np.arange(len(held_y)), held_y]
    return float(np.mean(np.log(np.maximum(p, 1e-12))))


def train():
    for member in pbt.turns(space=SPACE, members=4, steps=30, interval=3, maximize=True):
        rng = np.random.default_rng(member.seed)
        weights = np.load(member.checkpoint / "weights.npy") if member.checkpoint else np.zeros((65, 10))
        for _ in member.steps():
            for batch in np.array_split(rng.permutation(len(train_y)), 40):
                p = softmax(train_x[batch] @ weights)
                p[np.arange(len(batch)), train_y[batch]] -= 1
                weights -= member["lr"] * (train_x[batch].T @ p / len(batch) + member["decay"] * weights)
            member.report(log_likelihood(weights), save=lambda folder, w=weights: np.save(folder / "weights.npy", w))


if __name__ == "__main__":
    train()
