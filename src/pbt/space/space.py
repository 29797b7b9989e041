"""The search space: an immutable mapping from a hyperparameter's name to its domain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from pbt.errors import SpaceError
from pbt.space.domains import Choice, Constant, Domain, Float, Int, Ordinal
from pbt.space.names import flat
from pbt.space.numbers import plain, short
from pbt.space.values import Value

Values = dict[str, Value]
"""Hyperparameters by name, in the space's order."""


class Space(msgspec.Struct, frozen=True):
    """Domains by name.

    Args:
        domains: by name, each a domain or a plain value for a constant; a dict is a group, whose names follow its own
            after a dot: ``{"optimizer": {"lr": …}}`` is ``optimizer.lr``.

    Raises:
        SpaceError: naming the hyperparameter that can not be understood.
    """

    domains: dict[str, Domain]

    if TYPE_CHECKING:

        def __init__(self, domains: Mapping[str, Any]) -> None: ...

    def __post_init__(self) -> None:
        if not isinstance(self.domains, Mapping):
            raise SpaceError(f"a space is a dict of name to domain, not {type(self.domains).__name__}")
        if not self.domains:
            raise SpaceError(
                "the space is empty: give at least one hyperparameter, such as lr=pbt.Float(1e-4, 1e-1, log=True)"
            )
        domains = {name: _domain(name, given) for name, given in flat(self.domains).items()}
        msgspec.structs.force_setattr(self, "domains", domains)

    @staticmethod
    def of(space: Space | Mapping[str, Any]) -> Space:
        """A space from what may be one already."""
        return space if isinstance(space, Space) else Space(space)

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
            SpaceError: for a name that is not in the space or a value outside its domain.
        """
        if not isinstance(values, Mapping):
            raise SpaceError(f"{where} is {short(values)}: it must be a dict of names and values")
        given = {name: plain(value) for name, value in flat(values).items()}
        for name, value in given.items():
            if name not in self.domains:
                raise SpaceError(f"{where}: {name!r} is not in the space, which has {', '.join(self.domains)}")
            if value not in self.domains[name]:
                raise SpaceError(f"{where}: {name}={short(value)} lies outside {self.domains[name]!r}")
        return {name: domain.clip(given[name]) for name, domain in self.domains.items() if name in given}

    def __contains__(self, values: object) -> bool:
        return (
            isinstance(values, Mapping)
            and values.keys() == self.domains.keys()
            and all(values[name] in domain for name, domain in self.domains.items())
        )

    def __getitem__(self, name: str) -> Domain:
        return self.domains[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.domains)

    def __len__(self) -> int:
        return len(self.domains)

    def __hash__(self) -> int:
        return hash(tuple(self.domains.items()))


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
