"""The model that run_client.py trains: softmax regression on handwritten digits."""

import numpy as np
from sklearn.datasets import load_digits


class Model:
    def __init__(self, hyperparameters):
        x, y = load_digits(return_X_y=True)
        x = np.hstack([x / 16, np.ones((len(y), 1))])
        self.train_x, self.train_y, self.test_x, self.test_y = x[:1200], y[:1200], x[1200:], y[1200:]
        self.weights = np.zeros((65, 10))
        self.rng = np.random.default_rng()
        self.set_hyperparameters(hyperparameters)

    def set_hyperparameters(self, hyperparameters):
        self.learning_rate = hyperparameters["learning_rate"]
        self.weight_decay = hyperparameters["weight_decay"]

    def train(self):
        """One epoch."""
        for batch in np.array_split(self.rng.permutation(len(self.train_y)), 40):
            p = self._softmax(self.train_x[batch])
            p[np.arange(len(batch)), self.train_y[batch]] -= 1
            gradient = self.train_x[batch].T @ p / len(batch) + self.weight_decay * self.weights
            self.weights -= self.learning_rate * gradient

    def evaluate(self):
        """Accuracy on held-out images."""
        return float(np.mean(self._softmax(self.test_x).argmax(axis=1) == self.test_y))

    def save(self, path):
        np.save(path, self.weights)

    def load(self, path):
        self.weights = np.load(path)

    def _softmax(self, x):
        e = np.exp(x @ self.weights - (x @ self.weights).max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)
