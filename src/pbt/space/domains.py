"""Domains: the values of one hyperparameter, and how they are drawn, perturbed and clipped.

A draw is one number u in [0, 1); a domain turns it into a value. So a domain needs no generator, and
the same u gives the same value again. `perturb` returns the new value together with the operation that
made it, in the words that a decision's `why` records.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from pbt.errors import SpaceError
from pbt.space.numbers import flag, plain, short, whole
from pbt.space.values import Value, checked, has, index, nearest, same

FROM_ONE: Literal["1-x"] = "1-x"
"""The logarithmic scale of the distance from 1."""


def _itself(x: float) -> float:
    return x


_SCALES: dict[bool | str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    False: (_itself, _itself),
    True: (math.log, math.exp),
    FROM_ONE: (lambda x: -math.log1p(-x), lambda y: -math.expm1(-y)),
}
"""By `Float.log`: from a value to what is drawn evenly, and back; both grow with their argument."""


class Float(msgspec.Struct, frozen=True, tag="float", tag_field="kind", omit_defaults=True, repr_omit_defaults=True):
    """A real number in [min, max].

    Args:
        min: the lower bound, included.
        max: the upper bound, included.
        log: True: draw uniformly in the logarithm (min must be above 0). ``"1-x"``: draw uniformly in the logarithm of
            1 - x (max must be below 1), as for a discount near 1, and perturb 1 - x. Perturbation multiplies on every
            scale.
        explore: False: drawn at birth, copied with the weights, never explored.

    Raises:
        SpaceError: for bounds that are not finite, min > max, or bounds outside the scale of `log`.
    """

    min: float
    max: float
    log: bool | Literal["1-x"] = False
    explore: bool = True

    def __post_init__(self) -> None:
        for name in ("min", "max"):
            msgspec.structs.force_setattr(self, name, _finite(getattr(self, name), name))
        msgspec.structs.force_setattr(self, "log", _scale(self.log))
        _take_flags(self, "explore")
        _check_bounds(self.min, self.max, self.log)

    def sample(self, u: float) -> float:
        """The value at quantile u of the domain's distribution."""
        there, back = _SCALES[self.log]
        low, high = there(self.min), there(self.max)
        return self.clip(back(low + u * (high - low)))

    def unit(self, value: Value) -> float:
        """Where a value lies in [0, 1], on the domain's own scale: the inverse of `sample`; one half of a point."""
        low, high, x = map(_SCALES[self.log][0], (self.min, self.max, self.clip(value)))
        return (x - low) / (high - low) if low < high else 0.5

    def perturb(self, value: Value, u: float, factors: Sequence[float]) -> tuple[Value, str]:
        """Multiply by one of `factors`; a value of 0, which multiplication could never leave, is redrawn."""
        x = float(value)  # type: ignore[arg-type]
        factor = factors[int(u * len(factors))]
        if self.log == FROM_ONE:
            return self.clip(1.0 - (1.0 - x) * float(factor)), f"1-x *{factor:g}"
        if x == 0.0:
            return self.sample(u), "resample"
        return self.clip(x * float(factor)), f"*{factor:g}"

    def clip(self, value: Value) -> float:
        """The nearest value inside the bounds."""
        x = float(value)  # type: ignore[arg-type]
        return self.min if x < self.min else self.max if x > self.max else x

    def __contains__(self, value: object) -> bool:
        x = plain(value)
        return type(x) in (int, float) and self.min <= x <= self.max


class Int(msgspec.Struct, frozen=True, tag="int", tag_field="kind", omit_defaults=True, repr_omit_defaults=True):
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
            try:
                bound = whole(getattr(self, name), name, SpaceError)
            except SpaceError as error:
                raise SpaceError(f"{error}; the bounds of pbt.Int are integers up to 2**53") from None
            msgspec.structs.force_setattr(self, name, bound)
        _take_flags(self, "log", "explore")
        _check_bounds(self.min, self.max, self.log)

    def sample(self, u: float) -> int:
        """The value at quantile u; every integer has its fair share at both ends."""
        if self.log:
            low, high = math.log(self.min - 0.5), math.log(self.max + 0.5)
            return self.clip(math.floor(math.exp(low + u * (high - low)) + 0.5))
        return self.clip(self.min + math.floor(u * (self.max - self.min + 1)))

    def unit(self, value: Value) -> float:
        """The middle, in [0, 1], of the quantiles that `sample` gives this value for."""
        x = self.clip(value)
        if self.log:
            low, high = math.log(self.min - 0.5), math.log(self.max + 0.5)
            return (math.log(x) - low) / (high - low)
        return (x - self.min + 0.5) / (self.max - self.min + 1)

    def perturb(self, value: Value, u: float, factors: Sequence[float]) -> tuple[Value, str]:
        """Multiply by one of `factors` and round, moving by at least 1 unless a bound is in the way."""
        x = int(value)  # type: ignore[arg-type]
        if x == 0:
            return self.sample(u), "resample"
        factor = factors[int(u * len(factors))]
        scaled = x * float(factor)
        if not math.isfinite(scaled):
            return self.clip(scaled), f"*{factor:g}"
        moved = math.floor(scaled + 0.5)
        if moved == x and factor != 1.0:
            moved = x + (1 if (factor > 1.0) == (x > 0) else -1)
        return self.clip(moved), f"*{factor:g}"

    def clip(self, value: Value) -> int:
        """The nearest integer inside the bounds."""
        x = plain(value)
        if not self.min <= x <= self.max:
            return self.min if x < self.min else self.max
        return int(x) if type(x) is int else math.floor(x + 0.5)

    def __contains__(self, value: object) -> bool:
        x = plain(value)
        return (type(x) is int or (type(x) is float and x.is_integer())) and self.min <= x <= self.max


class _Listed(msgspec.Struct, frozen=True, tag_field="kind", omit_defaults=True, repr_omit_defaults=True):
    """One of several values: the common base of `Ordinal` and `Choice`."""

    values: tuple[Value, ...]
    explore: bool = True

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "values", checked(self.values, f"pbt.{type(self).__name__}"))
        _take_flags(self, "explore")

    def sample(self, u: float) -> Value:
        """Uniform over the values."""
        return self.values[int(u * len(self.values))]

    def unit(self, value: Value) -> float:
        """The middle, in [0, 1], of the quantiles that `sample` gives this value for."""
        return (index(self.values, value) + 0.5) / len(self.values)

    def clip(self, value: Value) -> Value:
        """The value itself if it is one of these; else the nearest number, else the first."""
        return nearest(self.values, value)

    def __contains__(self, value: object) -> bool:
        return has(self.values, value)


class Ordinal(_Listed, frozen=True, tag="ordinal", omit_defaults=True):
    """One of several values in an order that means something, such as batch sizes.

    Perturbation moves one place up (factor above 1) or down, and reflects at the ends.
    """

    def perturb(self, value: Value, u: float, factors: Sequence[float]) -> tuple[Value, str]:
        """One place up or down, reflected at the ends."""
        last = len(self.values) - 1
        if last == 0:
            return self.values[0], "keep"
        move = 1 if factors[int(u * len(factors))] > 1.0 else -1
        place = index(self.values, value)
        if not 0 <= place + move <= last:
            move = -move
        return self.values[place + move], f"{move:+d}"


class Choice(_Listed, frozen=True, tag="choice", omit_defaults=True):
    """One of several values without an order. Perturbation draws among the other ones."""

    def perturb(self, value: Value, u: float, factors: Sequence[float]) -> tuple[Value, str]:
        """Uniform over the other values."""
        if len(self.values) == 1:
            return self.values[0], "keep"
        others = [v for v in self.values if not same(v, value)]
        return others[int(u * len(others))], "resample"


class Constant(msgspec.Struct, frozen=True, tag="constant", tag_field="kind"):
    """A value that is the same for every member, recorded with the others."""

    value: Value

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "value", checked((self.value,), "a constant")[0])

    @property
    def explore(self) -> bool:
        """Never explored."""
        return False

    def sample(self, u: float) -> Value:
        """The value."""
        return self.value

    def unit(self, value: Value) -> float:
        """One half: there is nothing to vary."""
        return 0.5

    def perturb(self, value: Value, u: float, factors: Sequence[float]) -> tuple[Value, str]:
        """The value."""
        return self.value, "keep"

    def clip(self, value: Value) -> Value:
        """The value."""
        return self.value

    def __contains__(self, value: object) -> bool:
        return same(self.value, value)


Domain = Float | Int | Ordinal | Choice | Constant


def _finite(bound: Any, name: str) -> float:
    x = plain(bound)
    try:
        if type(x) in (int, float) and math.isfinite(x):
            return float(x)
    except OverflowError:  # an integer that no float can hold
        pass
    raise SpaceError(f"{name} is {short(bound)}: a bound is a finite number")


def _scale(given: Any) -> bool | Literal["1-x"]:
    value = plain(given)
    if type(value) is bool:
        return value
    if type(value) is str and value == FROM_ONE:
        return FROM_ONE
    raise SpaceError(f'log is {short(given)}: it must be True, False or "{FROM_ONE}"')


def _take_flags(domain: Float | Int | _Listed, *names: str) -> None:
    for name in names:
        msgspec.structs.force_setattr(domain, name, flag(getattr(domain, name), name, SpaceError))


def _check_bounds(low: float, high: float, log: bool | str) -> None:
    if not math.isfinite(high - low):
        raise SpaceError(f"min {low:g} and max {high:g} are too far apart: their distance is no finite number")
    if low > high:
        raise SpaceError(f"min {low:g} is above max {high:g}: swap them")
    if log is True and low <= 0:
        raise SpaceError(f"min is {low:g}: a log scale needs a min above 0")
    if log == FROM_ONE and high >= 1:
        raise SpaceError(f"max is {high:g}: a scale of 1-x needs a max below 1, such as 0.9999")
