"""The multiples of a step: the values of a range that has one."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from pbt.errors import SpaceError

NEAR = 1e-6
"""Of a step: what arithmetic may have left of a multiple, as 0.1 + 0.2 of 0.3."""
_MOST = 1e9
"""Steps from 0 to a bound at most: beyond, a float does not tell multiples apart to `NEAR`."""


class Grid(NamedTuple):
    """min, min + step, and so on up to max; the k-th is the float nearest to what the decimals say, 0.3 for 3 * 0.1."""

    min: float
    max: float
    step: float

    @property
    def last(self) -> int:
        """The number of the largest, counted from 0."""
        return math.floor((self.max - self.min) / self.step + NEAR)

    def nearest(self, x: float) -> float:
        """The multiple nearest to x."""
        return self._at(self._place(x))

    def next(self, x: float, move: int) -> float:
        """The multiple that stands `move` places after the nearest; a bound, where there is none."""
        return self._at(min(max(self._place(x) + move, 0), self.last))

    def between(self, low: float, high: float, u: float) -> float:
        """The value at quantile u of those from `low` to `high`; the first after `low` where there is none."""
        first = math.ceil((low - self.min) / self.step - NEAR)
        last = max(first, math.floor((high - self.min) / self.step + NEAR))
        return self._at(min(first + math.floor(u * (last - first + 1)), last))

    def unit(self, x: float) -> float:
        """The middle, in [0, 1], of the quantiles of the nearest value."""
        return (self._place(x) + 0.5) / (self.last + 1)

    def __contains__(self, x: object) -> bool:
        if not isinstance(x, int | float) or not self.min - self.step < x < self.max + self.step:
            return False
        place = (x - self.min) / self.step
        return abs(place - self._place(x)) <= NEAR

    def _place(self, x: float) -> int:
        return min(max(math.floor((x - self.min) / self.step + 0.5), 0), self.last)

    def _at(self, place: int) -> float:
        return min(_multiple(self.min, self.step, place), self.max) if place else self.min


@lru_cache(4096)
def _multiple(low: float, step: float, place: int) -> float:
    return float(Fraction(repr(low)) + place * Fraction(repr(step)))


def check_step(low: float, high: float, step: float) -> None:
    """Make sure that there are multiples, and not too many.

    Raises:
        SpaceError: the step is not above 0, larger than the range, or too small for it.
    """
    if step <= 0:
        raise SpaceError(f"step is {step:g}: a number above 0")
    if step * (1 - NEAR) > high - low:
        raise SpaceError(f"step {step:g} is larger than the range from {low:g} to {high:g}: no second value lies in it")
    if max(abs(low), abs(high)) / step > _MOST:
        raise SpaceError(f"step {step:g} is too small for a range from {low:g} to {high:g}: leave it out")
