"""Conversion and checks of a user's numbers, whole numbers, flags and names, the same at every entrance.

A number is what `item()`, `operator.index` or `float` makes one of: plain ones, and the scalars and arrays of one
element of NumPy, PyTorch, JAX and whatever comes next. Recorded are plain values alone. Numbers that are not finite
are written as the strings "nan", "inf" and "-inf", since JSON has no other way to say them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

from pbt.errors import Invalid, PBTError

LARGEST = 2**53
"""Of a step, and of every other count: JSON readers everywhere read it exactly."""
Number = float | Literal["nan", "inf", "-inf"]
T = TypeVar("T")
_PLAIN = (bool, int, float, str, type(None))
_BYTES = (bytes, bytearray, memoryview)


def plain(x: Any) -> Any:
    """The bool, int, float, string or None that `x` stands for; `x` itself where it stands for none."""
    if type(x) in _PLAIN or isinstance(x, _BYTES):
        return x
    if isinstance(x, str):
        return str.__str__(x)
    for convert in (_item, operator.index, float, _of_array):
        try:
            value = convert(x)
        except Exception:  # other libraries' own: an array of two elements, a tracer, an overflow
            continue
        if type(value) in _PLAIN:
            return value
        if type(value) is not type(x):  # a complex number, a date: float() would give a part of it
            return x
    return x


def _item(x: Any) -> Any:
    value = x.item()
    return value if type(value) is type(x) else plain(value)


def _of_array(x: Any) -> Any:
    return plain(x.__array__())


def measured(x: Any, what: str, error: type[PBTError] = Invalid) -> float:
    """`x` as a float, which need not be finite.

    Raises:
        error: if `x` is no number, or too large for a float. A bool is none: it is a mistake more often.
    """
    value = plain(x)
    try:
        if type(value) in (int, float):
            return float(value)
    except OverflowError:
        pass
    raise error(f"{what} is {short(x)}: it must be a number")


def whole(x: Any, what: str, error: type[PBTError] = Invalid) -> int:
    """`x` as an int; 3.0 and 1e6 are whole numbers.

    Raises:
        error: if `x` is no whole number, or beyond 2**53.
    """
    value = plain(x)
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise error(f"{what} is {short(x)}: it must be a whole number")
    if abs(value) > LARGEST:
        raise error(f"{what} is {short(x)}: it is too large: at most 2**53; count in larger units")
    return value


def flag(x: Any, what: str, error: type[PBTError] = Invalid) -> bool:
    """`x` as a bool.

    Raises:
        error: if it is none.
    """
    value = plain(x)
    if type(value) is not bool:
        raise error(f"{what} is {short(x)}: it must be True or False")
    return value


def text(x: Any, what: str, error: type[PBTError] = Invalid) -> str:
    """`x` as a string that can be written.

    Raises:
        error: if it is none, or has characters that UTF-8 can not write, as names of files may.
    """
    value = plain(x)
    if type(value) is not str:
        raise error(f"{what} is {short(x)}: it must be text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise error(f"{what} is {short(x)}: it must be text that UTF-8 can write") from None
    return value


def number(x: Any, what: str = "score") -> Number:
    """`x` as it is written: a float, or the name of one that is not finite.

    Raises:
        Invalid: if `x` is no number.
    """
    if type(x) is not float:
        x = measured(x, what)
    return x if math.isfinite(x) else "nan" if x != x else "inf" if x > 0 else "-inf"


def real(n: Number | None) -> float:
    """The float behind a written number; None counts as nan."""
    return n if type(n) is float else math.nan if n is None else float(n)


def readable(value: Any, what: str) -> bool | int | float | str | None:
    """A value for `used`: as it is, an array of one element as the value in it.

    Raises:
        Invalid: if it is neither a number that can be written, nor a string, a boolean or None.
    """
    value = plain(value)
    if value is None or type(value) is bool:
        return value
    if type(value) is str:
        return text(value, what)
    return whole(value, what) if type(value) is int else number(value, what)


def scores(score: Any) -> Number | tuple[Number, ...] | dict[str, Number]:
    """A score as it is written: a number, the evaluations of a list, a vector or the like, or objectives by name.

    Raises:
        Invalid: if it is neither, or empty.
    """
    if isinstance(score, Mapping):
        if not score:
            raise Invalid("score is an empty mapping: give at least one objective")
        return named(score, "score", number)
    if type(score) is float or not isinstance(score, Iterable) or isinstance(score, str | bytes | bytearray):
        return number(score)
    if type(plain(score)) in (int, float):
        return number(score)
    try:
        evaluations = list(score)
    except TypeError:  # an array without dimensions
        return number(score)
    if not evaluations:
        raise Invalid("score is an empty list: give at least one evaluation")
    return tuple(number(s, f"score[{i}]") for i, s in enumerate(evaluations))


def mean(values: tuple[Number, ...]) -> Number:
    """The mean of evaluations; finite where all of them are, since a sum may be too large where the mean is not."""
    if not values:
        return "nan"
    reals = [real(n) for n in values]
    total = sum(reals)
    if math.isinf(total) and all(map(math.isfinite, reals)):
        return number(sum(x / len(reals) for x in reals))
    return number(total / len(reals))


def named(given: Any, what: str, convert: Callable[[Any, str], T]) -> dict[str, T]:
    """Values by name, each as `convert` gives it.

    Raises:
        Invalid: if `given` is no mapping, one of its names is no text, or `convert` refuses a value.
    """
    if given is None or (isinstance(given, str | list | tuple) and not given):
        return {}
    if not isinstance(given, Mapping):
        raise Invalid(f"{what} is {short(given)}: it must be a dict of names and values")
    return {text(name, f"a name in {what}"): convert(value, f"{what}[{short(name)}]") for name, value in given.items()}


def short(x: Any) -> str:
    """How a value is shown in an error: one line, not too long, whatever it is."""
    try:
        shown = " ".join(repr(x).split())
    except Exception:  # a repr of the user's, or an integer of 5,000 digits
        return f"a value of type {type(x).__name__}"
    return shown if len(shown) <= 60 else shown[:57] + "..."
