"""A decision in one plain sentence: what was done to the member, and why."""

from __future__ import annotations

from pbt.population.entries import Why
from pbt.space.space import Values
from pbt.views.rows import DecisionRow
from pbt.views.table import number_text

_MOST = 4
"""Hyperparameters that are named in a sentence."""


def sentence(row: DecisionRow, before: Values | None) -> str:
    """The sentence.

    Args:
        before: the values that were changed: the parent's where weights were taken over, else the member's own.
    """
    said = f"{_done(row)}{_changes(row, before)}"
    reason = "; ".join(filter(None, (_rank(row), _model(row.why), row.why.note)))
    return f"{said}: {reason}." if reason else f"{said}."


def in_short(row: DecisionRow, before: Values | None) -> str:
    """An exploit for a line that may be cut: who from whom, the ranks, then what changed."""
    why, after = row.why, row.hyperparameters or {}
    ranks = f", ranked {why.rank} of {why.of}" if why.rank else ""
    parent = f" (parent ranked {why.parent_rank})" if ranks and why.parent_rank else ""
    changed = [
        f"{name} {number_text(before.get(name))} → {number_text(value)}"
        for name, value in after.items()
        if before is not None and before.get(name) != value
    ]
    values = f": {', '.join(changed)}" if changed else ""
    note = f"; {why.note}" if why.note else ""
    return f"step {row.step}: {row.member} ← {row.parent}{ranks}{parent}{values}{note}"


def _done(row: DecisionRow) -> str:
    name = f"Member {row.member}"
    if row.stop:
        return f"{name} {'has failed and is trained no further' if row.failed else 'was stopped'} at step {row.step}"
    if row.start == "on":
        changed = "its weights" if row.hyperparameters is not None else "its weights and hyperparameters"
        return f"{name} kept {changed} at step {row.step}"
    if row.parent is None:
        return f"{name} {'was born' if row.step == 0 else 'was begun anew'}"
    whose = "its own last checkpoint" if row.parent == row.member else f"member {row.parent}'s weights"
    how = "" if row.start == "copy" else f" ({row.start})"
    took = "went back to" if row.parent == row.member else "took over"
    return f"{name} {took} {whose}{how} at step {row.step}"


def _changes(row: DecisionRow, before: Values | None) -> str:
    after = row.hyperparameters
    if after is None:
        return " with hyperparameters still to be computed" if row.start != "on" and not row.stop else ""
    if row.parent is None and row.start != "on":
        return f" with {_listed([f'{name}={number_text(value)}' for name, value in after.items()])}"
    changed = [
        f"{name} {number_text(before.get(name))} → {number_text(value)}{_in_brackets(operation_words(row.why, name))}"
        for name, value in after.items()
        if before is not None and before.get(name) != value
    ]
    if changed:
        return f" and changed {_listed(changed)}"
    return " and its hyperparameters as they are" if row.exploits else ""


def operation_words(why: Why, name: str) -> str:
    """How a hyperparameter was changed, in words; empty: it was not."""
    operation = why.operations.get(name, "")
    words = {"resample": "drawn anew", "model": "by the model", "drawn": "drawn", "": ""}
    return words.get(operation, operation.replace("*", "×"))


def _in_brackets(words: str) -> str:
    return f" ({words})" if words else ""


def _rank(row: DecisionRow) -> str:
    why = row.why
    if not why.of or not why.rank:
        return ""
    if why.low and why.k:
        cut = "the last" if why.k == 1 else f"one of the last {why.k}"
        found = f"it ranked {why.rank} of {why.of}, {cut}"
    else:
        found = f"it ranked {why.rank} of {why.of}"
    if row.exploits and why.parent_rank:
        found += f", its parent ranked {why.parent_rank}"
    return found


def _model(why: Why) -> str:
    """What PB2's model expected."""
    gain, deviation = why.more.get("gain"), why.more.get("deviation")
    if not isinstance(gain, float | int):
        return ""
    return f"the model expected a gain of {gain:g}" + (
        f" ± {deviation:g}" if isinstance(deviation, float | int) else ""
    )


def _listed(parts: list[str]) -> str:
    more = len(parts) - _MOST
    return ", ".join(parts[:_MOST]) + (f" and {more} more" if more > 0 else "")
