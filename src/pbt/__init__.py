"""Population-based training that any training script can join in a few lines.

Start with `pbt.turns` or `pbt.join` in a training script, `pbt.train` for a population in one process,
and ``pbt run`` on the command line. Names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pbt.client import PBTClient as PBTClient
    from pbt.coordinator.seat import Outcome as Outcome
    from pbt.engines.loop import Result as Result
    from pbt.engines.loop import train as train
    from pbt.errors import CheckpointError as CheckpointError
    from pbt.errors import Forbidden as Forbidden
    from pbt.errors import Invalid as Invalid
    from pbt.errors import JournalError as JournalError
    from pbt.errors import LeaseLost as LeaseLost
    from pbt.errors import NobodyFree as NobodyFree
    from pbt.errors import NotLoaded as NotLoaded
    from pbt.errors import OutOfReach as OutOfReach
    from pbt.errors import PBTError as PBTError
    from pbt.errors import ReadOnly as ReadOnly
    from pbt.errors import SettingsError as SettingsError
    from pbt.errors import SpaceError as SpaceError
    from pbt.errors import StrategyError as StrategyError
    from pbt.errors import UnknownMember as UnknownMember
    from pbt.errors import Unreachable as Unreachable
    from pbt.errors import Untrusted as Untrusted
    from pbt.population.entries import Checkpoint as Checkpoint
    from pbt.population.entries import Decision as Decision
    from pbt.population.recorded import Settings as Settings
    from pbt.schedules.schedule import Schedule as Schedule
    from pbt.server.original import PBTServer as PBTServer
    from pbt.space.domains import Choice as Choice
    from pbt.space.domains import Float as Float
    from pbt.space.domains import Int as Int
    from pbt.space.domains import Ordinal as Ordinal
    from pbt.space.names import nested as nested
    from pbt.space.reading import read_space as read_space
    from pbt.space.space import Space as Space
    from pbt.strategies.pbt import PBT as PBT
    from pbt.strategies.strategy import Strategy as Strategy
    from pbt.views.run import Run as Run
    from pbt.views.run import load as load
    from pbt.worker.join import join as join
    from pbt.worker.join import turns as turns
    from pbt.worker.member import Member as Member
    from pbt.worker.turns import Turn as Turn
    from pbt.worker.turns import Turns as Turns

__version__ = "0.1.0"

_HOME = {
    "pbt.client.original": ("PBTClient",),
    "pbt.server.original": ("PBTServer",),
    "pbt.errors": (
        "CheckpointError", "Forbidden", "Invalid", "JournalError", "LeaseLost", "NobodyFree", "NotLoaded", "OutOfReach",
        "PBTError", "ReadOnly", "SettingsError", "SpaceError", "StrategyError", "UnknownMember", "Unreachable",
        "Untrusted",
    ),
    "pbt.worker.join": ("join", "turns"),
    "pbt.engines.loop": ("Result", "train"),
    "pbt.coordinator.seat": ("Outcome",),
    "pbt.worker.member": ("Member",),
    "pbt.population.entries": ("Checkpoint", "Decision"),
    "pbt.population.recorded": ("Settings",),
    "pbt.schedules.schedule": ("Schedule",),
    "pbt.space.domains": ("Choice", "Float", "Int", "Ordinal"),
    "pbt.space.names": ("nested",),
    "pbt.space.reading": ("read_space",),
    "pbt.space.space": ("Space",),
    "pbt.strategies.pbt": ("PBT",),
    "pbt.strategies.strategy": ("Strategy",),
    "pbt.views.run": ("Run", "load"),
    "pbt.worker.turns": ("Turn", "Turns"),
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
