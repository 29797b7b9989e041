"""What a strategy shows of its memory: tables by name."""

from __future__ import annotations

from typing import Any

import msgspec

from pbt.space.numbers import short

Cell = str | int | float | None


class Table(msgspec.Struct, frozen=True):
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


def cell(value: Any) -> Cell:
    """A hyperparameter's value as a cell."""
    return value if isinstance(value, str | int | float) else short(value)
