"""``pbt explain``: which strategy runs, what it has done so far, and what would do better; in plain words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from pbt.errors import counted
from pbt.population.ranking import key_of
from pbt.strategies.registry import bare
from pbt.strategies.strategy import Strategy
from pbt.views.advice import advice
from pbt.views.finding import Finding
from pbt.views.rows import DecisionRow
from pbt.views.run import Run

_NOTES = 6
"""Kinds of reasons that are listed."""


class Parameter(NamedTuple):
    """A parameter of the strategy; `default`: it was left as it comes."""

    name: str
    value: Any
    default: bool


class Explanation(NamedTuple):
    """What a strategy does to a population.

    Attributes:
        does: what it does, in a sentence.
        done: what it has done so far, a line each.
        advice: what would do better, each with the remedy.
    """

    strategy: str
    does: str
    parameters: list[Parameter]
    done: list[str]
    advice: list[Finding]


def explain(run: Run) -> Explanation:
    """The explanation of a run, from its journal alone."""
    record = run.settings.strategy
    strategy = bare(record)
    return Explanation(
        record.name, strategy.describe(run.population), _parameters(strategy), list(_done(run)), list(advice(run))
    )


def _parameters(strategy: Strategy) -> list[Parameter]:
    given = msgspec.to_builtins(strategy)
    plain = {
        f.name: msgspec.to_builtins(f.default_factory() if f.default is msgspec.NODEFAULT else f.default)
        for f in msgspec.structs.fields(strategy)
        if not f.required
    }
    return [Parameter(name, value, name in plain and plain[name] == value) for name, value in given.items()]


def _done(run: Run) -> Iterator[str]:
    first = {d.member: d for d in reversed(run.decisions)}
    later = [d for d in run.decisions if d is not first[d.member]]
    exploits = [d for d in later if d.exploits]
    if not later:
        yield "nobody was decided on after its birth yet"
        return
    yield f"exploits: {len(exploits):,} of {counted(len(later), 'decision')} ({len(exploits) / len(later):.0%})"
    yield from _children(run, exploits)
    operations = Counter(operation for d in exploits for operation in d.why.operations.values())
    if operations:
        made = ", ".join(f"{name} {count}" for name, count in operations.most_common())
        yield f"new hyperparameters by operation: {made}"
    ancestor = run.lineage.common_ancestor([m.id for m in run.members if not m.failed])
    if ancestor is not None:
        segment, step = ancestor
        yield f"all members descend from the weights of member {segment.member} at step {step}"
    elif len(run.members) > 1:
        roots = {id(segment.path()[0]) for segment in run.lineage.current.values()}
        yield f"the members descend from {len(roots)} different beginnings"
    notes = Counter(re.sub(r"-?\d+(\.\d+)?(e-?\d+)?", "N", d.why.note) for d in run.decisions if d.why.note)
    for note, count in notes.most_common(_NOTES):
        yield f"{count} × {note}"


def _children(run: Run, exploits: list[DecisionRow]) -> Iterator[str]:
    """How many children were at least as good as their parents at their first report."""
    maximize, judged, good = run.settings.maximize, 0, 0
    for segment in run.lineage.segments:
        parent = segment.parent
        if parent is None or not segment.exploit or not segment.scores:
            continue
        before = next((score for step, score in reversed(parent.scores) if step <= segment.start), None)
        if before is not None:
            judged += 1
            good += key_of(segment.scores[0][1], maximize) <= key_of(before, maximize)
    if judged:
        children = "child was at its" if judged == 1 else "children were at their"
        yield f"{good} of {judged} {children} first report at least as good as what was taken over"
