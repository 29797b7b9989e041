"""Population-based training that any training script can join in a few lines.

Start with `pbt.turns` or `pbt.join` in a training script, `pbt.train` for a population in one process,
and ``pbt run`` on the command line. Names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pbt.errors import (
        CheckpointError,
        Conflict,
        Forbidden,
        Invalid,
        JournalError,
        LeaseLost,
        NobodyFree,
        NotLoaded,
        PBTError,
        SettingsError,
        SpaceError,
        StrategyError,
        Unavailable,
        UnknownMember,
        Unreachable,
    )
    from pbt.loop import Result, train
    from pbt.population.entries import Checkpoint, Decision, Settings
    from pbt.space.domains import Choice, Float, Int, Ordinal
    from pbt.space.reading import read_space
    from pbt.space.space import Space
    from pbt.strategies.pbt import PBT
    from pbt.strategies.strategy import Strategy

__version__ = "0.1.0"

_HOME = {
    "pbt.errors": (
        "CheckpointError", "Conflict", "Forbidden", "Invalid", "JournalError", "LeaseLost", "NobodyFree", "NotLoaded",
        "PBTError", "SettingsError", "SpaceError", "StrategyError", "Unavailable", "UnknownMember", "Unreachable",
    ),
    "pbt.loop": ("Result", "train"),
    "pbt.population.entries": ("Checkpoint", "Decision", "Settings"),
    "pbt.space.domains": ("Choice", "Float", "Int", "Ordinal"),
    "pbt.space.reading": ("read_space",),
    "pbt.space.space": ("Space",),
    "pbt.strategies.pbt": ("PBT",),
    "pbt.strategies.strategy": ("Strategy",),
}  # fmt: skip
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", *sorted(_WHERE)]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'pbt' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
