"""The algorithms that decide, one file each, and everything that the author of another one needs.

`Strategy` is what to subclass, or `PBT` where only a part of it changes. See docs/strategies.md. Names are loaded when
they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pbt.population.chance import Chance as Chance
    from pbt.population.entries import Checkpoint as Checkpoint
    from pbt.population.entries import Decision as Decision
    from pbt.population.entries import Entry as Entry
    from pbt.population.entries import Report as Report
    from pbt.population.entries import Reported as Reported
    from pbt.population.entries import Why as Why
    from pbt.population.member import MemberState as MemberState
    from pbt.population.population import Population as Population
    from pbt.population.ranking import Ranked as Ranked
    from pbt.population.recorded import Settings as Settings
    from pbt.population.rules import bad as bad
    from pbt.population.rules import cut as cut
    from pbt.population.rules import parents as parents
    from pbt.population.rules import quorum as quorum
    from pbt.population.rules import rank as rank
    from pbt.population.rules import ranked_by as ranked_by
    from pbt.population.rules import ranked_in as ranked_in
    from pbt.population.rules import standing as standing
    from pbt.space.space import Space as Space
    from pbt.space.space import Values as Values
    from pbt.strategies.births import birth as birth
    from pbt.strategies.explore import perturb as perturb
    from pbt.strategies.explore import perturb_or_resample as perturb_or_resample
    from pbt.strategies.explore import redraw as redraw
    from pbt.strategies.pbt import PBT as PBT
    from pbt.strategies.shown import Table as Table
    from pbt.strategies.strategy import Memory as Memory
    from pbt.strategies.strategy import Strategy as Strategy
    from pbt.strategies.strategy import Wrapper as Wrapper

_HOME = {
    "pbt.population.chance": ("Chance",),
    "pbt.population.entries": ("Checkpoint", "Decision", "Entry", "Report", "Reported", "Why"),
    "pbt.population.member": ("MemberState",),
    "pbt.population.population": ("Population",),
    "pbt.population.ranking": ("Ranked",),
    "pbt.population.recorded": ("Settings",),
    "pbt.population.rules": ("bad", "cut", "parents", "quorum", "rank", "ranked_by", "ranked_in", "standing"),
    "pbt.space.space": ("Space", "Values"),
    "pbt.strategies.births": ("birth",),
    "pbt.strategies.explore": ("perturb", "perturb_or_resample", "redraw"),
    "pbt.strategies.pbt": ("PBT",),
    "pbt.strategies.shown": ("Table",),
    "pbt.strategies.strategy": ("Memory", "Strategy", "Wrapper"),
}
_WHERE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [*sorted(_WHERE)]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'pbt.strategies' has no attribute {name!r}")
    value = getattr(importlib.import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
