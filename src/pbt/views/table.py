"""A population as a table of members, and as words."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from rich.console import ConsoleDimensions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from pbt.errors import counted
from pbt.population.entries import Entry, Number
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.space.values import Value
from pbt.views.fitting import fitted
from pbt.views.judge import states_of

ENDLESS = 1_000_000
"""Letters of a line that nothing is to cut."""
_BAR = 50
_ENDS = 3, 2
"""Columns before and after the hyperparameters."""
Curves = Callable[[MemberState, str | None], str]
"""The picture, with a blank before it, behind a member's score (None) or one of its hyperparameters; "": none."""


def parent_of(m: MemberState) -> int | None:
    """The member from whose weights it goes on, if they are another's."""
    return m.checkpoint.member if m.checkpoint is not None and m.checkpoint.member != m.id else None


def number_text(value: Number | Value) -> str:
    """A value, short."""
    if type(value) is float:
        near_one = 0.99 < value < 1  # a discount of 0.99995 is not 1
        digits = min(2 - math.floor(math.log10(1 - value)), 16) if near_one else 4
        return f"{value:.{digits}g}"
    return "–" if value is None else str(value)


def note_exploits(entry: Entry, last: dict[int, int]) -> None:
    """Keep the last parent of each member that ever exploited."""
    for decision in entry.decisions:
        if decision.source is not None and decision.exploits:
            last[decision.member] = decision.source.member


def members_table(
    population: Population, exploited: dict[int, int], limit: int | None = None, fresh: Collection[int] = (),
    width: int | None = None, states: list[str] | None = None, curves: Curves | None = None,
) -> Table:  # fmt: skip
    """One row a member: step, score, hyperparameters, the member whose weights it last took over, state.

    Args:
        exploited: the last parent of each member that ever exploited.
        limit: that many rows, those being trained first, then the best; None: all.
        fresh: members that have just taken over weights: they are marked.
        width: letters that there is room for: columns that do not fit are left out, hyperparameters first; None: show
            all.
        states: the members' states, as `states_of` gives them; by default every holder is taken for living.
        curves: small pictures behind numbers: see `Curves`.
    """
    names = list(population.settings.space)
    titles = ["member", "step", "score", *names, "from", "state"]
    states = states_of(population) if states is None else states
    rows = []
    ordered = list(population.members)
    hidden = 0
    if limit is not None and len(ordered) > limit:
        hidden = len(ordered) - limit
        ordered = sorted(ordered, key=lambda m: (states[m.id] != "training", m.key is None, m.key or 0.0, m.id))
        ordered = sorted(ordered[:limit], key=lambda m: m.id)
    best = population.best.member if population.best else None
    for m in ordered:
        state = states[m.id]
        style = "bold green" if m.id == best else "red" if state == "failed" else "dim" if state == "done" else ""
        curve = partial(curves or _no_curve, m)
        values = [number_text((m.hyperparameters or {}).get(name)) + curve(name) for name in names]
        parent = number_text(exploited.get(m.id))
        if m.id in fresh:
            parent, style = f"← {parent}", "bold yellow"
        rows.append(([str(m.id), str(m.step), number_text(m.score) + curve(None), *values, parent, state], style))
    return _table(titles, rows, hidden, width)


def _no_curve(m: MemberState, name: str | None) -> str:
    return ""


def _table(titles: list[str], rows: list[tuple[list[str], str]], hidden: int, width: int | None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", caption_justify="left")
    shown = fitted(titles, [cells for cells, _ in rows], _ENDS, ENDLESS if width is None else width)
    for i, room in shown.items():
        fixed: dict[str, Any] = {} if width is None else {"width": room, "no_wrap": True}
        table.add_column(Text(titles[i]), justify="left" if i == len(titles) - 1 else "right", **fixed)
    for cells, style in rows:
        table.add_row(*(Text(cells[i]) for i in shown), style=style)  # a name is no markup
    away = set(range(len(titles))).difference(shown)
    explored = away.issubset(range(_ENDS[0], len(titles) - _ENDS[1]))
    left_out = [(hidden, "member"), (len(away), "hyperparameter" if explored else "column")]
    if any(n for n, _ in left_out):
        more = ", ".join(counted(n, what) for n, what in left_out if n)
        table.caption = Text(f"… and {more} more", no_wrap=True, overflow="ellipsis")
    return table


def live(
    population: Population | None, exploited: dict[int, int], workers: str, size: ConsoleDimensions, pace: str,
    fresh: Collection[int], curves: Curves | None = None, news: Sequence[Text] = (), trouble: str = "",
) -> RenderableType:  # fmt: skip
    """The table with a progress bar, the best so far and the pace, to be drawn over and over in `size`.

    Args:
        curves: small pictures behind numbers: see `Curves`.
        news: lines below all, the first of which stay where there is little room.
        trouble: why nothing comes, if nothing does.
    """
    if population is None:
        first = f"waiting for the first worker ({workers}) … {pace}"
        return Text("\n".join([first, *textwrap.wrap(trouble, size.width)]))
    # Broken here, so that the lines that it takes are known.
    why = [Text(line, style="yellow") for line in textwrap.wrap(trouble, size.width)]
    below = (_progress(population, size.width), Text(_summary(population, workers)), Text(pace), *why)
    lines = sum(-(-text.cell_len // size.width) for text in below)
    room = size.height - lines - 4  # the header, a hint at what is hidden, a blank line, the cursor
    table = min(len(population.members), max(1, room - len(news) - 1 if news else room, room // 2))
    shown = news[: max(0, room - table - 1)]
    told = (Text(), *shown) if shown else ()
    return Group(
        members_table(population, exploited, table, fresh, size.width, curves=curves), Text(), *below, *told
    )  # fmt: skip


def headline(population: Population) -> str:
    """How a population stands, on a line."""
    best, steps = population.best, [m.step for m in population.members] or [0]
    first, last = min(steps), max(steps)
    return (
        f"step {first if first == last else f'{first}–{last}'} · {counted(population.reports, 'report')} · "
        f"best {number_text(best.score if best else None)}"
    )


def _progress(population: Population, width: int) -> Text:
    steps = population.settings.steps
    if steps is None:
        return Text(f"step {max((m.step for m in population.members), default=0)}")
    trained = sum(steps if m.done else min(m.step, steps) for m in population.members)
    done = trained / (steps * max(1, len(population.members)))
    bar = max(1, min(_BAR, width - 6))
    filled = int(bar * done)
    return Text.assemble(("━" * filled, "green"), ("━" * (bar - filled), "dim"), f" {math.floor(100 * done):3}%")


def _summary(population: Population, workers: str) -> str:
    best = population.best
    said = f"best saved {number_text(best.score)} (member {best.member})" if best else "nothing saved yet"
    left = sum(not m.done for m in population.members)
    return f"{said} · {counted(population.reports, 'report')} · {counted(left, 'member')} to go · {workers}"
