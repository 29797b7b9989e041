"""Pictures of a population: scores with the lineage of the best, the schedule of hyperparameters, and the family.

They need matplotlib, which is imported when the first one is drawn.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pbt.errors import PBTError, counted
from pbt.views.history import History
from pbt.views.kin import Family, draw_clades, draw_tree, height_of
from pbt.views.panels import Panel, fixed_text, panels_of
from pbt.views.scores import draw_scores
from pbt.views.summary import shortened

SUFFIXES = (".png", ".svg", ".pdf")
MOST = 36
"""Hyperparameters that one picture shows."""
_WIDTH, _SCORES, _PANEL, _ROW, _CLADES = 9.0, 4.4, 1.45, 0.2, 2.6
"""In inches: of a picture, and the heights of its parts and of a line of text."""


def check_picture(path: Path) -> None:
    """Make sure that a picture can be drawn, and where it is to be written, before a long journal is read.

    Raises:
        PBTError: matplotlib is missing, or the file has another suffix, or no folder to lie in.
    """
    check_matplotlib()
    if path.suffix.lower() not in SUFFIXES:
        raise PBTError(f"{path}: pictures are written as {', '.join(SUFFIXES)}: name a file that ends so")
    if path.is_dir():
        raise PBTError(f"{path} is a folder: name a file in it, such as {path / 'population.png'}")
    if not path.parent.is_dir():
        raise PBTError(f"{path}: there is no folder {path.parent}")


def check_matplotlib() -> None:
    """Make sure that a picture can be drawn.

    Raises:
        PBTError: matplotlib is missing.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise PBTError("pictures need matplotlib: pip install 'pbtrain[plot]'") from None


class Parts(NamedTuple):
    """The parts of a picture."""

    scores: bool = True
    schedule: bool = True
    family: bool = False


ALL = Parts()
FAMILY = Parts(scores=False, schedule=False, family=True)


def draw(
    history: History,
    path: Path,
    title: str,
    *,
    parts: Parts = ALL,
    score_name: str = "score",
    others: Mapping[str, History] | None = None,
) -> None:
    """Write one picture.

    Args:
        others: further populations by name, whose best lineage is drawn for comparison.

    Raises:
        PBTError: as `check_picture`; no member has reported yet; or the file can not be written.
    """
    check_picture(path)
    picture = drawn(history, title, path.suffix.lower()[1:], parts, score_name, others)
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise PBTError(f"{path} can not be written: {error.strerror}") from None


def drawn(
    history: History,
    title: str,
    kind: str = "png",
    parts: Parts = ALL,
    score_name: str = "score",
    others: Mapping[str, History] | None = None,
) -> bytes:
    """One picture as a file's content: "png", "svg" or "pdf".

    Raises:
        PBTError: no member has reported yet.
    """
    if history.population.reports == 0:
        raise PBTError("nothing to draw yet: no member has reported a score")
    import matplotlib

    style: Any = {
        "text.parse_math": False,  # a name may have a $
        "svg.fonttype": "none",
        "svg.hashsalt": "pbt",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.axisbelow": True,
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "savefig.dpi": 110,
    }
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()  # ignores the user's matplotlibrc
        matplotlib.rcParams.update(style)
        figure = _family(history, title) if parts.family else _figure(history, title, parts, score_name, others or {})
        written = io.BytesIO()
        figure.savefig(written, format=kind, metadata=None if kind == "png" else {_DATE[kind]: None})
    return written.getvalue()


_DATE = {"svg": "Date", "pdf": "CreationDate"}
"""Left out, so that the same journal gives the same bytes."""


def _figure(history: History, title: str, parts: Parts, score_name: str, others: Mapping[str, History]) -> Any:
    from matplotlib.figure import Figure

    panels = panels_of(history) if parts.schedule else []
    notes = fixed_text(history) if parts.schedule else []
    if len(panels) > MOST:
        notes.append(f"not shown: {counted(len(panels) - MOST, 'more hyperparameter')}")
        panels = panels[:MOST]
    columns = 1 if len(panels) <= 4 else 2 if len(panels) <= 20 else 3
    rows = math.ceil(len(panels) / columns)
    legend = _ROW * (max(4, 3 + len(others)) + 0.9)
    heights = [_SCORES, legend] * parts.scores + [0.6 + _ROW * len(notes)] * parts.schedule + [_PANEL] * rows
    figure = Figure(figsize=(_WIDTH, sum(heights) + 0.3), layout="constrained")
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    row = 0
    if parts.scores:
        axis = figure.add_subplot(grid[0, :])
        sides = draw_scores(axis, history, title, score_name, others)
        _along(axis, history)
        _legend(figure.add_subplot(grid[1, :]), sides)
        row = 2
    if parts.schedule:
        head = figure.add_subplot(grid[row, :])
        row += 1
    for n, panel in enumerate(panels):
        axis = figure.add_subplot(grid[row + n // columns, n % columns])
        panel.draw(axis, 100 // columns - 8)
        _along(axis, history, (9, 5, 3)[columns - 1])
        axis.tick_params(labelbottom=n + columns >= len(panels))
        if n // columns == rows - 1:
            axis.set_xlabel("step")
    if parts.schedule:
        _head(head, history, panels, notes)
    return figure


def _family(history: History, title: str) -> Any:
    """The tree above the clades."""
    from matplotlib.figure import Figure

    family = Family(history)
    heights = [height_of(family), _CLADES]
    figure = Figure(figsize=(_WIDTH, sum(heights) + 1.2), layout="constrained")
    figure.suptitle(shortened(title, 80), x=0.01, ha="left", fontsize=11)
    tree, clades = figure.subplots(2, 1, height_ratios=heights)
    draw_tree(tree, family)
    draw_clades(clades, family)
    for axis in (tree, clades):
        _along(axis, history)
    tree.grid(visible=False)
    return figure


def _along(axis: Any, history: History, ticks: int = 9) -> None:
    """The axis of steps, the same for all, with at most so many ticks and one."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    last = max(1, history.last)
    axis.set_xlim(-0.01 * last, 1.02 * last)
    axis.xaxis.set_major_locator(MaxNLocator(ticks, integer=True))
    if last >= 100_000:
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.grid(axis="y", alpha=0.25, linewidth=0.6)


def _legend(axis: Any, sides: tuple[list[Any], list[Any]]) -> None:
    """Two columns: marks of all members, and of the best."""
    from matplotlib.lines import Line2D

    axis.axis("off")
    blank, rows = Line2D([], [], linestyle="none", label=" "), max(map(len, sides))
    handles = [handle for side in sides if side for handle in (*side, *[blank] * (rows - len(side)))]
    axis.legend(
        handles=handles, loc="upper left", ncols=2 if all(sides) else 1, bbox_to_anchor=(-0.005, 1), borderaxespad=0,
        columnspacing=1.5,
    ).set_in_layout(False)  # fmt: skip


def _head(axis: Any, history: History, panels: list[Panel], notes: list[str]) -> None:
    """The heading of the panels below."""
    from matplotlib.transforms import ScaledTranslation

    axis.axis("off")
    title = "Hyperparameters over steps" if panels else "No hyperparameter is explored"
    if panels and history.population.best is not None:
        title = "The schedule that led to the best: hyperparameters over steps"
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "in_layout": False}
    axis.annotate(title, (0, 1), (0, 0), va="top", fontsize=11, fontweight="bold", **place)
    axis.annotate("\n".join(notes), (0, 1), (0, -36), va="top", fontsize=9, color="#555", **place)
    handles: dict[str, Any] = {}
    for panel in panels:
        handles.update(panel.handles())
    if handles:
        below = axis.transAxes + ScaledTranslation(0, -20 / 72, axis.figure.dpi_scale_trans)
        axis.legend(
            handles.values(), handles, loc="upper left", ncols=len(handles), bbox_to_anchor=(0, 1),
            bbox_transform=below, borderpad=0, handlelength=1.5, columnspacing=1.3, borderaxespad=0,
        ).set_in_layout(False)  # fmt: skip
