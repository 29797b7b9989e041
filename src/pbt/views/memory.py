"""What a strategy shows of its memory."""

from __future__ import annotations

import math

from msgspec.structs import replace

from pbt.errors import PBTError
from pbt.strategies.registry import bare
from pbt.strategies.shown import Cell, Table
from pbt.views.followed import Followed
from pbt.views.shapes import Memory


def memory(followed: Followed, strategies: frozenset[str]) -> Memory:
    """What a population's strategy shows.

    Args:
        strategies: names of those that may be imported: none is because a journal names it.
    """
    settings = followed.population.settings
    name = settings.strategy.name
    if name not in strategies:
        return Memory(followed.entry, name, note=f"pbt serve --strategy {name} lets its page show what it remembers")
    try:
        strategy = bare(settings.strategy)
        remembered = strategy.remembers
        shown = followed.recalled.shown(settings) if remembered else strategy.show(followed.population, None)
    except PBTError as error:
        return Memory(followed.entry, name, note=str(error))
    return Memory(followed.entry, name, [_finite(table) for table in shown])


def _finite(table: Table) -> Table:
    """JSON has no nan and no infinity."""
    return replace(table, rows=tuple(tuple(_cell(cell) for cell in row) for row in table.rows))


def _cell(cell: Cell) -> Cell:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
