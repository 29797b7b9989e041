"""From a strategy's recorded name and parameters to the object that decides."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from pbt.errors import SettingsError, plainly
from pbt.population.recorded import Settings, StrategyRecord
from pbt.space.numbers import LARGEST, plain, short
from pbt.strategies.barrier import Barrier
from pbt.strategies.bounded import Bounded
from pbt.strategies.constrained import Constrained
from pbt.strategies.cure import Cure
from pbt.strategies.pauses import Pauses
from pbt.strategies.strategy import Strategy

ORIGINAL = "original"
"""The strategy behind the original client."""
KNOWN = {
    "pbt": "pbt.strategies.pbt:PBT",
    "pb2": "pbt.strategies.pb2:PB2",
    "pb2-rand": "pbt.strategies.pb2_choices:PB2Rand",
    "pb2-mult": "pbt.strategies.pb2_choices:PB2Mult",
    "pb2-mix": "pbt.strategies.pb2_choices:PB2Mix",
    "mf-pbt": "pbt.strategies.mf_pbt:MFPBT",
    "scout": "pbt.strategies.scout:Scout",
    "plans": "pbt.strategies.plans:Plans",
    "follow": "pbt.strategies.follow:Follow",
    ORIGINAL: "pbt.strategies.original:Original",
}
"""Strategies by the short name that a journal records."""

Builder = Callable[[Settings], Strategy]


def build(settings: Settings) -> Strategy:
    """The strategy of a population, with all that is wrapped around any: bounds, barrier, constraints, cure, pauses.

    Raises:
        SettingsError: for a name that can not be found or parameters that it does not take.
    """
    inner: Strategy = Bounded(inner=bare(settings.strategy))
    if settings.synchronous:
        inner = Barrier(inner=inner)
    if settings.space.constraints:
        inner = Constrained(inner=inner)
    return Pauses(inner=Cure(inner=inner))


def bare(record: StrategyRecord) -> Strategy:
    """The strategy that a record names."""
    strategy = _made(record.name, _find(record.name), record.parameters)
    strategy.check()
    return strategy


def _made(name: str, kind: type[Strategy], parameters: Any) -> Strategy:
    try:
        return msgspec.convert(_plain(parameters), kind)
    except msgspec.ValidationError as error:
        fields = ", ".join(f.name for f in msgspec.structs.fields(kind))
        raise SettingsError(f"strategy {name!r}: {plainly(error)}; its parameters are {fields or 'none'}") from None


def record(strategy: str | Strategy | Mapping[str, Any] | StrategyRecord) -> StrategyRecord:
    """The journal's record of a strategy given as a name, a dict with a "name", or an object.

    All parameters are recorded, those at their default too: a later default does not change an old run.
    """
    if isinstance(strategy, StrategyRecord):
        return strategy
    if not isinstance(strategy, str | Strategy | Mapping):
        raise SettingsError(f"strategy is {short(strategy)}: give a name, a dict with a name, or a pbt.Strategy")
    if isinstance(strategy, Strategy):
        names = {path: name for name, path in KNOWN.items()}
        path = f"{type(strategy).__module__}:{type(strategy).__qualname__}"
        try:
            given = msgspec.to_builtins(strategy, enc_hook=_plain, builtin_types=(Decimal,))
        except (TypeError, ValueError, RecursionError) as error:
            raise SettingsError(f"a parameter of {short(strategy)} can not be recorded: {error}") from None
        made = _made(path, type(strategy), given)
        return StrategyRecord(names.get(path, path), msgspec.json.decode(msgspec.json.encode(made)))
    if isinstance(strategy, Mapping):
        parameters = dict(strategy)
        return record(bare(StrategyRecord(str(parameters.pop("name", "pbt")), parameters)))
    return record(bare(StrategyRecord(strategy)))


def _plain(x: Any) -> Any:
    """Parameters as plain values, however deep: a vector is a list, and 1e6 may stand where an integer belongs."""
    if isinstance(x, Mapping):
        return {plain(name): _plain(value) for name, value in x.items()}
    value = plain(x)
    if type(value) is float and value.is_integer() and abs(value) <= LARGEST:
        return int(value)
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return value
    try:
        return [_plain(part) for part in value]
    except TypeError:  # an array without dimensions
        return value


def _find(name: str) -> type[Strategy]:
    path = KNOWN.get(name, name)
    module, _, attribute = path.partition(":")
    if not (attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise SettingsError(f"no strategy {name!r}: known are {', '.join(KNOWN)}, or name your own as module:Class")
    try:
        kind = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise SettingsError(f"strategy {name!r} can not be loaded: {error}") from None
    if not (isinstance(kind, type) and issubclass(kind, Strategy)):
        raise SettingsError(f"strategy {name!r} is no pbt Strategy: subclass pbt.Strategy")
    return kind
