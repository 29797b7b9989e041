"""The script of each worker of the demonstration: ``python -m pbt.demo.train DATA``.

It is an ordinary training script: nothing in it knows that it is a demonstration.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import pbt
from pbt.demo.data import read_digits
from pbt.demo.network import Network

SPACE = {
    "lr": pbt.Float(1e-4, 3, log=True),
    "noise": pbt.Float(0.01, 1, log=True),
    "dropout": pbt.Float(0, 0.8),
}
ROUNDS = 40
UPDATES = 10
"""SGD updates a step."""
WIDTHS = (64, 384, 384, 10)


def main(data: Path) -> None:
    """Train members in turns until the population is finished."""
    digits = read_digits(data)
    np.seterr(all="ignore")
    for member in pbt.turns(space=SPACE, members=8, steps=ROUNDS, interval=1, maximize=True):
        rng = np.random.default_rng(member.seed)
        network = Network(rng, WIDTHS)
        if member.checkpoint:
            network.load(member.checkpoint / "network.npz")
        lr, noise, dropout = (float(member[name]) for name in SPACE)  # type: ignore[arg-type]
        for _ in member.steps():
            for _ in range(UPDATES):
                network.update(digits.train_x, digits.train_y, lr, noise, dropout, rng)
            score = network.log_likelihood(digits.held_x, digits.held_y)
            member.report(score, save=lambda folder, network=network: network.save(folder / "network.npz"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
