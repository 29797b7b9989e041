"""Handwritten digits in PyTorch, where the loop must not be entered anew: one member, exploited in place.

pbt run --members 4 --workers 2 runs/in-place -- python examples/digits_torch_in_place.py

Needs torch and scikit-learn.
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

import pbt

SPACE = {"lr": pbt.Float(1e-4, 1.0, log=True), "dropout": pbt.Float(0.0, 0.6)}

x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
train_x, train_y, held_x, held_y = x[:1200], y[:1200], x[1200:], y[1200:]

dropout = nn.Dropout()
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), dropout, nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def start(member):
    """Load what the member goes on from, then set its hyperparameters: in this order."""
    if member.checkpoint:
        state = torch.load(member.checkpoint / "state.pt", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    optimizer.param_groups[0]["lr"] = member["lr"]
    dropout.p = member["dropout"]


def save(folder):
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / "state.pt")


def train():
    member = pbt.join(space=SPACE, members=4, steps=20, interval=1, maximize=True)
    if not member.stop:
        start(member)
    for _ in member.steps():
        model.train()
        for batch in torch.randperm(len(train_y)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(train_x[batch]), train_y[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            score = -nn.functional.cross_entropy(model(held_x), held_y).item()
        outcome = member.report(score, save=save, used={"lr": optimizer.param_groups[0]["lr"], "dropout": dropout.p})
        if outcome.exploit:
            start(member)


if __name__ == "__main__":
    train()
