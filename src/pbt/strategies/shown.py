"""What a strategy shows of its memory: tables and small charts, each by a name."""

from __future__ import annotations

from typing import Any

import msgspec

from pbt.space.numbers import short

Cell = str | int | float | None


class Table(msgspec.Struct, frozen=True, tag="table", tag_field="kind"):
    """Rows of what the strategy knows.

    Attributes:
        name: a heading; no two of a strategy are equal.
        columns: their headings.
        rows: a cell for each column; None: nothing is known. Numbers that are not finite are shown as nothing.
        note: a sentence below.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


class Chart(msgspec.Struct, frozen=True, tag="chart", tag_field="kind"):
    """A few lines over one axis.

    Attributes:
        name: a heading.
        x, y: what the axes are, with the unit.
        lines: points (x, y) by the line's name, x ascending; a few hundred points at most.
        note: a sentence below.
    """

    name: str
    x: str
    y: str
    lines: dict[str, tuple[tuple[float, float], ...]]
    note: str = ""


Shown = Table | Chart


def cell(value: Any) -> Cell:
    """A hyperparameter's value as a cell."""
    return value if isinstance(value, str | int | float) else short(value)
