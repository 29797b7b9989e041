"""What a population found, in words."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import Path

from pbt.checkpoints.setting import is_url as names_store
from pbt.population.entries import Checkpoint, Entry, Settings
from pbt.population.lineage import Lineage
from pbt.population.schedule import Schedule, schedule
from pbt.population.value import Population
from pbt.views.table import number_text
from pbt.where import is_url


def report_of(population: Population, entries: Sequence[Entry], where: str) -> str:
    """The end of a run: the best member, the schedule that led to it, and where everything lies."""
    lines = []
    best = population.best
    if best is None:
        lines.append("no member had a finite score with a checkpoint yet")
    else:
        lines.append(f"best score {number_text(best.score)}: member {best.member} at step {best.step}")
        lines.append(f"  load it from  {checkpoint_path(where, population.settings, best)}")
        found = schedule(Lineage.of(entries), best)
        lines.append(f"  its schedule of hyperparameters ({len(found)} {'piece' if len(found) == 1 else 'pieces'}):")
        lines.extend("  " + line for line in schedule_lines(found))
    exploits = sum(d.start == "copy" for e in entries for d in e.decisions)
    lines.append(
        f"{population.reports} reports and {exploits} exploits of {len(population.members)} members, in {where}"
    )
    failed = [m.id for m in population.members if m.failed]
    if failed:
        lines.append(f"failed for good: {', '.join(map(str, failed))} (their workers' output is in {where}/logs)")
    return "\n".join(lines)


def checkpoint_path(where: str, settings: Settings, checkpoint: Checkpoint) -> str:
    """Where a checkpoint lies, in the population's folder or an object store; its id where only a server sees it."""
    if names_store(settings.checkpoints):
        return f"{settings.checkpoints}/{checkpoint.id}"
    path = Path(where, "checkpoints", checkpoint.id)
    return str(path) if not is_url(where) and os.path.isdir(path) else f"checkpoint {checkpoint.id}"


def schedule_lines(found: Schedule, limit: int = 12) -> list[str]:
    """A schedule as a small table: from which step, which values; the middle of a long one left out."""
    names = list(found[0][1]) if found else []
    rows = [["from step", *names]] + [
        [str(step), *(number_text(values[name]) for name in names)] for step, values in found
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(names) + 1)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    if len(lines) > limit + 1:
        half = limit // 2
        lines = [*lines[: half + 1], f"{'…':>{widths[0]}}  ({len(lines) - 1 - limit} more)", *lines[-half:]]
    return lines


def shortened(text: str, most: int) -> str:
    """A name on one line of at most `most` characters: of a longer one the middle is left out."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"
