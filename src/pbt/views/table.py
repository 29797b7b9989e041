"""A population as a table of members, and as words."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from pbt.population.entries import Entry, Number
from pbt.population.member import MemberState
from pbt.population.value import Population
from pbt.space.domains import Value
from pbt.views.judge import states_of

_BAR = 50


def parent_of(m: MemberState) -> int | None:
    """The member from whose weights it goes on, if they are another's."""
    return m.checkpoint.member if m.checkpoint is not None and m.checkpoint.member != m.id else None


def number_text(value: Number | Value) -> str:
    """A value, short."""
    if type(value) is float:
        return f"{value:.4g}"
    return "–" if value is None else str(value)


def note_exploits(entry: Entry, last: dict[int, int]) -> None:
    """Keep the last parent of each member that ever exploited."""
    for decision in entry.decisions:
        if decision.start == "copy" and decision.parents[0].member != decision.member:
            last[decision.member] = decision.parents[0].member


def members_table(
    population: Population, exploited: dict[int, int], limit: int | None = None, states: list[str] | None = None
) -> Table:
    """One row a member: step, score, hyperparameters, from whom it last took over weights, state.

    Args:
        exploited: the last parent of each member that ever exploited.
        limit: that many rows, those being trained first, then the best; None: all.
        states: what each member is doing, as `states_of` says; by default every holder is taken for living.
    """
    names = list(population.settings.space)
    states = states_of(population) if states is None else states
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("member", "step", "score", *names, "from", "state"):
        table.add_column(escape(title), justify="right" if title != "state" else "left")
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
        values = [escape(number_text((m.hyperparameters or {}).get(name))) for name in names]
        table.add_row(
            str(m.id), str(m.step), number_text(m.score), *values, number_text(exploited.get(m.id)), state, style=style
        )
    if hidden:
        table.caption = f"… and {hidden} members more: pbt status shows all"
    return table


def live(population: Population | None, exploited: dict[int, int], workers: str, rows: int) -> RenderableType:
    """The table with a progress bar and the best so far, to be drawn over and over."""
    if population is None:
        return Text(f"waiting for the first worker ({workers}) …")
    table = members_table(population, exploited, limit=max(4, rows))
    return Group(table, Text(), _progress(population), Text(_summary(population, workers)))


def _progress(population: Population) -> Text:
    steps = population.settings.steps
    if steps is None:
        return Text(f"step {max((m.step for m in population.members), default=0)}")
    done = sum(min(m.step, steps) for m in population.members) / (steps * max(1, len(population.members)))
    filled = round(_BAR * done)
    return Text.assemble(("━" * filled, "green"), ("━" * (_BAR - filled), "dim"), f" {done:4.0%}")


def _summary(population: Population, workers: str) -> str:
    best = population.best
    said = f"best saved {number_text(best.score)} (member {best.member})" if best else "nothing saved yet"
    left = sum(not m.done for m in population.members)
    return f"{said} · {population.reports} reports · {left} members to go · {workers}"
