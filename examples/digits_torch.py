"""Handwritten digits in PyTorch: a population in turns. Any number of these processes train one population.

pbt run --members 8 --workers 2 runs/digits -- python examples/digits_torch.py

Needs torch and scikit-learn.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

import pbt

SPACE = {
    "lr": pbt.Float(1e-4, 1.0, log=True),
    "dropout": pbt.Float(0.0, 0.6),
    "hidden": pbt.Ordinal([32, 64, 128], explore=False),  # the shape of the weights: drawn once, copied with them
    "batch": pbt.Ordinal([16, 32, 64, 128]),
}

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
train_x, train_y, held_x, held_y = x[:1200], y[:1200], x[1200:], y[1200:]


def build(hidden: int, dropout: float) -> tuple[nn.Module, torch.optim.Optimizer]:
    model = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 10))
    return model, torch.optim.SGD(model.parameters(), momentum=0.9)


def train():
    for member in pbt.turns(space=SPACE, members=8, steps=20, interval=1, maximize=True):
        torch.manual_seed(member.seed)
        model, optimizer = build(member["hidden"], member["dropout"])
        if member.checkpoint:  # a parent's, one's own from before, or a dead worker's
            state = torch.load(member.checkpoint / "state.pt", weights_only=True)
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
        optimizer.param_groups[0]["lr"] = member["lr"]  # after the load, which brings the parent's back

        def save(folder):
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(state, folder / "state.pt")

        for _ in member.steps():
            model.train()
            for batch in torch.randperm(len(train_y)).split(member["batch"]):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(train_x[batch]), train_y[batch]).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                score = -nn.functional.cross_entropy(model(held_x), held_y).item()
            member.report(score, save=save, used={"lr": optimizer.param_groups[0]["lr"]})


if __name__ == "__main__":
    train()
