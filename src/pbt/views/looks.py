"""How the pictures look: colours, and numbers along an axis."""

from __future__ import annotations

import math
from typing import Any

FAINT = "#8b97a5"
"""All members."""
LIT = "#d1495b"
"""The best one's lineage."""
LATER = (0, (3, 1.5))
"""How a line goes on after the best."""
OTHERS = (("#33658a", "--"), ("#4c956c", "-."), ("#7d5ba6", ":"))
"""Other populations: colour and style."""


def plain_numbers(axis: Any, low: float, high: float) -> None:
    """Ticks from `low` to `high` as whole numbers each, with the digits that tell them apart, and no factor aside."""
    from matplotlib.ticker import FuncFormatter

    far, span = max(abs(low), abs(high)), high - low
    digits = min(15, max(4, 2 + math.ceil(math.log10(far / span)))) if span > 0 else 15
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.{digits}g}".replace("-", "\N{MINUS SIGN}")))
