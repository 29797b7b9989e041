"""Two pictures of a population, as PNG files: scores with the best lineage, and the schedule. Needs matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from pbt.errors import PBTError
from pbt.population.entries import Entry, real
from pbt.population.lineage import Lineage, Segment
from pbt.population.schedule import schedule
from pbt.population.value import Population
from pbt.space.domains import Float, Int

_FAINT = "#9aa5b1"
_LIT = "#d1495b"


def draw(
    population: Population,
    entries: Sequence[Entry],
    folder: Path,
    score_name: str = "score",
    others: Mapping[str, Sequence[Entry]] | None = None,
) -> list[Path]:
    """Write ``scores.png`` and ``schedule.png`` into `folder`.

    Args:
        others: journals of other populations by name, whose best so far is drawn for comparison.

    Raises:
        PBTError: matplotlib is missing, or no member has had a finite score yet.
    """
    try:
        import matplotlib
    except ImportError:
        raise PBTError("pictures need matplotlib: pip install 'pbtrain[demo]'") from None
    matplotlib.use("Agg")
    if population.best is None:
        raise PBTError("nothing to draw: no member has had a finite score with a checkpoint yet")
    lineage = Lineage.of(entries)
    paths = [folder / "scores.png", folder / "schedule.png"]
    _draw_scores(population, lineage, paths[0], score_name, others or {})
    _draw_schedule(population, lineage, paths[1])
    return paths


def _figure(rows: int, height: float) -> tuple[Any, Any]:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(rows, 1, figsize=(9, height), sharex=True, squeeze=False, layout="constrained")
    for axis in axes[:, 0]:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.25, linewidth=0.6)
    return figure, axes[:, 0]


def _draw_scores(
    population: Population, lineage: Lineage, path: Path, score_name: str, others: Mapping[str, Sequence[Entry]]
) -> None:
    figure, (axis,) = _figure(1, 5)
    curves = [_finite(segment.scores) for segment in lineage.segments]
    for curve in curves:
        axis.plot(*curve, color=_FAINT, alpha=0.55, linewidth=0.9)
    for segment in lineage.segments:
        _riser(axis, segment, color=_FAINT, alpha=0.35, linewidth=0.7, linestyle=":")
    assert population.best is not None
    way = lineage.ancestry(population.best)
    xs: list[float] = []
    ys: list[float] = []
    for segment, end in way:
        x, y = _finite([(step, score) for step, score in segment.scores if step <= end])
        xs, ys = [*xs, *x], [*ys, *y]
    axis.plot(xs, ys, color=_LIT, linewidth=2.2, label=f"lineage of the best: {_names(way)}")
    taken = [(segment.start, _score_at(segment)) for segment, _ in way[1:]]
    taken = [(x, y) for x, y in taken if y is not None]
    if taken:
        axis.plot(
            *zip(*taken, strict=True), "o", color=_LIT, markersize=6, markerfacecolor="white", label="took over weights"
        )
    axis.plot(population.best.step, real(population.best.score), "*", color=_LIT, markersize=15, label="best")
    axis.plot([], [], color=_FAINT, label=f"all {len(population.members)} members (dotted: took over weights)")
    for (name, journal), style in zip(others.items(), ("--", ":"), strict=False):
        axis.plot(
            *_best_so_far(journal, population.settings.maximize), style, color="#33658a", label=f"{name}, best so far"
        )
    _clip_low(axis, [y for _, curve in curves for y in curve], population.settings.maximize)
    axis.set(xlabel="step", ylabel=score_name, title=f"{score_name} over steps, {len(population.members)} members")
    axis.legend(loc="lower right" if population.settings.maximize else "upper right", frameon=False)
    figure.savefig(path, dpi=110)
    _close(figure)


def _best_so_far(entries: Sequence[Entry], maximize: bool) -> tuple[list[float], list[float]]:
    scores: dict[int, float] = {}
    pick = max if maximize else min
    for segment in Lineage.of(entries).segments:
        for x, y in zip(*_finite(segment.scores), strict=True):
            scores[int(x)] = pick(y, scores.get(int(x), y))
    xs = sorted(scores)
    return [float(x) for x in xs], list(accumulate((scores[x] for x in xs), pick))


def _names(way: Sequence[tuple[Segment, int]]) -> str:
    ids = [str(segment.member) for segment, _ in way]
    return " → ".join(ids if len(ids) <= 8 else [*ids[:3], "…", *ids[-4:]])


def _riser(axis: Any, segment: Segment, **style: Any) -> None:
    """A dotted line from the parent's score to the first one of the child's new segment."""
    x, y = _finite(segment.scores[:1])
    at = _score_at(segment)
    if x and at is not None:
        axis.plot([segment.start, x[0]], [at, y[0]], **style)


def _score_at(segment: Segment) -> float | None:
    """The parent's score at the step at which this segment began."""
    if segment.parent is None:
        return None
    return next((real(s) for step, s in segment.parent.scores if step == segment.start), None)  # type: ignore[arg-type]


def _finite(scores: Sequence[tuple[int, Any]]) -> tuple[list[float], list[float]]:
    points = [(float(step), real(score)) for step, score in scores if math.isfinite(real(score))]
    return [x for x, _ in points], [y for _, y in points]


def _clip_low(axis: Any, values: Sequence[float], maximize: bool) -> None:
    """A few very bad scores must not flatten all others: the worst tenth may leave the picture."""
    ordered = sorted(values, reverse=not maximize)
    if len(ordered) < 10:
        return
    worst, best = ordered[len(ordered) // 10], ordered[-1]
    margin = 0.08 * abs(best - worst) or 1.0
    if maximize:
        axis.set_ylim(worst - margin, best + margin)
    else:
        axis.set_ylim(best - margin, worst + margin)


def _draw_schedule(population: Population, lineage: Lineage, path: Path) -> None:
    assert population.best is not None
    found = schedule(lineage, population.best)
    names = [n for n, domain in population.settings.space.domains.items() if domain.explore]
    figure, axes = _figure(max(1, len(names)), 1.2 + 1.9 * max(1, len(names)))
    steps = [step for step, _ in found] + [population.best.step]
    for axis, name in zip(axes, names, strict=False):
        domain = population.settings.space[name]
        for segment in lineage.segments:
            _steps(axis, segment, name)
        values = [_height(domain, values[name]) for _, values in found]
        axis.step(steps, [*values, values[-1]], where="post", color=_LIT, linewidth=2.2)
        axis.set_ylabel(name)
        if isinstance(domain, Float | Int):
            if domain.log:
                axis.set_yscale("log")
            else:
                _look_at_what_is_used(axis, lineage, name, values)
            for bound in (domain.min, domain.max):
                if axis.get_ylim()[0] <= bound <= axis.get_ylim()[1] or domain.log:
                    axis.axhline(bound, color="#333", linewidth=0.5, linestyle="--")
        else:
            shown = getattr(domain, "values", ())
            axis.set_yticks(range(len(shown)), [str(v) for v in shown])
    axes[0].set_title("the schedule that led to the best (red), and what all members used; dashed: bounds of the space")
    axes[-1].set_xlabel("step")
    figure.savefig(path, dpi=110)
    _close(figure)


def _look_at_what_is_used(axis: Any, lineage: Lineage, name: str, best: Sequence[float]) -> None:
    """Beginnings that died at once must not flatten what went on: show what lived past the first quarter."""
    last = max(segment.end for segment in lineage.segments)
    used = [float(v[name]) for s in lineage.segments if s.end > last / 4 for _, v in s.changes]  # type: ignore[arg-type]
    shown = [*used, *best]
    margin = 0.08 * (max(shown) - min(shown)) or 0.01
    axis.set_ylim(min(shown) - margin, max(shown) + margin)


def _steps(axis: Any, segment: Segment, name: str) -> None:
    domain_values = [(step, values[name]) for step, values in segment.changes]
    if domain_values and all(type(v) in (int, float) for _, v in domain_values):
        xs = [step for step, _ in domain_values] + [segment.end]
        ys = [v for _, v in domain_values]
        axis.step(xs, [*ys, ys[-1]], where="post", color=_FAINT, alpha=0.5, linewidth=0.8)


def _height(domain: Any, value: Any) -> float:
    return float(value) if isinstance(domain, Float | Int) else float(domain.values.index(value))


def _close(figure: Any) -> None:
    import matplotlib.pyplot as plt

    plt.close(figure)
