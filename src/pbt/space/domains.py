"""Domains: what one hyperparameter may be, and how it is drawn, perturbed and kept inside.

A draw is one number u in [0, 1); a domain turns it into a value. So a domain needs no generator, and
whoever knows u can replay the value. `perturb` returns the new value together with the operation that
made it, in the words that a decision's `why` records.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from pbt.errors import SpaceError

Value = bool | int | float | str | None
"""A hyperparameter's value. Lists and objects are not values: give them names and choose between those."""

_EXACT = 2**53
_LONGEST = 1000


class Float(msgspec.Struct, frozen=True, tag="float", tag_field="kind", omit_defaults=True):
    """A real number in [min, max].

    Args:
        min: the lower bound, included.
        max: the upper bound, included.
        log: draw uniformly in the logarithm (min must be above 0). Perturbation multiplies on both scales.
        explore: False: drawn at birth, copied with the weights, never explored.

    Raises:
        SpaceError: for bounds that are not finite, min > max, or a bound of 0 or less with `log`.
    """

    min: float
    max: float
    log: bool = False
    explore: bool = msgspec.field(default=True)

    def __post_init__(self) -> None:
        for name in ("min", "max"):
            msgspec.structs.force_setattr(self, name, _finite(getattr(self, name), name))
        _check_bounds(self.min, self.max, self.log)

    def sample(self, u: float) -> float:
        """The value at quantile u of the domain's distribution."""
        if self.log:
            low, high = math.log(self.min), math.log(self.max)
            return self.clip(math.exp(low + u * (high - low)))
        return self.clip(self.min + u * (self.max - self.min))

    def perturb(self, value: Value, u: float, factors: Sequence[float]) -> tuple[Value, str]:
        """Multiply by one of `factors`; a value of 0, which multiplication could never leave, is redrawn."""
        x = float(value)  # type: ignore[arg-type]
        if x == 0.0:
            return self.sample(u), "resample"
        factor = factors[int(u * len(factors))]
        return self.clip(x * factor), f"*{factor:g}"

    def resample(self, value: Value, u: float) -> tuple[Value, str]:
        """Draw anew, as at birth."""
        return self.sample(u), "resample"

    def clip(self, value: Value) -> float:
        """The nearest value inside the bounds."""
        x = float(value)  # type: ignore[arg-type]
        return self.min if x < self.min else self.max if x > self.max else x

    def __contains__(self, value: object) -> bool:
        return type(value) in (int, float) and self.min <= value <= self.max  # type: ignore[operator]


class Int(msgspec.Struct, frozen=True, tag="int", tag_field="kind", omit_defaults=True):
    """An integer in min … max, both included; otherwise as `Float`.

    Perturbation multiplies and rounds half up; where that changes nothing away from a bound, the value
    moves by 1, further from zero for a factor above 1 and nearer to it for one below, so that no
    integer is a trap.
    """

    min: int
    max: int
    log: bool = False
    explore: bool = True

    def __post_init__(self) -> None:
        for name in ("min", "max"):
            bound = getattr(self, name)
            if type(bound) is not int or abs(bound) > _EXACT:
                raise SpaceError(f"{name} is {bound!r}: the bounds of pbt.Int are integers up to 2**53")
        _check_bounds(self.min, self.max, self.log)

    def sample(self, u: float) -> int:
        """The value at quantile u; every integer has its fair share at both ends."""
        if self.log:
            low, high = math.log(self.min - 0.5), math.log(self.max + 0.5)
            return self.clip(math.floor(math.exp(low + u * (high - low)) + 0.5))
        return self.clip(self.min + math.floor(u * (self.max - self.min + 1)))

    def perturb(self, value: Value, u: float, factors: Sequence[float]) -> tuple[Value, str]:
        """Multiply by one of `factors` and round, moving by at least 1 unless a bound is in the way."""
        x = int(value)  # type: ignore[arg-type]
        if x == 0:
            return self.sample(u), "resample"
        factor = factors[int(u * len(factors))]
        moved = math.floor(x * factor + 0.5)
        if moved == x and factor != 1.0:
            moved = x + (1 if (factor > 1.0) == (x > 0) else -1)
        return self.clip(moved), f"*{factor:g}"

    def resample(self, value: Value, u: float) -> tuple[Value, str]:
        """Draw anew, as at birth."""
        return self.sample(u), "resample"

    def clip(self, value: Value) -> int:
        """The nearest integer inside the bounds."""
        x = math.floor(float(value) + 0.5) if type(value) is float else int(value)  # type: ignore[arg-type]
        return self.min if x < self.min else self.max if x > self.max else x

    def __contains__(self, value: object) -> bool:
        return type(value) is int and self.min <= value <= self.max


class Ordinal(msgspec.Struct, frozen=True, tag="ordinal", tag_field="kind", omit_defaults=True):
    """One of several values in an order that means something, such as batch sizes.

    Perturbation moves one place up (factor above 1) or down, and reflects at the ends.
    """

    values: tuple[Value, ...]
    explore: bool = True

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "values", _checked(self.values, "pbt.Ordinal"))

    def sample(self, u: float) -> Value:
        """Uniform over the values."""
        return self.values[int(u * len(self.values))]

    def perturb(self, value: Value, u: float, factors: Sequence[float]) -> tuple[Value, str]:
        """One place up or down, reflected at the ends."""
        last = len(self.values) - 1
        if last == 0:
            return self.values[0], "keep"
        move = 1 if factors[int(u * len(factors))] > 1.0 else -1
        place = _index(self.values, value)
        if not 0 <= place + move <= last:
            move = -move
        return self.values[place + move], f"{move:+d}"

    def resample(self, value: Value, u: float) -> tuple[Value, str]:
        """Draw anew, as at birth."""
        return self.sample(u), "resample"

    def clip(self, value: Value) -> Value:
        """The value itself if it is one of ours; else the nearest number, else the first."""
        return _nearest(self.values, value)

    def __contains__(self, value: object) -> bool:
        return _has(self.values, value)


class Choice(msgspec.Struct, frozen=True, tag="choice", tag_field="kind", omit_defaults=True):
    """One of several values without an order. Perturbation draws among the other ones."""

    values: tuple[Value, ...]
    explore: bool = True

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "values", _checked(self.values, "pbt.Choice"))

    def sample(self, u: float) -> Value:
        """Uniform over the values."""
        return self.values[int(u * len(self.values))]

    def perturb(self, value: Value, u: float, factors: Sequence[float]) -> tuple[Value, str]:
        """Uniform over the other values."""
        if len(self.values) == 1:
            return self.values[0], "keep"
        others = [v for v in self.values if not _same(v, value)]
        return others[int(u * len(others))], "resample"

    def resample(self, value: Value, u: float) -> tuple[Value, str]:
        """Draw anew, as at birth."""
        return self.sample(u), "resample"

    def clip(self, value: Value) -> Value:
        """The value itself if it is one of ours; else the nearest number, else the first."""
        return _nearest(self.values, value)

    def __contains__(self, value: object) -> bool:
        return _has(self.values, value)


class Constant(msgspec.Struct, frozen=True, tag="constant", tag_field="kind"):
    """A value that is the same for every member, recorded with the others."""

    value: Value

    def __post_init__(self) -> None:
        _checked((self.value,), "a constant")

    @property
    def explore(self) -> bool:
        """Never explored."""
        return False

    def sample(self, u: float) -> Value:
        """The value."""
        return self.value

    def perturb(self, value: Value, u: float, factors: Sequence[float]) -> tuple[Value, str]:
        """The value."""
        return self.value, "keep"

    def resample(self, value: Value, u: float) -> tuple[Value, str]:
        """The value."""
        return self.value, "keep"

    def clip(self, value: Value) -> Value:
        """The value."""
        return self.value

    def __contains__(self, value: object) -> bool:
        return _same(self.value, value)


Domain = Float | Int | Ordinal | Choice | Constant


def _finite(bound: Any, name: str) -> float:
    try:
        if type(bound) in (int, float) and math.isfinite(bound):
            return float(bound)
    except OverflowError:  # an integer that no float can hold
        pass
    raise SpaceError(f"{name} is {bound!r:.60}: a bound is a finite number")


def _check_bounds(low: float, high: float, log: bool) -> None:
    if not math.isfinite(high - low):
        raise SpaceError(f"min {low:g} and max {high:g} are too far apart: their distance is no finite number")
    if low > high:
        raise SpaceError(f"min {low:g} is above max {high:g}: swap them")
    if log and low <= 0:
        raise SpaceError(f"min is {low:g}: a log scale needs a min above 0")


def _checked(values: Any, what: str) -> tuple[Value, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise SpaceError(f"{what} needs a list of at least one value, not {values!r}")
    for value in values:
        if not (value is None or type(value) in (bool, int, float, str)):
            raise SpaceError(
                f"{value!r} is not a number, string, boolean or None: give it a name, and look it up in your script"
            )
        if type(value) is float and not math.isfinite(value):
            raise SpaceError(f"{value!r} is no value: {what} takes finite numbers")
        if type(value) is str and len(value) > _LONGEST:
            raise SpaceError(
                f"a value of {len(value)} characters is too long for {what}: at most {_LONGEST}; give it a name"
            )
        if type(value) is int and abs(value) > _EXACT:
            raise SpaceError(f"{value!r} is too large for {what}: integers go up to 2**53")
    if len({(type(v), v) for v in values}) < len(values):
        raise SpaceError(f"{what} has the same value twice: {list(values)!r}")
    return tuple(values)


def _same(a: object, b: object) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _has(values: Sequence[Value], value: object) -> bool:
    return any(_same(v, value) for v in values)


def _nearest(values: Sequence[Value], value: Value) -> Value:
    for v in values:
        if _same(v, value):
            return v
    numbers = [v for v in values if type(v) in (int, float)]
    if numbers and type(value) in (int, float):
        return min(numbers, key=lambda v: abs(v - value))  # type: ignore[operator]
    return values[0]


def _index(values: Sequence[Value], value: Value) -> int:
    at = _nearest(values, value)
    return next(i for i, v in enumerate(values) if _same(v, at))
