"""The pictures of the family: the tree of those who live, and shares of clades."""

from __future__ import annotations

import math
from typing import Any

from pbt.errors import counted
from pbt.views.bins import Window
from pbt.views.clades import Clades, choose, shares
from pbt.views.forest import Forest
from pbt.views.history import History
from pbt.views.looks import FAINT, LIT
from pbt.views.tree import LEAF, TOP, WEDGE, Record, Tree, middle, planted, score_at

ROWS = 150
"""Rows of a tree at most; the rest are merged into wedges."""
NAMED = 45
"""Rows up to which members are named."""
_BINS = 300
_HUES = ("#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7d5ba6", "#8a8f00", "#4d4d4d")
"""After Okabe and Ito (2008), without the hue of the best lineage."""


class Family:
    """The family of a population, as pictures need it."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.forest = Forest(history.lineage)
        self.forest.read_on()
        self.window = Window.of(0, max(1, history.last), _BINS)
        self.tree: Tree = planted(self.forest, history.population, self.window, ROWS)
        self.clades: Clades = choose(self.forest, self.window)


def height_of(family: Family) -> float:
    """The height of the tree's picture, in inches."""
    return min(6.5, max(1.6, 0.15 * family.tree.rows + 0.8))


def draw_tree(axis: Any, family: Family) -> None:
    """Fill `axis` with the tree: steps to the right, a row for each living member, the best lineage on top."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection, PolyCollection

    records = family.tree.records
    scores = [middle([score_at(*end) for end in r.ends]) for r in records]
    norm = _norm(scores, family.history.population.settings.maximize)
    shades: Any = ScalarMappable(norm, _shades(family.history.population.settings.maximize))
    colours = [shades.to_rgba(s) if math.isfinite(s) else FAINT for s in scores]
    lines = [i for i, r in enumerate(records) if not r.kind & WEDGE]
    segments: Any = [[(records[i].begin, _y(records[i])), (records[i].end, _y(records[i]))] for i in lines]
    widths = [min(3.5, 0.8 + 0.35 * math.log2(max(1, records[i].living))) for i in lines]
    wedges: Any = [_wedge(r) for r in records if r.kind & WEDGE]
    risers: Any = [
        [(r.begin, _y(records[r.parent])), (r.begin, _y(r))]
        for r in records
        if r.parent >= 0 and records[r.parent].row != r.row
    ]
    axis.add_collection(LineCollection(risers, colors=FAINT, linewidths=0.5, alpha=0.6, zorder=1))
    axis.add_collection(LineCollection(segments, colors=[colours[i] for i in lines], linewidths=widths, zorder=2))
    shaded = [colours[i] for i, r in enumerate(records) if r.kind & WEDGE]
    axis.add_collection(PolyCollection(wedges, facecolors=shaded, alpha=0.8, linewidths=0, zorder=2))
    top: Any = [[(r.begin, _y(r)), (r.end, _y(r))] for r in records if r.kind & TOP]
    axis.add_collection(LineCollection(top, colors=LIT, linewidths=2.6, zorder=3))
    if family.tree.rows <= NAMED:
        _names(axis, records)
    axis.set_ylim(-family.tree.rows - 0.3, 1.2)
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    bar = axis.figure.colorbar(shades, ax=axis, fraction=0.025, pad=0.05 if family.tree.rows <= NAMED else 0.02)
    bar.set_label("score", fontsize=8.5)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    _head(axis, "Family of the living members", _about(family))


def draw_clades(axis: Any, family: Family) -> None:
    """Fill `axis` with shares of clades, each before and after those that arose within it."""
    steps, rows = list(family.window.centres), shares(family.forest, family.clades, family.window)
    n = len(family.clades.found)
    layers = [[0.0 if share != share else share / 2 for share in rows[k]] for k in family.clades.order]
    axis.stackplot(steps, layers, colors=[_hue(k, n) for k in family.clades.order], linewidth=0, antialiased=False)
    _outline(axis, steps, family.clades.order, layers)
    segments = family.forest.lineage.segments
    for k, (x, y, tall) in _widest(steps, family.clades.order, layers).items():
        if k < n and tall > 0.07:
            axis.text(
                x, y, str(segments[family.clades.found[k].root].member), ha="center", va="center",
                color="white" if k < len(_HUES) else "#1b1d1f", fontsize=8.5, fontweight="bold",
            )  # fmt: skip
    axis.set_ylim(0, 1)
    axis.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    said = "share of the members that descend from each; the number is that of the member with which it began"
    _head(axis, "Clades", said)


def _y(record: Record) -> float:
    """The first row is apart from the others."""
    return -record.row - (0.6 if record.row else 0.0)


def _wedge(record: Record) -> list[tuple[float, float]]:
    end = max(record.end, record.begin + 1e-9)
    return [(record.begin, _y(record)), (end, _y(record) - 0.42), (end, _y(record) + 0.42)]


def _shades(maximize: bool) -> Any:
    """From light, the worst, to dark: as on the page."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    found = [colormaps["cividis"](0.9 - 0.9 * i / 255) for i in range(256)]
    return ListedColormap(found if maximize else found[::-1])


def _norm(scores: list[float], maximize: bool) -> Any:
    """From colours of the usual bad scores to those of the best: beginnings must not take up all of them."""
    from matplotlib.colors import Normalize

    ordered = sorted(s for s in scores if math.isfinite(s))
    if not ordered:
        return Normalize(0, 1)
    bad = int(0.15 * (len(ordered) - 1))
    low, high = (ordered[bad], ordered[-1]) if maximize else (ordered[0], ordered[len(ordered) - 1 - bad])
    return Normalize(low, high) if low < high else Normalize(ordered[0], ordered[-1])


def _names(axis: Any, records: list[Record]) -> None:
    last = {r.row: r for r in records}
    for record in last.values():
        said = f"×{record.living}" if record.kind & WEDGE else str(record.of.member)
        bold = {"color": LIT, "fontweight": "bold"} if record.row == 0 else {"color": "#555"}
        axis.annotate(
            said, (record.end, _y(record)), (5, 0), textcoords="offset points", va="center", fontsize=7.5,
            annotation_clip=False, **bold,
        )  # fmt: skip


def _about(family: Family) -> str:
    tree = family.tree
    leaves = sum(bool(r.kind & LEAF) for r in tree.records)
    merged = f", of which {tree.leaves - leaves:,} in wedges" if leaves < tree.leaves else ""
    ancestor = family.history.lineage.common_ancestor(
        [s.member for s in family.forest.alive(family.history.population)]
    )
    met = "several founders have descendants"
    if ancestor is not None:
        met = f"all descend from member {ancestor[0].member} at step {ancestor[1]:,}"
    return f"{counted(tree.leaves, 'member')}{merged} · {met} · on top: the lineage of the best"


def _head(axis: Any, title: str, said: str) -> None:
    axis.set_title(title, fontsize=11, fontweight="bold", pad=20)
    axis.annotate(
        said, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points", fontsize=9, color="#555"
    )  # fmt: skip
    axis.set_xlabel("step")


def _hue(k: int, n: int) -> str:
    if k == n:
        return "#dcdfe3"
    if k < len(_HUES):
        return _HUES[k]
    base = [int(_HUES[k % len(_HUES)][i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(c + (255 - c) * 0.4):02x}" for c in base)


def _outline(axis: Any, steps: list[float], order: list[int], layers: list[list[float]]) -> None:
    """A white line where two clades meet."""
    found: list[list[float]] = [[math.nan] * len(steps) for _ in order]
    for i in range(len(steps)):
        height, below = 0.0, -1
        for k, layer in enumerate(layers):
            if layer[i] > 0:
                if below >= 0 and order[below] != order[k]:
                    found[below][i] = height
                below = k
            height += layer[i]
    for line in found:
        axis.plot(steps, line, color="white", linewidth=0.8)


def _widest(
    steps: list[float], order: list[int], layers: list[list[float]]
) -> dict[int, tuple[float, float, float]]:  # fmt: skip
    """Of each clade the place where most of it lies together, away from the edges: step, height, and how much."""
    best: dict[int, tuple[float, float, float]] = {}
    edge = len(steps) // 40 if len(steps) > 3 else 0
    for i in range(edge, len(steps) - edge):
        height, runs = 0.0, list[tuple[int, float, float]]()
        for k, layer in zip(order, (layer[i] for layer in layers), strict=True):
            if layer > 0:
                if runs and runs[-1][0] == k:
                    runs[-1] = (k, runs[-1][1], height + layer)
                else:
                    runs.append((k, height, height + layer))
            height += layer
        for k, low, high in runs:
            if high - low > best.get(k, (0.0, 0.0, 0.0))[2]:
                best[k] = steps[i], (low + high) / 2, high - low
    return best
