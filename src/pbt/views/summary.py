"""The outcome of a population, in words."""

from __future__ import annotations

import os.path
import shlex
from collections.abc import Iterator
from pathlib import Path

from pbt.checkpoints.location import names_server as names_store
from pbt.errors import counted
from pbt.opening.opening import names_server
from pbt.population.entries import Checkpoint
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.population.schedule import Pieces, schedule
from pbt.views.table import ENDLESS, number_text


def report_of(population: Population, lineage: Lineage, where: str, logs: Path, width: int = ENDLESS) -> str:
    """The end of a run: the best member, the schedule that led to it, and where everything lies.

    Args:
        width: letters that a line of the schedule has room for.
    """
    lines: list[str] = []
    best = population.best
    if best is None:
        lines.append("no member had a finite score with a checkpoint yet")
    else:
        lines.append(f"best score {number_text(best.score)}: member {best.member} at step {best.step}")
        lines.extend(f"  {line}" for line in how_to_load(where, population.settings, best))
        found = schedule(lineage, best)
        lines.append(f"  its schedule of hyperparameters ({counted(len(found), 'piece')}):")
        lines.extend("  " + line for line in schedule_lines(found, width=width - 2))
    lines.append(
        f"{counted(population.reports, 'report')} and {counted(lineage.exploits, 'exploit')} of "
        f"{counted(len(population.members), 'member')}, in {where}"
    )
    failed = [m.id for m in population.members if m.failed]
    if failed:
        lines.append(
            f"failed for good: {', '.join(map(str, failed))} (their workers' output: {shlex.quote(str(logs))}-*)"
        )
    return "\n".join(lines)


def how_to_load(where: str, settings: Settings, checkpoint: Checkpoint) -> list[str]:
    """Where the best checkpoint can be loaded from, or how to get it here."""
    if settings.foreign:
        return [f"its script calls it  {checkpoint.id}"]
    path = checkpoint_path(where, settings, checkpoint)
    return [f"load it from  {path}" if path is not None else f"get it with  {fetch_command(where, settings)}"]


def checkpoint_path(where: str, settings: Settings, checkpoint: Checkpoint) -> str | None:
    """A checkpoint's path on this machine; None if it is kept elsewhere. A foreign checkpoint's id is its path."""
    if settings.foreign:
        return checkpoint.id
    if names_server(where) or names_store(settings.checkpoints):
        return None
    path = Path(where).expanduser() / "checkpoints" / checkpoint.id
    return str(path) if os.path.isdir(path) else None


def fetch_command(where: str, settings: Settings) -> str | None:
    """The command that copies the best checkpoint to a folder; None for foreign checkpoints."""
    return None if settings.foreign else shlex.join(["pbt", "fetch", where, "--to", "best"])


def schedule_lines(found: Pieces, limit: int = 12, width: int = ENDLESS) -> list[str]:
    """A schedule as a small table: from which step, which values; the middle of a long one left out.

    Args:
        width: letters of a line; columns that do not fit come in a table below.
    """
    names = list(found[0][1]) if found else []
    rows = [["from step", *names]] + [
        [str(step), *(number_text(values[name]) for name in names)] for step, values in found
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(names) + 1)]
    lines: list[str] = []
    for columns in _beside(widths, width):
        part = ["  ".join(row[i].rjust(widths[i]) for i in columns) for row in rows]
        if len(part) > limit + 1:
            half = limit // 2
            part = [*part[: half + 1], f"{'…':>{widths[0]}}  ({len(part) - 1 - limit} more)", *part[-half:]]
        lines += ["", *part] if lines else part
    return lines


def _beside(widths: list[int], width: int) -> Iterator[list[int]]:
    """Columns that fit beside the first, and then the next ones."""
    columns, used = [0], widths[0]
    for i, wide in enumerate(widths[1:], 1):
        if used + 2 + wide > width and len(columns) > 1:
            yield columns
            columns, used = [0], widths[0]
        columns, used = [*columns, i], used + 2 + wide
    yield columns


def shortened(text: str, most: int) -> str:
    """A name on one line of at most `most` characters: of a longer one the middle is left out."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"
