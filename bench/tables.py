"""Tables of results in Markdown: medians with quartiles, how often a strategy is ahead of tuned PBT, seconds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence

from bench.contests import TUNED, WAYS, Result
from bench.problems.catalogue import CATALOGUE, Entry, shown


def table(results: Sequence[Result], problems: Sequence[str], of: str = "value") -> str:
    """A row a strategy, a column a problem: the median [quartiles], and the share of seeds ahead of tuned PBT.

    Args:
        of: which of a result's numbers: "value", "seen" or "reached".
    """

    def cell(problem: str, strategy: str) -> str:
        found = _of(results, problem, strategy)
        if not found:
            return ""
        entry = CATALOGUE[problem]
        values = [shown(entry, getattr(r, of), r.optimum) for r in found]
        ahead = wins(found, tuned(results, problem, of), of)
        share = "" if ahead is None or strategy in TUNED else f" {100 * ahead:.0f} %"
        return f"{spread(values)}{share}"

    return _markdown(results, problems, cell)


def seconds(results: Sequence[Result], problems: Sequence[str]) -> str:
    """A row a strategy, a column a problem: the median of the seconds that a run took, and the number of seeds."""

    def cell(problem: str, strategy: str) -> str:
        found = _of(results, problem, strategy)
        return f"{short(statistics.median(r.seconds for r in found))} ({len(found)})" if found else ""

    return _markdown(results, problems, cell)


def tuned(results: Sequence[Result], problem: str, of: str = "value") -> list[Result]:
    """PBT's results with the interval that is best in hindsight, for each problem of a family by itself."""
    best: list[Result] = []
    for n in range(CATALOGUE[problem].family):
        by_interval = [
            [r for r in _of(results, problem, name) if r.seed % CATALOGUE[problem].family == n] for name in TUNED
        ]
        tried = [found for found in by_interval if found]
        if tried:
            best += max(tried, key=lambda found: statistics.median(_up(r, of) for r in found))
    return best


def wins(ours: Iterable[Result], theirs: Iterable[Result], of: str = "value") -> float | None:
    """The share of common seeds on which ours are better, ties by half; None: no seed is common."""
    other = {r.seed: _up(r, of) for r in theirs}
    pairs = [(_up(r, of), other[r.seed]) for r in ours if r.seed in other]
    return sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs) if pairs else None


def spread(values: Sequence[float]) -> str:
    """The median [lower, upper quartile]."""
    if len(values) < 2:
        return short(values[0])
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{short(middle)} [{short(low)}, {short(high)}]"


def short(x: float) -> str:
    """Three significant digits; more of what lies close to 1.2, the most that B1 and B4 reach."""
    return f"{x:.4f}" if 1.0 < x < 1.2001 else f"{x:.3g}" if abs(x) < 1000 else f"{x:.2g}"


def titles(problems: Iterable[str]) -> list[str]:
    """With the number of members."""

    def title(entry: Entry) -> str:
        return f"{entry.title} (N = {entry.members})"

    return [title(CATALOGUE[problem]) for problem in problems]


def _of(results: Iterable[Result], problem: str, strategy: str) -> list[Result]:
    return [r for r in results if r.problem == problem and r.strategy == strategy]


def _up(result: Result, of: str) -> float:
    """So that more is better; the optimum is the same on both sides of a comparison."""
    value = float(getattr(result, of))
    return value if result.maximize else -value


def _markdown(results: Sequence[Result], problems: Sequence[str], cell: Callable[[str, str], str]) -> str:
    present = [p for p in problems if any(r.problem == p for r in results)]
    rows = [["", *titles(present)], ["---"] * (1 + len(present))]
    for strategy, way in WAYS.items():
        cells = [cell(problem, strategy) for problem in present]
        if any(cells):
            rows.append([way.title, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
