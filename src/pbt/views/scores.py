"""The picture of scores over steps: all members, and the lineage of the best."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from pbt.errors import counted
from pbt.population.entries import real
from pbt.population.lineage import Segment
from pbt.views.history import History, band_of_points, finite, thinned
from pbt.views.looks import FAINT, LATER, LIT, OTHERS, plain_numbers
from pbt.views.summary import shortened
from pbt.views.table import number_text

LINES = 64
"""Members that are drawn as a line each; more are drawn as bands."""
_POINTS = 40_000
"""Points of all these lines together."""


def draw_scores(
    axis: Any, history: History, title: str, score_name: str, others: Mapping[str, History]
) -> tuple[list[Any], list[Any]]:
    """Fill `axis`; returns the handles for the legend: of all members, and of the best."""
    population = history.population
    members = len(population.members)
    curves = [finite(segment.scores) for segment in history.lineage.segments]
    if not any(curves):
        axis.text(0.5, 0.5, "no finite score yet", transform=axis.transAxes, ha="center", color="#555")
        axis.set_yticks([])
    elif members <= LINES:
        _lines(axis, history, curves)
    else:
        _bands(axis, curves, members)
    _not_finite(axis, history)
    before = len(axis.get_legend_handles_labels()[0])
    _best(axis, history)
    after = len(axis.get_legend_handles_labels()[0])
    for (name, other), (colour, style) in zip(others.items(), itertools.cycle(OTHERS)):
        points = _points(other)
        axis.plot(*zip(*points, strict=True), style, color=colour, label=f"{name}: lineage of its best")
        axis.plot(*points[-1], "*", color=colour, markersize=9)
    _look(axis, [point for curve in curves for point in curve], population.settings.maximize)
    better = "higher" if population.settings.maximize else "lower"
    axis.set_ylabel(f"{score_name}, as reported ({better} is better)")
    axis.set_title(shortened(title, 80), fontsize=11, fontweight="bold", pad=20)
    axis.annotate(
        _subtitle(history), (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=9,
        color="#555",
    )  # fmt: skip
    axis.set_xlabel("step")
    handles = axis.get_legend_handles_labels()[0]
    return [*handles[:before], *handles[after:]], handles[before:after]


def _subtitle(history: History) -> str:
    population = history.population
    steps = population.settings.steps
    how = "finished" if population.finished else "unfinished"
    if not population.finished and steps is not None:
        low, high = min(m.step for m in population.members), max(m.step for m in population.members)
        how = f"unfinished, at step {low:,}{f' to {high:,}' if high > low else ''} of {steps:,}"
    counts = {"member": len(population.members), "report": population.reports, "exploit": history.exploits}
    return " · ".join([*(counted(n, noun) for noun, n in counts.items()), how])


def _lines(axis: Any, history: History, curves: Sequence[Sequence[tuple[float, float]]]) -> None:
    from matplotlib.collections import LineCollection

    members = len(history.population.members)
    most = max(100, _POINTS // max(1, len(curves)))
    alpha = 0.6 if members <= 16 else 0.35
    drawn = LineCollection([thinned(c, most) for c in curves if c], colors=FAINT, alpha=alpha, linewidths=0.9)
    axis.add_collection(drawn)
    alone = [c[0] for c in curves if len(c) == 1]
    if alone:
        axis.plot(*zip(*alone, strict=True), ".", color=FAINT, alpha=alpha, markersize=3)
    if members > 1:
        axis.plot([], [], color=FAINT, linewidth=1.2, label=f"all {members} members")
    if len(curves) > 600:
        return
    risers = [riser for segment in history.lineage.segments if (riser := _riser(segment))]
    if risers:
        style: dict[str, Any] = {"linestyle": ":", "linewidth": 0.8}
        axis.add_collection(LineCollection(risers, colors=FAINT, alpha=0.6, linestyles=":", linewidths=0.8))
        axis.plot([], [], color=FAINT, label="took over weights", **style)


def _riser(segment: Segment) -> list[tuple[float, float]] | None:
    """From the parent's score to the first one of the child's new segment."""
    after = finite(segment.scores[:1])
    if segment.parent is None or not after:
        return None
    before = finite([(step, score) for step, score in segment.parent.scores if step == segment.start])
    return [before[0], after[0]] if before else None


def _bands(axis: Any, curves: Sequence[Sequence[tuple[float, float]]], members: int) -> None:
    import numpy as np

    points = np.array([point for curve in curves for point in curve]).reshape(-1, 2)
    if not len(points):
        return
    steps, (lowest, low, middle, high, highest) = band_of_points(points, [0.05, 0.25, 0.5, 0.75, 0.95])
    axis.fill_between(steps, lowest, highest, color=FAINT, alpha=0.25, linewidth=0, label="5 to 95 % of the members")
    axis.fill_between(steps, low, high, color=FAINT, alpha=0.5, linewidth=0, label="25 to 75 %")
    axis.plot(steps, middle, color="#5c6773", linewidth=1, label=f"median of {counted(members, 'member')}")


def _not_finite(axis: Any, history: History) -> None:
    steps = [step for s in history.lineage.segments for step, score in s.scores if isinstance(score, str)]
    if steps:
        axis.plot(
            sorted(set(steps)), [0.012] * len(set(steps)), "x", transform=axis.get_xaxis_transform(), color="#8a2be2",
            markersize=5, label=f"not finite: {counted(len(steps), 'report')}",
            clip_on=False,
        )  # fmt: skip


def _points(history: History) -> list[tuple[float, float]]:
    """The scores along the lineage of the best."""
    points: list[tuple[float, float]] = []
    for segment, end in history.way():
        points.extend(finite([(step, score) for step, score in segment.scores if step <= end]))
    return points


def _best(axis: Any, history: History) -> None:
    best, ending = history.population.best, history.ending
    if best is None or ending is None:
        return
    way, points, top = history.way(), _points(history), (best.step, real(best.score))
    axis.plot(
        *zip(*thinned(points, 4000), strict=True), color=LIT, linewidth=2.2 if len(points) < 300 else 1.2, zorder=4,
        label=f"lineage of the best: {_names(way)}" if len(way) > 1 else f"the best one, member {best.member}",
    )  # fmt: skip
    score_at = dict(points)
    taken = [(s.start, score_at[s.start]) for s, _ in way[1:] if s.start in score_at]
    if taken:
        size = 6 if len(taken) <= 20 else 3
        axis.plot(
            *zip(*taken, strict=True), "o", color=LIT, markersize=size, markerfacecolor="white", zorder=5,
            label="where that lineage took over weights",
        )  # fmt: skip
    star = "best saved" if history.population.finished else "best saved so far"
    axis.plot(
        *top, "*", color=LIT, markersize=15, markeredgecolor="white", zorder=6, linestyle="none",
        label=f"{star}: {number_text(best.score)}, member {best.member} at step {best.step:,}",
    )  # fmt: skip
    rest = finite([(step, score) for step, score in ending.segment.scores if step > best.step])
    style = {"color": LIT, "linewidth": 1.3, "linestyle": LATER if rest else "none", "zorder": 4}
    marker = {"taken": "X", "ended": "s", "trained": ">"}[ending.kind]
    if rest:
        axis.plot(*zip(*[top, *rest], strict=True), **style)
        axis.plot(*rest[-1], marker, color=LIT, markersize=7, zorder=5)
    said = f"{'after its best' if rest else 'so far' if ending.kind == 'trained' else 'it ends there'}: {ending.why}"
    axis.plot([], [], marker=marker if rest else "none", markersize=7, label=said, **style)


def _names(way: Sequence[tuple[Segment, int]]) -> str:
    ids = [id for id, _ in itertools.groupby(str(segment.member) for segment, _ in way)]
    return " → ".join(ids if len(ids) <= 7 else [*ids[:2], "…", *ids[-4:]])


def _look(axis: Any, points: Sequence[tuple[float, float]], maximize: bool) -> None:
    """Beginnings, and a few very bad scores, must not flatten all others: they leave the picture, which says so."""
    if not points:
        return
    ordered = sorted((y for _, y in points), reverse=not maximize)
    worst, best = ordered[0], ordered[-1]
    quarter = max(step for step, _ in points) / 4
    later = sorted((y for step, y in points if step >= quarter), reverse=not maximize)
    usual = later[len(later) // 20]
    if len(points) >= 10 and abs(best - worst) > 2.5 * abs(best - usual) > 0:
        worst = best + 1.6 * (usual - best)
    margin = 0.06 * abs(best - worst) or abs(best) * 0.05 or 1.0
    low, high = min(worst, best) - margin, max(worst, best) + margin
    axis.set_ylim(low, high)
    plain_numbers(axis.yaxis, low, high)
    out = sum(not low <= y <= high for y in ordered)
    if out:
        axis.annotate(
            f"{out:,} worse {'score lies' if out == 1 else 'scores lie'} outside", (1, 0 if maximize else 1),
            (-4, 4 if maximize else -4), xycoords="axes fraction", textcoords="offset points", ha="right",
            va="bottom" if maximize else "top", fontsize=8, color="#555",
        )  # fmt: skip
