"""The table of members, sorted and filtered here, a page at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

from pbt.errors import Invalid
from pbt.population.member import MemberState
from pbt.space.numbers import real
from pbt.views.asked import SORTS, Asked
from pbt.views.followed import Followed, number_of
from pbt.views.judge import state_of
from pbt.views.overview import age, drawn
from pbt.views.reason import last_sentence
from pbt.views.shapes import MemberRow, MembersPage, Spark

LARGEST = 500
"""Rows of a page."""
_SPARK = 40


def members(followed: Followed, asked: Asked) -> MembersPage:
    """A page of the table.

    ``filter`` holds words: a member stays if each of them is its number, its state or its role. Members without a
    value to sort by come last in either order; equals are in the order of their numbers.

    Raises:
        Invalid: it can not be sorted so.
    """
    ordered = in_order(followed, asked)
    at, n = asked.number("offset", 0), asked.number("limit", 100, 1, LARGEST)
    return MembersPage(followed.entry, len(ordered), [_row(followed, m) for m in ordered[at : at + n]])


def in_order(followed: Followed, asked: Asked) -> list[MemberState]:
    """The members that pass ``filter``, as ``sort`` and ``order`` say.

    Raises:
        Invalid: they can not be sorted so.
    """
    population = followed.population
    words = asked.text("filter").split()
    kept = [m for m in population.members if all(w in _words(followed, m) for w in words)] if words else [
        *population.members
    ]  # fmt: skip
    key = _key(followed, asked.text("sort", "id", SORTS))
    falling = asked.text("order", "asc", "asc|desc") == "desc"
    keyed = [(key(m), m) for m in kept]
    known = sorted((pair for pair in keyed if pair[0] is not None), key=lambda p: p[0], reverse=falling)  # type: ignore[arg-type,return-value]
    return [m for _, m in known] + [m for value, m in keyed if value is None]


def _words(followed: Followed, m: MemberState) -> tuple[str, ...]:
    return str(m.id), state_of(followed.population, m, followed.held), m.role or ""


Key = Callable[[MemberState], float | str | None]


def _key(followed: Followed, sort: str) -> Key:
    plain: dict[str, Key] = {
        "id": lambda m: m.id,
        "step": lambda m: m.step,
        "score": lambda m: _or_none(real(m.score)),
        "age": lambda m: -followed.heard[m.id] if m.id in followed.heard else None,
        "state": lambda m: state_of(followed.population, m, followed.held),
    }
    name = sort.removeprefix("h/")
    if sort in plain:
        return plain[sort]
    domain = followed.domains.get(name)
    if domain is None:
        raise Invalid(f"sort={sort[:40]!r}: there is no such hyperparameter; known are {', '.join(followed.domains)}")
    return lambda m: None if m.hyperparameters is None else number_of(domain, m.hyperparameters[name])


def _or_none(x: float) -> float | None:
    return x if math.isfinite(x) else None


def _row(followed: Followed, m: MemberState) -> MemberRow:
    last = followed.heard.get(m.id)
    return MemberRow(
        m.id, m.step, m.score, state_of(followed.population, m, followed.held), m.role, m.hyperparameters,
        followed.came_from.get(m.id), last_sentence(followed, m.id), last, age(last), _spark(followed, m.id),
        followed.taken[m.id],
    )  # fmt: skip


def _spark(followed: Followed, member: int) -> Spark:
    """Some of a member's scores, the first and the last among them."""
    scores = [score for segment in followed.own.get(member, ()) for _, score in segment.scores]
    if len(scores) > _SPARK:
        scores = [scores[round(i * (len(scores) - 1) / (_SPARK - 1))] for i in range(_SPARK)]
    return [None if real(score) != real(score) else drawn(real(score)) for score in scores]
