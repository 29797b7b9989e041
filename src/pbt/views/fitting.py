"""What fits into a terminal, of a table, a line or a value: a number that is cut short says something else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

_NUMBER_AT_BEGIN = re.compile(r"^[-+.\deE]*\d[-+.\deE]*")
_NUMBER_AT_END = re.compile(r"(?<![\w.])[-+]?\.?\d[-+.\deE]*$|[-+.]$")
_GAP = 2
_TITLE = 8
"""Letters of a long title that are shown at least where there is little room."""


def fitted(titles: Sequence[str], rows: Sequence[Sequence[str]], ends: tuple[int, int], width: int) -> dict[int, int]:
    """The columns to show, each with its width.

    Args:
        ends: how many columns, at the left and at the right, go last, those at the very right first.
        width: of the terminal, in letters.
    """
    contents = [max((cell_len(row[i]) for row in rows), default=0) for i in range(len(titles))]
    full = {i: max(contents[i], cell_len(title)) for i, title in enumerate(titles)}
    if _total(full) <= width:
        return full
    middle = range(ends[0], len(titles) - ends[1])
    shown = full | {i: max(contents[i], min(cell_len(titles[i]), _TITLE)) for i in middle}
    for i in [*reversed(middle), *range(len(titles) - 1, middle.stop - 1, -1), *range(middle.start - 1, 0, -1)]:
        if _total(shown) <= width:
            break
        del shown[i]
    return shown


def _total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)


def at_gap(text: str, most: int) -> str:
    """A line of at most `most` letters of a terminal: of a longer one the end is left out, from a blank on."""
    if cell_len(text) <= most:
        return text
    return f"{set_cell_size(text, max(0, most - 1)).rpartition(' ')[0]} …"


def without_middle(text: str, most: int) -> str:
    """A value in at most `most` letters: of a longer one the middle is left out, and no number is cut in two."""
    if len(text) <= most:
        return text
    head, tail = text[: most // 2], text[-(most - most // 2 - 1) :]
    return f"{_NUMBER_AT_END.sub('', head)}…{_NUMBER_AT_BEGIN.sub('', tail)}"
