"""Names of hyperparameters, and names in groups: ``{"optimizer": {"lr": …}}`` is ``optimizer.lr``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pbt.errors import SpaceError
from pbt.space.numbers import plain

_DEEPEST = 20


def flat(given: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings in mappings as one, the names along the way joined by dots.

    Raises:
        SpaceError: a name is no printable text without surrounding blanks, or stands there twice; a group is empty, or
            more than 20 deep.
    """
    found: dict[str, Any] = {}
    for name, value in _leaves(given, ()):
        if name in found:
            raise SpaceError(f"{name!r} stands there twice, by itself and in a group: remove one")
        found[name] = value
    return found


def _leaves(given: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if len(above) > _DEEPEST:
        raise SpaceError(f"{above[0]!r} is nested more than {_DEEPEST} deep: does it hold itself?")
    for key, value in given.items():
        name = plain(key)
        if type(name) is not str or not name or name != name.strip() or not name.isprintable():
            raise SpaceError(f"{name!r} can not name a hyperparameter: use printable text without surrounding blanks")
        if not isinstance(value, Mapping):
            yield ".".join((*above, name)), value
        elif not value:
            raise SpaceError(f"{'.'.join((*above, name))!r} is an empty group: give it a hyperparameter, or remove it")
        else:
            yield from _leaves(value, (*above, name))


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters in groups: ``{"optimizer.lr": 0.1, "seed": 0}`` as ``{"optimizer": {"lr": 0.1}, "seed": 0}``.

    Args:
        values: by their names in the space: a member, `Member.hyperparameters`, or what `pbt.train` hands to a step.

    Raises:
        SpaceError: a name is that of a group too, such as ``a`` beside ``a.b``.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        *above, last = name.split(".")
        group: Any = found
        for part in above:
            group = group.setdefault(part, {})
            if not isinstance(group, dict):
                break
        if not isinstance(group, dict) or last in group:
            raise SpaceError(f"{name!r} and a hyperparameter named as its group can not be nested: rename one")
        group[last] = value
    return found
