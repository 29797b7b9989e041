"""Values of a domain: which are equal, which are near, and which a list of them may hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from pbt.errors import SpaceError
from pbt.space.numbers import LARGEST, plain, short, text

_LONGEST = 1000

Value = bool | int | float | str | None
"""A hyperparameter's value. Lists and objects are not values: give them names and choose between those."""


def checked(given: Any, what: str) -> tuple[Value, ...]:
    """The values of a list, each once, of the types that a journal keeps.

    Raises:
        SpaceError: there is none, one is no value, or two are the same.
    """
    values = listed(given)
    if not values:
        raise SpaceError(f"{what} needs a list of at least one value, not {short(given)}")
    for value in values:
        if not (value is None or type(value) in (bool, int, float, str)):
            raise SpaceError(
                f"{short(value)} is no number, string, boolean or None: give it a name, and look it up in your script"
            )
        if type(value) is float and not math.isfinite(value):
            raise SpaceError(f"{value!r} is no value: {what} takes finite numbers")
        if type(value) is str:
            if len(value) > _LONGEST:
                raise SpaceError(
                    f"a value of {len(value)} characters is too long for {what}: at most {_LONGEST}; give it a name"
                )
            text(value, f"a value of {what}", SpaceError)
        if type(value) is int and abs(value) > LARGEST:
            raise SpaceError(f"{short(value)} is too large for {what}: integers go up to 2**53")
    if len({(type(v) is bool, v) for v in values}) < len(values):
        raise SpaceError(
            f"{what} has the same value twice: {short(list(values))}; 1 and 1.0 are the same, True is another"
        )
    return values


def listed(given: Any) -> tuple[Any, ...]:
    """The plain values of a list, a vector or a range; nothing of a string or a collection without order."""
    if isinstance(given, str | bytes | Mapping | Set) or not isinstance(given, Iterable):
        return ()
    try:
        return tuple(plain(value) for value in given)
    except TypeError:  # an array without dimensions
        return ()


def same(a: object, b: object) -> bool:
    """Whether two values are the same: 1 is 1.0, True is not 1."""
    x, y = plain(a), plain(b)
    return bool(x == y) and isinstance(x, bool) == isinstance(y, bool)


def has(values: Sequence[Value], value: object) -> bool:
    """Whether a value is among `values`."""
    return any(same(v, value) for v in values)


def nearest(values: Sequence[Value], value: Value) -> Value:
    """The same value among `values`; else the nearest number; else the first."""
    for v in values:
        if same(v, value):
            return v
    numbers, x = [v for v in values if type(v) in (int, float)], plain(value)
    if numbers and type(x) in (int, float):
        return min(numbers, key=lambda v: abs(v - x))
    return values[0]


def index(values: Sequence[Value], value: Value) -> int:
    """The place of `nearest`."""
    at = nearest(values, value)
    return next(i for i, v in enumerate(values) if same(v, at))
