"""A duration on the command line: ``30m``, ``90s``, ``2h``, ``1d``, or a number of seconds."""

from __future__ import annotations

import re

import click

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration(text: str) -> float:
    """Seconds, above 0."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if found is None or float(found[1]) == 0:
        raise click.BadParameter(f"{text!r} is no duration: write 90s, 30m or 2h")
    return float(found[1]) * _UNITS[found[2]]
