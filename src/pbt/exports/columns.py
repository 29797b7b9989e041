"""The columns of exported reports and decisions: flat names, each of one type, and a row as values in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from pbt.population.population import Population
from pbt.space.domains import Choice, Constant, Float, Int, Ordinal
from pbt.space.space import Space
from pbt.views.rows import DecisionRow, ReportRow

TRUTH, WHOLE, REAL, TEXT, REALS = "bool", "int", "float", "text", "floats"
"""Types of columns; all but floats may be missing in a row. Mixed values are text, those that are none as JSON."""


class Column(NamedTuple):
    """A column of rows.

    Attributes:
        of: the value in a row; None: it has none.
    """

    name: str
    kind: str
    of: Callable[[Any], Any]


class Names:
    """The metrics and values in use that reports have, which only the whole journal tells."""

    def __init__(self) -> None:
        self.metrics: dict[str, None] = {}
        self.used: dict[str, set[str]] = {}

    def see(self, rows: Iterable[ReportRow]) -> None:
        """Take note of rows."""
        for row in rows:
            self.metrics.update(dict.fromkeys(row.metrics))
            for name, value in row.used.items():
                self.used.setdefault(name, set()).update(() if value is None else (type(value).__name__,))


def report_columns(population: Population, names: Names) -> list[Column]:
    """The columns of reports."""
    return [
        *_plain({"entry": WHOLE, "time": REAL, "member": WHOLE, "step": WHOLE, "score": REAL, "checkpoint": TEXT}),
        Column("evaluations", REALS, lambda row: list(row.evaluations)),
        *_hyperparameters(population.settings.space),
        *(Column(f"metrics.{name}", REAL, _inside("metrics", name)) for name in names.metrics),
        *(_typed(f"used.{name}", _of_types(kinds), _inside("used", name)) for name, kinds in names.used.items()),
    ]


def decision_columns(population: Population) -> list[Column]:
    """The columns of decisions."""
    why = {"rank": WHOLE, "of": WHOLE, "k": WHOLE, "low": TRUTH, "parent_rank": WHOLE, "note": TEXT}
    space = population.settings.space
    return [
        *_plain({
            "entry": WHOLE, "time": REAL, "member": WHOLE, "step": WHOLE, "start": TEXT, "parent": WHOLE,
            "checkpoint": TEXT, "exploits": TRUTH, "stop": TRUTH, "failed": TRUTH, "role": TEXT,
        }),
        *_hyperparameters(space),
        *(Column(f"why.{name}", kind, _inside("why", name)) for name, kind in why.items()),
        *(Column(f"why.operations.{name}", TEXT, _operation(name)) for name in space),
        Column("why.more", TEXT, lambda row: msgspec.json.encode(row.why.more).decode() if row.why.more else None),
    ]  # fmt: skip


def _plain(fields: Mapping[str, str]) -> list[Column]:
    return [Column(name, kind, _attribute(name)) for name, kind in fields.items()]


def _attribute(name: str) -> Callable[[Any], Any]:
    return lambda row: getattr(row, name)


def _inside(field: str, name: str) -> Callable[[Any], Any]:
    def value(row: ReportRow | DecisionRow) -> Any:
        inside = getattr(row, field)
        return inside.get(name) if isinstance(inside, Mapping) else getattr(inside, name)

    return value


def _operation(name: str) -> Callable[[Any], Any]:
    return lambda row: row.why.operations.get(name)


def _hyperparameters(space: Space) -> list[Column]:
    return [_typed(f"hyperparameters.{name}", _kind(domain), _value(name)) for name, domain in space.domains.items()]


def _value(name: str) -> Callable[[Any], Any]:
    return lambda row: None if row.hyperparameters is None else row.hyperparameters.get(name)


def _kind(domain: object) -> str:
    if isinstance(domain, Float):
        return REAL
    if isinstance(domain, Int):
        return WHOLE
    values = (
        [domain.value]
        if isinstance(domain, Constant)
        else domain.values
        if isinstance(domain, Ordinal | Choice)
        else ()
    )
    return _of_types({type(value).__name__ for value in values if value is not None})


def _of_types(names: set[str]) -> str:
    if names <= {"int", "float"} and names:
        return WHOLE if names == {"int"} else REAL
    return TRUTH if names == {"bool"} else TEXT


def _typed(name: str, kind: str, of: Callable[[Any], Any]) -> Column:
    """A column whose values are made of its type."""
    if kind == TEXT:
        return Column(name, kind, lambda row: _text(of(row)))
    if kind == REAL:
        return Column(name, kind, lambda row: None if (value := of(row)) is None else float(value))
    return Column(name, kind, of)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()
