"""The search space: an immutable mapping from a hyperparameter's name to its domain."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from pbt.errors import SpaceError
from pbt.space.constraints import Constraint, read_constraints
from pbt.space.domains import Choice, Constant, Domain, Float, Int, Ordinal
from pbt.space.names import flat
from pbt.space.numbers import plain, short
from pbt.space.values import Value, same

TRIES = 10_000
"""Draws, until one satisfies the constraints."""
Values = dict[str, Value]
"""Hyperparameters by name, in the space's order."""


class Space(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """Domains by name, and constraints between them.

    Args:
        domains: by name, each a domain or a plain value for a constant; a dict is a group, whose names follow its own
            after a dot: ``{"optimizer": {"lr": …}}`` is ``optimizer.lr``.
        constraints: expressions such as ``"batch >= minibatch"``, which hold at birth and after every exploration.

    Raises:
        SpaceError: naming the hyperparameter or the constraint that can not be understood.
    """

    domains: dict[str, Domain]
    constraints: tuple[str, ...] = ()

    if TYPE_CHECKING:

        def __init__(self, domains: Mapping[str, Any], constraints: Iterable[str] = ()) -> None: ...

    def __post_init__(self) -> None:
        if not isinstance(self.domains, Mapping):
            raise SpaceError(f"a space is a dict of name to domain, not {type(self.domains).__name__}")
        if not self.domains:
            raise SpaceError(
                "the space is empty: give at least one hyperparameter, such as lr=pbt.Float(1e-4, 1e-1, log=True)"
            )
        domains = {name: _domain(name, given) for name, given in flat(self.domains).items()}
        msgspec.structs.force_setattr(self, "domains", domains)
        if self.constraints != ():
            texts = tuple(constraint.text for constraint in self._read)
            msgspec.structs.force_setattr(self, "constraints", texts)

    @cached_property
    def _read(self) -> tuple[Constraint, ...]:
        return read_constraints(self.constraints, self.domains)

    @staticmethod
    def of(space: Space | Mapping[str, Any]) -> Space:
        """A space from what may be one already, in which a member can be born.

        Raises:
            SpaceError: it can not be understood, or nothing was found that its constraints allow.
        """
        found = space if isinstance(space, Space) else Space(space)
        if found.example() is None:
            raise SpaceError(
                f"of {TRIES} draws none satisfies the constraints {short(found.constraints)}: loosen them, or narrow "
                "the domains to where they hold (what must be equal is one hyperparameter)"
            )
        return found

    def example(self) -> Values | None:
        """Values that members may be born with, always the same ones; None: of `TRIES` draws none satisfies all."""
        draws = random.Random(0)
        drawn = (self.birth(lambda _: draws.random()) for _ in range(TRIES))
        return next((values for values in drawn if self.holds(values)), None)

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether all constraints hold for values of all hyperparameters."""
        return all(constraint.holds(values) for constraint in self._read)

    @property
    def constrained(self) -> frozenset[str]:
        """The names that a constraint names."""
        return frozenset(name for constraint in self._read for name in constraint.names)

    def towards(self, held: Mapping[str, Value], wanted: Mapping[str, Value]) -> tuple[Values, list[str]]:
        """From values for which all constraints hold, as far as they let one go towards others.

        One hyperparameter after the other, in the space's order and again and again, takes its wanted value where all
        constraints still hold.

        Returns:
            The values, and the names of those that had to stay.
        """
        values = {name: held[name] for name in self.domains}
        stay = [name for name in self.domains if not same(values[name], wanted[name])]
        moved = True
        while moved:
            moved = False
            for name in (*stay,):
                moving = {**values, name: wanted[name]}
                if self.holds(moving):
                    values, moved = moving, True
                    stay.remove(name)
        return values, stay

    def sample(self, draw: Callable[[str], float]) -> Values:
        """A full set of values; `draw(name)` gives each hyperparameter's own number in [0, 1)."""
        return {name: domain.sample(draw(name)) for name, domain in self.domains.items()}

    def birth(self, draw: Callable[[str], float]) -> Values:
        """As `sample`, from the ranges of the first draw: what a member is born with."""
        return {name: domain.birth(draw(name)) for name, domain in self.domains.items()}

    def clip(self, values: Mapping[str, Value]) -> Values:
        """`values` inside the space, in its order."""
        return {name: domain.clip(values[name]) for name, domain in self.domains.items()}

    def check(self, values: Mapping[str, Any], where: str) -> Values:
        """`values`, flat or in groups, in the space's order and types; names missing from them stay missing.

        Raises:
            SpaceError: for a name that is not in the space, a value outside its domain, or a constraint between those
                given that does not hold.
        """
        if not isinstance(values, Mapping):
            raise SpaceError(f"{where} is {short(values)}: it must be a dict of names and values")
        given = {name: plain(value) for name, value in flat(values).items()}
        for name, value in given.items():
            if name not in self.domains:
                raise SpaceError(f"{where}: {name!r} is not in the space, which has {', '.join(self.domains)}")
            if value not in self.domains[name]:
                raise SpaceError(f"{where}: {name}={short(value)} lies outside {self.domains[name]!r}")
        found = {name: domain.clip(given[name]) for name, domain in self.domains.items() if name in given}
        for constraint in self._read:
            if constraint.names <= found.keys() and not constraint.holds(found):
                raise SpaceError(f"{where}: {_broken(constraint, found)}")
        return found

    def fault(self, values: object) -> str | None:
        """Why values of all hyperparameters are none of this space, in words; None: they are."""
        if not isinstance(values, Mapping) or values.keys() != self.domains.keys():
            return f"{short(values)} does not name {', '.join(self.domains)}, and nothing else"
        for name, domain in self.domains.items():
            if values[name] not in domain:
                return f"{name}={short(values[name])} lies outside {domain!r}"
        return next((_broken(constraint, values) for constraint in self._read if not constraint.holds(values)), None)

    def __contains__(self, values: object) -> bool:
        return self.fault(values) is None

    def __getitem__(self, name: str) -> Domain:
        return self.domains[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.domains)

    def __len__(self) -> int:
        return len(self.domains)

    def __hash__(self) -> int:
        return hash((*self.domains.items(), self.constraints))


def _broken(constraint: Constraint, values: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name}={short(values[name])}" for name in values if name in constraint.names)
    return f"the constraint {constraint.text!r} does not hold for {said}"


def _domain(name: str, given: Any) -> Domain:
    if isinstance(given, Float | Int | Ordinal | Choice | Constant):
        return given
    try:
        return Constant(given)
    except SpaceError as error:
        raise SpaceError(
            f"{name}: {short(given)} is neither a domain (pbt.Float, pbt.Int, pbt.Ordinal, pbt.Choice) nor a constant: "
            f"{error}"
        ) from None
