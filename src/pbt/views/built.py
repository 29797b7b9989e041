"""Where the page lies: in what is installed, and in a checkout once ``make page`` has built it there."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent.parent / "page"


def is_built() -> bool:
    """Whether it is there."""
    return (FOLDER / "index.html").exists()
