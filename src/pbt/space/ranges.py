"""Domains that are ranges of numbers, and the scales on which they are drawn, measured and perturbed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from pbt.errors import SpaceError
from pbt.space.grid import NEAR, Grid, check_step
from pbt.space.numbers import flag, plain, short, whole
from pbt.space.values import Value, listed

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
        first: the range, inside the bounds, from which members are born with their first value; exploration knows the
            bounds alone. None: the bounds.
        step: values are min, min + step, and so on up to max, each drawn with the same probability; on the linear scale
            alone. Perturbation goes to the nearest of them, and by one of them at least, as that of `Int`.

    Raises:
        SpaceError: for bounds that are not finite, min > max, bounds outside the scale of `log`, a first range outside
            the bounds, or a step that is no number above 0, larger than the range, too small for it, or with `log`.
    """

    min: float
    max: float
    log: bool | Literal["1-x"] = False
    explore: bool = True
    first: tuple[float, float] | None = None
    step: float | None = None

    def __post_init__(self) -> None:
        for name in ("min", "max"):
            msgspec.structs.force_setattr(self, name, _finite(getattr(self, name), name))
        msgspec.structs.force_setattr(self, "log", _scale(self.log))
        take_flags(self, "explore")
        _check_bounds(self.min, self.max, self.log)
        _take_first_range(self, _finite)
        if self.step is not None:
            self._take_step()

    def _take_step(self) -> None:
        msgspec.structs.force_setattr(self, "step", step := _finite(self.step, "step"))
        if self.log:
            raise SpaceError("a step is for the linear scale: leave log out, or give the values, pbt.Ordinal([…])")
        check_step(self.min, self.max, step)
        if self.first and self._between(*self.first, 0.0) > self.first[1] + step * NEAR:
            low, high = self.first
            raise SpaceError(f"first is from {low:g} to {high:g}: no multiple of the step, {step:g}, lies there")

    def sample(self, u: float) -> float:
        """The value at quantile u of the domain's distribution."""
        return self._between(self.min, self.max, u)

    def birth(self, u: float) -> float:
        """The value at quantile u of the range of the first draw."""
        return self._between(*(self.first or (self.min, self.max)), u)

    @property
    def _grid(self) -> Grid | None:
        return None if self.step is None else Grid(self.min, self.max, self.step)

    def _between(self, low: float, high: float, u: float) -> float:
        if grid := self._grid:
            return grid.between(low, high, u)
        there, back = _SCALES[self.log]
        first, last = there(low), there(high)
        return min(max(back(first + u * (last - first)), low), high)

    def unit(self, value: Value) -> float:
        """Where a value lies in [0, 1], on the domain's own scale: the inverse of `sample`; one half of a point."""
        if grid := self._grid:
            return grid.unit(float(value))  # type: ignore[arg-type]
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
        moved = self.clip(x * float(factor))
        if (grid := self._grid) and moved == self.clip(x) and factor != 1.0:
            moved = grid.next(x, 1 if (factor > 1.0) == (x > 0) else -1)
        return moved, f"*{factor:g}"

    def clip(self, value: Value) -> float:
        """The nearest value of the domain."""
        x = float(value)  # type: ignore[arg-type]
        x = self.min if x < self.min else self.max if x > self.max else x
        return grid.nearest(x) if (grid := self._grid) else x

    def __contains__(self, value: object) -> bool:
        x = plain(value)
        if type(x) not in (int, float):
            return False
        return x in grid if (grid := self._grid) else self.min <= x <= self.max


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
    first: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name in ("min", "max"):
            msgspec.structs.force_setattr(self, name, _integer(getattr(self, name), name))
        take_flags(self, "log", "explore")
        _check_bounds(self.min, self.max, self.log)
        _take_first_range(self, _integer)

    def sample(self, u: float) -> int:
        """The value at quantile u; every integer has its fair share at both ends."""
        return self._between(self.min, self.max, u)

    def birth(self, u: float) -> int:
        """The value at quantile u of the range of the first draw."""
        return self._between(*(self.first or (self.min, self.max)), u)

    def _between(self, low: int, high: int, u: float) -> int:
        if self.log:
            first, last = math.log(low - 0.5), math.log(high + 0.5)
            drawn = math.floor(math.exp(first + u * (last - first)) + 0.5)
        else:
            drawn = low + math.floor(u * (high - low + 1))
        return min(max(drawn, low), high)

    def unit(self, value: Value) -> float:
        """The middle, in [0, 1], of the quantiles that `sample` gives this value for."""
        x = self.clip(value)
        if self.log:
            low, high = math.log(self.min - 0.5), math.log(self.max + 0.5)
            return (math.log(x) - low) / (high - low) if low < high else 0.5
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


def _finite(bound: Any, name: str) -> float:
    x = plain(bound)
    try:
        if type(x) in (int, float) and math.isfinite(x):
            return float(x)
    except OverflowError:  # an integer that no float can hold
        pass
    raise SpaceError(f"{name} is {short(bound)}: a bound is a finite number")


def _integer(bound: Any, name: str) -> int:
    try:
        return whole(bound, name, SpaceError)
    except SpaceError as error:
        raise SpaceError(f"{error}; the bounds of pbt.Int are integers up to 2**53") from None


def _scale(given: Any) -> bool | Literal["1-x"]:
    value = plain(given)
    if type(value) is bool:
        return value
    if type(value) is str and value == FROM_ONE:
        return FROM_ONE
    raise SpaceError(f'log is {short(given)}: it must be True, False or "{FROM_ONE}"')


def take_flags(domain: msgspec.Struct, *names: str) -> None:
    """Check fields that are True or False, and make them plain."""
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


def _take_first_range(domain: Float | Int, bound: Callable[[Any, str], float]) -> None:
    """Check the range of the first draw, and make it two bounds of the domain's own type."""
    if domain.first is None:
        return
    ends = listed(domain.first)
    if len(ends) != 2:
        raise SpaceError(f"first is {short(domain.first)}: give the range of the first draw, as (low, high)")
    low, high = (bound(end, "an end of first") for end in ends)
    if not domain.min <= low <= high <= domain.max:
        raise SpaceError(
            f"first is from {low:g} to {high:g}: a range inside the bounds, {domain.min:g} to {domain.max:g}"
        )
    msgspec.structs.force_setattr(domain, "first", (low, high))
