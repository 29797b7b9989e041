"""Which columns of a table of members fit into a terminal: a number that is cut short says something else."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

_GAP = 2
_TITLE = 8
"""Letters of a long title that are shown at least where there is little room."""


def fitted(titles: Sequence[str], rows: Sequence[Sequence[str]], ends: tuple[int, int], width: int) -> dict[int, int]:
    """The columns to show, each with its width.

    Args:
        ends: how many columns, at the left and at the right, are shown in any case.
        width: of the terminal, in letters.
    """
    contents = [max((cell_len(row[i]) for row in rows), default=0) for i in range(len(titles))]
    full = {i: max(contents[i], cell_len(title)) for i, title in enumerate(titles)}
    if _total(full) <= width:
        return full
    middle = list(range(ends[0], len(titles) - ends[1]))
    shown = full | {i: max(contents[i], min(cell_len(titles[i]), _TITLE)) for i in middle}
    while middle and _total(shown) > width:
        del shown[middle.pop()]
    return shown


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)
