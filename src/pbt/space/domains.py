"""Domains: the values of one hyperparameter, and how they are drawn, perturbed and clipped.

A draw is one number u in [0, 1); a domain turns it into a value. So a domain needs no generator, and
the same u gives the same value again. `perturb` returns the new value together with the operation that
made it, in the words that a decision's `why` records.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pbt.errors import SpaceError
from pbt.space.numbers import short
from pbt.space.ranges import FROM_ONE as FROM_ONE
from pbt.space.ranges import Float as Float
from pbt.space.ranges import Int as Int
from pbt.space.ranges import take_flags
from pbt.space.values import Value, checked, has, index, nearest, same


class _Listed(msgspec.Struct, frozen=True, tag_field="kind", omit_defaults=True, repr_omit_defaults=True):
    """One of several values: the common base of `Ordinal` and `Choice`. `first`: those that members are born with."""

    values: tuple[Value, ...]
    explore: bool = True
    first: tuple[Value, ...] | None = None

    def __post_init__(self) -> None:
        what = f"pbt.{type(self).__name__}"
        msgspec.structs.force_setattr(self, "values", checked(self.values, what))
        take_flags(self, "explore")
        if self.first is None:
            return
        first = checked(self.first, f"first of {what}")
        for value in first:
            if not has(self.values, value):
                raise SpaceError(f"first has {short(value)}, which is none of the values of {what}")
        msgspec.structs.force_setattr(self, "first", tuple(nearest(self.values, value) for value in first))

    def sample(self, u: float) -> Value:
        """Uniform over the values."""
        return self.values[int(u * len(self.values))]

    def birth(self, u: float) -> Value:
        """Uniform over the values of the first draw."""
        first = self.first or self.values
        return first[int(u * len(first))]

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

    def birth(self, u: float) -> Value:
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
