"""Scores and hyperparameters over steps: quantiles in bins, and the lineage of the best."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from pbt.errors import Invalid
from pbt.population.schedule import Pieces, schedule
from pbt.space.domains import Domain, Float, Int
from pbt.views.asked import WIDEST, Asked
from pbt.views.bins import Binned, Window
from pbt.views.columns import Column
from pbt.views.columns import encode as columns
from pbt.views.followed import Followed, number_of
from pbt.views.history import finite, thinned

_BANDS = ("q05", "q25", "q50", "q75", "q95")


def window_of(followed: Followed, asked: Asked) -> Window:
    """The window and the bins that are asked for.

    Raises:
        Invalid: they can not be.
    """
    low, high = asked.window(followed.last_step)
    return Window.of(low, high, asked.number("width", 600, 1, WIDEST))


def series(followed: Followed, asked: Asked) -> bytes:
    """Columns of bands of scores and of hyperparameters, and of the lineage of the best.

    With ``role``, the reports of that sub-population alone; ``roles`` of the header names those that there are.
    """
    window = window_of(followed, asked)
    of = _part(followed, asked.text("role"))
    binned = Binned(window, of(followed.steps))
    scores = of(followed.scores)
    found = [Column("step", "f8", window.centres), *_bands("", binned.quantiles(scores), True)]
    found += [Column("count", "i4", binned.counts()), Column("bad", "i4", binned.bad(scores))]
    for name, domain in followed.domains.items():
        found += _hyperparameter(name, domain, binned, of(followed.values[name]))
        used = Binned(window, followed.used[name]).counts()
        found.append(Column(f"h/{name}/used", "f8", [x for x, n in zip(window.centres, used, strict=True) if n]))
    found += _best(followed, window)
    domains = {name: described(domain) for name, domain in followed.domains.items()}
    settings = followed.population.settings
    meta = {
        "from": window.low, "to": window.high, "maximize": settings.maximize, "domains": domains,
        "exploits": followed.exploits, "roles": followed.roles,
    }  # fmt: skip
    return columns(followed.entry, found, meta)


def _part(followed: Followed, role: str) -> Callable[[array[float]], array[float]]:
    """What keeps, of a column with a number for each report, those of one sub-population; "": of all.

    Raises:
        Invalid: no member has that role.
    """
    if not role:
        return lambda column: column
    ids = {m.id for m in followed.population.members if m.role == role}
    if not ids:
        raise Invalid(f"role={role[:40]!r}: no member has that role")
    kept = [i for i, member in enumerate(followed.who) if member in ids]
    return lambda column: array("d", [column[i] for i in kept])


def _bands(prefix: str, rows: list[list[float]], ends: bool) -> Iterator[Column]:
    for i, name in enumerate((*_BANDS, "min", "max") if ends else _BANDS):
        yield Column(f"{prefix}{name}", "f4", single([row[i] for row in rows]))


def single(values: list[float]) -> array[float]:
    """As numbers of 4 bytes; what is too large for them becomes infinite."""
    return array("f", values)


def _hyperparameter(name: str, domain: Domain, binned: Binned, values: array[float]) -> Iterator[Column]:
    if isinstance(domain, Float | Int):
        yield from _bands(f"h/{name}/", binned.quantiles(values), False)
        return
    n = len(described(domain)["values"])
    rows = binned.shares(values, n)
    for i in range(n):
        yield Column(f"h/{name}/share/{i}", "f4", single([row[i] for row in rows]))


def described(domain: Domain) -> dict[str, Any]:
    """A domain with all of its fields."""
    kind = {"kind": msgspec.to_builtins(domain)["kind"]}
    return {**kind, **msgspec.structs.asdict(domain)}


def _best(followed: Followed, window: Window) -> Iterator[Column]:
    """The scores along the lineage of the best up to its checkpoint, and the hyperparameters in force there."""
    best = followed.population.best
    points: list[tuple[float, float]] = []
    pieces: Pieces = []
    if best is not None:
        for segment, end in followed.lineage.ancestry(best):
            points += finite([(s, y) for s, y in segment.scores if window.low <= s <= min(end, window.high)])
        pieces = schedule(followed.lineage, best)
    shown = thinned(points, 2 * window.n)
    yield Column("best_step", "f8", array("d", [step for step, _ in shown]))
    yield Column("best_score", "f4", single([score for _, score in shown]))
    for name, domain in followed.domains.items():
        held = [(step, number_of(domain, values[name])) for step, values in pieces]
        kept = [p for i, p in enumerate(held) if i == 0 or held[i - 1][1] != p[1]]
        if best is not None and kept:
            kept.append((best.step, kept[-1][1]))
        yield Column(f"best/{name}/step", "f8", array("d", [step for step, _ in kept]))
        yield Column(f"best/{name}/value", "f8", array("d", [value for _, value in kept]))
