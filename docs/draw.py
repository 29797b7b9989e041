"""Draws each algorithm at work, for the pages in docs/algorithms: ``python docs/draw.py`` from the project's root.

It needs matplotlib, NumPy and SciPy. Seeds are fixed, so that the same code draws the same pictures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
sys.path.insert(0, str(Path(__file__).parent.parent))

import matplotlib.pyplot as plt
from bench.problems import drifting, quadratic
from bench.problems.problem import Problem
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

import pbt
from pbt.population.entries import Decision
from pbt.population.lineage import Segment

HERE = Path(__file__).parent / "pictures"
GREY, BEST, OTHER, THIRD, FOURTH = "#9aa0a6", "#d55e00", "#0072b2", "#009e73", "#cc79a7"
Result = pbt.Result[Any]


def train(problem: Problem, strategy: Any, members: int, seed: int, **settings: Any) -> Result:
    """A population on a problem, at a barrier."""
    return pbt.train(
        problem.init, problem.step, problem.score, problem.space, members=members, steps=problem.steps,
        interval=settings.pop("interval", problem.interval), maximize=problem.maximize, strategy=strategy, seed=seed,
        synchronous=True, **settings,
    )  # fmt: skip


def path_of_best(result: Result) -> list[tuple[Segment, float]]:
    """The segments that led to the best, each with the step at which it was left."""
    best = result.population.best
    assert best is not None
    return [(segment, float(end)) for segment, end in result.lineage.ancestry(best)]


def draw_scores(ax: Axes, result: Result, colour: Callable[[Segment], str] = lambda segment: GREY) -> None:
    """All members' scores, and the best's lineage on top."""
    for segment in result.lineage.segments:
        if segment.scores:
            ax.plot(*zip(*segment.scores, strict=True), color=colour(segment), lw=0.7, alpha=0.7)
    points = [(step, score) for segment, end in path_of_best(result) for step, score in segment.scores if step <= end]
    ax.plot(*zip(*points, strict=True), color=BEST, lw=2)


def steps_of(segment: Segment, name: str, end: float) -> tuple[list[float], list[Any]]:
    """A hyperparameter's values over a segment, as a step line."""
    xs: list[float] = []
    ys: list[Any] = []
    changes = [(at, values[name]) for at, values in segment.changes if at < end or at == segment.start]
    for i, (at, value) in enumerate(changes):
        xs += [at, changes[i + 1][0] if i + 1 < len(changes) else end]
        ys += [value, value]
    return xs, ys


def draw_values(ax: Axes, result: Result, name: str, colour: Callable[[Segment], str] = lambda segment: GREY) -> None:
    """A hyperparameter of all members, and of the best's lineage."""
    for segment in result.lineage.segments:
        ax.plot(*steps_of(segment, name, segment.end), color=colour(segment), lw=0.7, alpha=0.7)
    draw_schedule(ax, result, name)


def draw_schedule(ax: Axes, result: Result, name: str) -> None:
    """A hyperparameter along the best's lineage, as one step line."""
    points = [steps_of(segment, name, end) for segment, end in path_of_best(result)]
    ax.plot([x for xs, _ in points for x in xs], [y for _, ys in points for y in ys], color=BEST, lw=2)


def save(figure: Any, name: str) -> None:
    """Write the picture, without a date."""
    for ax in figure.axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.2)
    figure.savefig(HERE / f"{name}.png", dpi=110, metadata={"Software": None})
    plt.close(figure)
    print(f"{HERE / name}.png")


def on_quadratic(
    strategies: dict[str, tuple[Any, dict[str, Any]]], name: str, mark: Callable[[Axes, Axes, Result], None]
) -> None:
    """The quadratic of bench/problems, a column for each strategy: loss above, learning rate below."""
    problem = quadratic.problem()
    n = len(strategies)
    figure, axes = plt.subplots(2, n, figsize=(9, 5), sharex=True, sharey="row", layout="constrained", squeeze=False)
    for i, (title, (strategy, settings)) in enumerate(strategies.items()):
        above, below = axes[0][i], axes[1][i]
        result = train(problem, strategy, 16, 2, **settings)
        roles = [m.role or "" for m in result.population.members]
        hues = dict(zip(dict.fromkeys(roles), (GREY, OTHER, THIRD, FOURTH), strict=False))
        draw_scores(above, result, lambda s, roles=roles, hues=hues: hues[roles[s.member]])
        draw_values(below, result, "lr", lambda s, roles=roles, hues=hues: hues[roles[s.member]])
        if len(hues) > 1:
            handles = [
                Line2D([], [], color=hue, label=f"{role} {'round' if role == 'every 1' else 'rounds'}")
                for role, hue in hues.items()
            ]
            below.legend(handles=handles, fontsize=7, frameon=False, loc="lower left")
        above.axhline(quadratic.OPTIMUM, color="black", lw=0.8, ls=":")
        above.set(yscale="log", title=f"{title}: ends at {result.best.score:.3f}")
        below.set(yscale="log", xlabel="step")
        mark(above, below, result)
    axes[0][0].set(ylabel="loss (dotted: the optimum)")
    axes[1][0].set(ylabel="learning rate")
    save(figure, name)


def exploits(result: Result) -> list[tuple[int, Decision]]:
    """Decisions that gave a member another's weights, with the step at which it goes on."""
    return [
        (d.source.step, d) for e in result.journal for d in e.decisions
        if d.source is not None and d.source.member != d.member
    ]  # fmt: skip


def mark_exploits(above: Axes, below: Axes, result: Result) -> None:
    """A triangle at each step and learning rate with which a child begins."""
    found = [(step, d.hyperparameters["lr"]) for step, d in exploits(result) if d.hyperparameters]
    if found:
        below.plot(*zip(*found, strict=True), "v", ms=3, color="black", alpha=0.5)


def mark_probes(above: Axes, below: Axes, result: Result) -> None:
    """Where probes begin, and which of them won."""
    begun = [(step, float(d.source.score)) for step, d in exploits(result) if d.source and "probe of" in d.why.note]
    last: dict[int, tuple[int, float]] = {}
    won = []
    for entry in result.journal:
        last.update({r.member: (r.step, float(r.score)) for r in getattr(entry.event, "reports", ())})
        won += [last[d.member] for d in entry.decisions if "probe won" in d.why.note]
    for points, marker, label in ((begun, "o", "a probe begins"), (won, "*", "a probe has won")):
        if points:
            above.plot(*zip(*points, strict=True), marker, color=OTHER, ms=4 if marker == "o" else 7, label=label)
    if begun:
        above.legend(fontsize=7, frameon=False)


def nothing(above: Axes, below: Axes, result: Result) -> None:
    """No marks."""


def drift() -> None:
    """PBT and PB2 on the drifting optimum: who follows it."""
    problem = drifting.problem()
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), sharey=True, layout="constrained")
    for ax, name in zip(axes, ("pbt", "pb2"), strict=True):
        result = train(problem, {"name": name, "quantile": 0.25}, 8, 1)
        draw_values(ax, result, "a", lambda segment: GREY)
        ts = range(drifting.ROUNDS)
        ax.plot(ts, [drifting.optimum(t, "wave", 2)[0] for t in ts], "k:", lw=1, label="the optimum")
        regret = problem.optimum - problem.value(result.states[result.best.member])
        ax.set(title=f"{name}: regret {regret:.1f}", xlabel="round", ylim=(-0.03, 1.03))
        ax.legend(fontsize=7, frameon=False, loc="lower left")
    axes[0].set(ylabel="hyperparameter a")
    save(figure, "pb2")


def replays() -> None:
    """A schedule that PBT found, followed by fresh members with fresh noise."""
    problem = quadratic.problem(quadratic.Quadratic(score_noise=0.2))
    found = train(problem, "scout", 16, 2)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    draw_scores(axes[0], found)
    again = train(problem, {"name": "follow", "schedule": found.best.schedule}, 5, 7)
    for segment in again.lineage.segments:
        axes[0].plot(*zip(*segment.scores, strict=True), color=OTHER, lw=1)
    axes[0].set(yscale="log", title="scores: the best, and five replays (blue)", xlabel="step", ylabel="loss")
    draw_schedule(axes[1], found, "lr")
    axes[1].plot(*steps_of(again.lineage.segments[0], "lr", problem.steps), color=OTHER, lw=1)
    axes[1].set(yscale="log", title="the schedule that all of them follow", xlabel="step", ylabel="learning rate")
    save(figure, "follow")


def main() -> None:
    """All pictures."""
    pbt_at = {"name": "pbt", "quantile": 0.25}
    on_quadratic(
        {"PBT, every round": (pbt_at, {}), "PBT, every fifth": (pbt_at, {"interval": 25})}, "pbt", mark_exploits
    )
    on_quadratic({"MF-PBT": ("mf-pbt", {}), "symmetric": ({"name": "mf-pbt", "migration": "symmetric"}, {})}, "mf-pbt", nothing)  # noqa: E501  # fmt: skip
    on_quadratic({"SCOUT": ("scout", {}), "plans": ("plans", {})}, "scout", mark_probes)
    drift()
    replays()


if __name__ == "__main__":
    main()
