"""How a change from outside changes a population, apart from the decisions that it brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec.structs import replace

from pbt.errors import JournalError
from pbt.population.draft import Draft
from pbt.population.entries import Checkpoint, Steered
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.space.domains import Float, Int

_BY_DECISIONS = ("set", "again", "finish")
"""Changes that are nothing besides the decisions that they bring."""
REMEMBERED = 32
"""Changes whose nonces are remembered, so that one that is told again is known."""


def steer(draft: Draft, event: Steered) -> None:
    """Apply a change.

    Raises:
        JournalError: it is of a kind that this version does not know.
    """
    if event.nonce:
        known = {**draft.steered, event.nonce: draft.count + 1}
        draft.steered = dict(islice(known.items(), max(0, len(known) - REMEMBERED), None))
    for name, value in event.change.items():
        if name in _CHANGES:
            _CHANGES[name](draft, value)
        elif name not in _BY_DECISIONS:
            raise JournalError(f"the journal has a change that this pbt does not know, {name[:80]!r}: update pbtrain")


def find(population: Population | Draft, checkpoint: str) -> Checkpoint | None:
    """A checkpoint that is kept, by its id; None: it is not, or can not be read."""
    held = (c for m in population.members for c in m.holds)
    broken = {m.checkpoint.id for m in population.members if m.broken and m.checkpoint is not None}
    kept = [*population.pins, *([] if population.best is None else [population.best])]
    return next((c for c in (*held, *kept) if c.id == checkpoint and c.id not in broken), None)


def with_bounds(settings: Settings, name: str, low: float, high: float) -> Settings:
    """Settings in which a hyperparameter has other bounds; what scripts say of the space is not compared any longer.

    Ranges of the first draw, and configurations of the first members, are brought inside.

    Raises:
        SpaceError: there is no such range.
    """
    domain = settings.space[name]
    assert isinstance(domain, Float | Int)
    first = None if domain.first is None else (max(low, domain.first[0]), min(high, domain.first[1]))
    moved = replace(domain, min=low, max=high, first=first if first is None or first[0] <= first[1] else None)
    space = replace(settings.space, domains={**settings.space.domains, name: moved})
    initial = tuple({n: moved.clip(v) if n == name else v for n, v in values.items()} for values in settings.initial)
    decided = {*settings.overridden, "space", *(["initial"] if initial != settings.initial else [])}
    return replace(settings, space=space, initial=initial, overrides=tuple(sorted(decided)))


def _steps(draft: Draft, steps: int) -> None:
    decided = tuple(sorted({*draft.settings.overridden, "steps"}))
    draft.settings = replace(draft.settings, steps=steps, overrides=decided)
    for m in tuple(draft.members):
        if m.done and not m.stopped:
            # What its last report would have brought, had there been more to do, is decided now; its worker has gone.
            lease = m.lease if m.lease is None or m.lease.ended else replace(m.lease, ended="orderly")
            m = replace(m, due=m.due or m.step >= m.ready, lease=lease)
        draft.put(m)


def _pause(draft: Draft, members: Sequence[int]) -> None:
    for id in members:
        draft.put(replace(draft[id], paused=True))


def _resume(draft: Draft, members: Sequence[int]) -> None:
    for id in members:
        draft.put(replace(draft[id], paused=False))


def _pin(draft: Draft, checkpoints: Sequence[str]) -> None:
    for id in checkpoints:
        found = find(draft, id)
        if found is not None:
            draft.pin(found)


def _unpin(draft: Draft, checkpoints: Sequence[str]) -> None:
    for id in checkpoints:
        draft.unpin(id)


def _bound(draft: Draft, bounds: Mapping[str, Sequence[float]]) -> None:
    for name, (low, high) in bounds.items():
        draft.settings = with_bounds(draft.settings, name, low, high)


_CHANGES: dict[str, Callable[[Draft, Any], None]] = {
    "steps": _steps,
    "pause": _pause,
    "resume": _resume,
    "pin": _pin,
    "unpin": _unpin,
    "bound": _bound,
}
