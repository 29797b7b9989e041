"""Exploring: new hyperparameters from old ones (Jaderberg et al. 2017, "perturb" and "resample")."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from pbt.errors import SettingsError
from pbt.population.chance import Chance
from pbt.space.space import TRIES, Space, Values

_TRIES = 16
"""Draws at most, until one differs or satisfies the constraints: where no configuration does, none will."""
T = TypeVar("T")


def first_good(make: Callable[[str], T], good: Callable[[T], bool], purpose: str, tries: int = _TRIES) -> T:
    """What `make` draws for a purpose, and for others after it until it is good; the last, where none is."""
    made = make(purpose)
    for i in range(1, tries):
        if good(made):
            break
        made = make(f"{purpose}-{i}")
    return made


def perturb_or_resample(
    space: Space,
    values: Values,
    chance: Chance,
    factors: Sequence[float],
    resample: float,
    mutate: float = 1.0,
    unmoved: tuple[type, ...] = (),
) -> tuple[Values, dict[str, str]]:
    """Each hyperparameter, by a draw of its own, redrawn with probability `resample`, else perturbed.

    All together are drawn again, 16 times at most, where a constraint of the space does not hold for them.

    Args:
        factors: perturbation multiplies by one of them, each with the same probability.
        resample: probability in [0, 1] of a new value from the domain.
        mutate: probability in [0, 1] that a hyperparameter is explored at all.
        unmoved: kinds of domain whose values a perturbation leaves as they are.

    Returns:
        The new values, inside the space, and the operation that made each explored one.
    """

    def explored(purpose: str) -> tuple[Values, dict[str, str]]:
        found: Values = {}
        operations: dict[str, str] = {}
        for name, domain in space.domains.items():
            value = values[name]
            if not domain.explore or (mutate < 1.0 and chance.uniform(f"mutate/{name}") >= mutate):
                found[name] = value
                continue
            u = chance.uniform(f"{purpose}/{name}")
            if u < resample:
                found[name], operations[name] = domain.sample(u / resample), "resample"
            elif isinstance(domain, unmoved):
                found[name], operations[name] = value, "keep"
            else:
                found[name], operations[name] = domain.perturb(value, (u - resample) / (1.0 - resample), factors)
        return found, operations

    return first_good(explored, lambda made: space.holds(made[0]), "explore")


def check_exploration(factors: Sequence[float], **probabilities: float) -> None:
    """Look at the parameters of `perturb_or_resample`, by the names under which a strategy takes them.

    Raises:
        SettingsError: naming the one that is out of its range.
    """
    if not factors or not all(math.isfinite(f) and f > 0 for f in factors):
        raise SettingsError(f"factors are {list(factors)}: give positive numbers, such as 0.8 and 1.25")
    for name, probability in probabilities.items():
        if not 0 <= probability <= 1:
            raise SettingsError(f"{name} is {probability:g}: a probability from 0 to 1")


def perturb(space: Space, values: Values, draw: Callable[[], float], factors: Sequence[float]) -> Values:
    """Each hyperparameter perturbed, by draws of one's own; as they were, where no perturbation satisfies the space."""

    def perturbed(_: str) -> Values:
        return {
            name: domain.perturb(values[name], draw(), factors)[0] if domain.explore else values[name]
            for name, domain in space.domains.items()
        }

    found = first_good(perturbed, space.holds, "perturb")
    return found if space.holds(found) else dict(values)


def redraw(space: Space, values: Values, chance: Chance) -> Values:
    """Every explored hyperparameter drawn anew; those with ``explore=False`` as they were.

    The whole is another than `values` where the space has another, since those have just proved to be of no use: of
    a few discrete ones the same might be drawn again. Constraints hold for it if they hold for `values`.
    """

    def redrawn(purpose: str) -> Values:
        return {
            name: domain.sample(chance.uniform(f"{purpose}/{name}")) if domain.explore else values[name]
            for name, domain in space.domains.items()
        }

    tries = TRIES if space.constraints else _TRIES
    found = first_good(redrawn, lambda drawn: drawn != values and space.holds(drawn), "redraw", tries)
    return found if space.holds(found) else space.towards(values, found)[0]
