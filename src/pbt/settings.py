"""Settings: those that a joiner asks for, their defaults, and the comparison with those that exist."""

from __future__ import annotations

import difflib
import math
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, TypedDict, get_args, get_type_hints

import msgspec

from pbt.checkpoints.location import check_setting, place_below, same_place
from pbt.errors import PBTError, SettingsError, SpaceError, counted
from pbt.population.chance import Chance
from pbt.population.recorded import OWN, Settings, StrategyRecord, Word
from pbt.space.numbers import flag, measured, named, readable, short, text, whole
from pbt.space.space import TRIES, Space, Values
from pbt.strategies.births import first_values
from pbt.strategies.registry import bare, record
from pbt.strategies.strategy import Strategy

ROUNDS = 40
"""Decisions per member where the steps are known and no interval is given (published runs use 20 to 150)."""
SEED_LIMIT = 2**32
_MEMBERS_LIMIT = 1_000_000


class RunSettings(TypedDict, total=False):
    """The settings of any population, as keywords of `pbt.turns`, `pbt.join` and `pbt.train`; None: not asked for."""

    members: int | None
    steps: int | None
    interval: int | None
    maximize: bool | None
    goal: float | None
    strategy: str | Mapping[str, Any] | Strategy | None
    seed: int | None
    initial: Iterable[Mapping[str, Any]] | None
    quorum: int | None
    synchronous: bool | None


class SharedSettings(RunSettings, total=False):
    """The settings of a population that workers share: those of `RunSettings`, and more."""

    open: bool | None
    turn_steps: int | None
    barrier_timeout: float | None
    checkpoints: str | None


class _Wanted(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The settings that a joiner asks for, by the names of `Settings`, and `open`; None: not asked for.

    Attributes:
        overrides: names of those that a command line gave; the others are a script's.
    """

    overrides: tuple[Word, ...] | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the settings that are asked for."""
        names = (name for name in self.__struct_fields__ if name != "overrides")
        return tuple(name for name in names if getattr(self, name) is not None)

    def commanded(self) -> Self:
        """The same, asked for by a command line."""
        return msgspec.structs.replace(self, overrides=self.given or None)

    def over(self, other: Self) -> Self:
        """This, completed from `other`."""
        given = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        if "members" in (self.overrides or ()):
            given["open"] = None  # how many there are was decided
        return msgspec.structs.replace(other, **given)


_RECORDED = {**get_type_hints(Settings, include_extras=True), "open": bool}

if TYPE_CHECKING:

    class Wanted(_Wanted, frozen=True):  # noqa: D101
        def __init__(self, **asked: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...

else:
    Wanted = msgspec.defstruct(
        "Wanted",
        [(name, kind | None, None) for name, kind in _RECORDED.items() if name != "overrides"],
        bases=(_Wanted,), module=__name__, namespace={"__doc__": _Wanted.__doc__},
        frozen=True, omit_defaults=True, kw_only=True,
    )  # fmt: skip


def wanted(keywords: type = SharedSettings, **given: Any) -> Wanted:
    """The settings that a script or a command line asks for, checked and in the recorded types.

    Args:
        keywords: the settings that are known here, besides `space`.
        given: a value for each that is asked for; None: not asked for.

    Raises:
        SettingsError: for an unknown name or a value of the wrong type or range.
        SpaceError: for a malformed space, or a configuration of `initial` outside it.
    """
    known = sorted({"space", *keywords.__annotations__})
    for name in given.keys() - {*known}:
        meant = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {meant[0]!r}? Known" if meant else "known"
        raise SettingsError(f"no setting {name!r}: {hint} are {', '.join(known)}")
    given = {name: value for name, value in given.items() if value is not None}
    space = Space.of(given.pop("space")) if "space" in given else None
    asked = Wanted(space=space, **{name: _read(name, value, space) for name, value in given.items()})
    _check_ranges(asked)
    return asked


def _read(name: str, value: Any, space: Space | None) -> Any:
    """A value in the type that is recorded."""
    if name == "strategy":
        return record(value)
    if name == "initial":
        return tuple(_configuration(v, i, space) for i, v in enumerate(_several(value)))
    return _READ[name](value, name, SettingsError)


_READERS: dict[type, Callable[[Any, str, type[PBTError]], Any]] = {int: whole, float: measured, bool: flag, str: text}
_READ = {
    name: _READERS[plain]
    for name, kind in {**get_type_hints(Settings), "open": bool}.items()
    for plain in {kind, *get_args(kind)} & {*_READERS}
}


def _several(initial: Any) -> Iterable[Any]:
    if isinstance(initial, str | bytes | Mapping) or not isinstance(initial, Iterable):
        raise SettingsError(
            f"initial is {short(initial)}: it must be a list of dicts, one for each of the first members"
        )
    return initial


def _configuration(given: Any, i: int, space: Space | None) -> Values:
    if space is not None:
        return space.check(given, f"initial[{i}]")
    return named(given, f"initial[{i}]", readable)


def resolve(asked: Wanted) -> Settings:
    """Complete settings for a new population.

    Raises:
        SettingsError: where something has no default and was not given.
    """
    _check_ranges(asked)
    if asked.space is None:
        raise SettingsError("no population exists here yet, and no space was given to create one: pass space={…}")
    if asked.maximize is None:
        raise SettingsError("say whether a higher score is better: maximize=True, or maximize=False for a loss")
    if asked.members is None and not asked.open:
        raise SettingsError("say how many members the population has: members=8, for example")
    if asked.members is not None and asked.open:
        raise SettingsError("a population is open, or has a number of members: give one of the two")
    Space.of(asked.space)
    initial = tuple(asked.space.check(values, f"initial[{i}]") for i, values in enumerate(asked.initial or ()))
    if asked.members is not None and len(initial) > asked.members:
        more, members = counted(len(initial), "configuration"), counted(asked.members, "member")
        raise SettingsError(f"initial has {more} for {members}: give more members")
    interval = asked.interval or (math.ceil(asked.steps / ROUNDS) if asked.steps else 1)
    strategy = record(asked.strategy or "pbt")
    barrier = bare(strategy).needs_barrier
    if barrier and asked.synchronous is False:
        raise SettingsError(f"strategy {strategy.name!r} decides for all members at once: leave synchronous=False out")
    commanded = tuple(sorted({*asked.given} & {*(asked.overrides or ())}))
    given = {name: getattr(asked, name) for name in asked.given if name != "open"}
    filled = {
        "seed": secrets.randbelow(SEED_LIMIT) if asked.seed is None else asked.seed,
        "interval": interval,
        "strategy": strategy,
        "initial": initial,
        "turn_steps": asked.turn_steps or interval,
        "checkpoints": place_below(asked.checkpoints or OWN),
        "overrides": commanded or msgspec.UNSET,
    }
    settings = Settings(**given | filled | ({"synchronous": True} if barrier else {}))
    _check_births(settings)
    return settings


def _check_births(settings: Settings) -> None:
    """Make sure that what `initial` leaves out can be drawn so that the constraints of the space hold."""
    for i, given in enumerate(settings.initial):
        born = first_values(settings, Chance(settings.seed, i, 0))
        if not settings.space.holds(born):
            raise SpaceError(
                f"initial[{i}]: of {TRIES} draws for what {short(given)} leaves out none satisfies the constraints: "
                "give those values too, or others"
            )


def compare(settings: Settings, asked: Wanted, where: str = "this population", launching: bool = False) -> None:
    """Make sure that the settings asked for are those that exist.

    Settings that a command line decided are not compared with the script's: see `unused`.

    Args:
        launching: a command line asks, at its start. Its workers say the same later on, when somebody may have
            raised the steps or moved bounds.

    Raises:
        SettingsError: naming the first field that differs, both values, and how to start anew.
    """
    commanded = asked.overrides or ()
    ignored = settings.overridden - {*commanded}
    if not launching:
        ignored |= {*commanded} & {"steps"} | {*commanded} & {"space", "initial"} & settings.overridden
    for name, have, want in _differences(settings, asked):
        if _decides(name) not in ignored:
            _differ(name, have, want, where)


def unused(settings: Settings, asked: Wanted) -> list[str]:
    """The script's settings that a command line overrides, as ``members=16, not this script's 8``."""
    theirs = settings.overridden - {*(asked.overrides or ())}
    said = []
    for name, have, want in _differences(settings, asked):
        if _decides(name) in theirs:
            long = isinstance(have, Space | StrategyRecord | tuple)
            said.append(f"{name}, not this script's" if long else f"{name}={have!r}, not this script's {want!r}")
    return said


def _decides(name: str) -> str:
    """The setting that decides over this one: how many members there are says whether they are open."""
    return "members" if name == "open" else name


def _differences(settings: Settings, asked: Wanted) -> Iterator[tuple[str, Any, Any]]:
    """Each setting asked for that differs: its name, its value, and the value asked for."""
    asked = msgspec.json.decode(msgspec.json.encode(asked), type=Wanted)  # a tuple against a list would differ
    for name in asked.given:
        want = getattr(asked, name)
        have: Any = settings.members is None
        if name != "open":
            have = getattr(settings, name)
        if name == "strategy":
            want = record(want)
        if name == "initial":
            space = settings.space if asked.space is None else Space.of(asked.space)
            want = tuple(space.check(values, f"initial[{i}]") for i, values in enumerate(want))
        if have != want and not (name == "checkpoints" and same_place(have, want)):
            yield name, have, want


def _differ(name: str, have: Any, want: Any, where: str) -> None:
    if isinstance(have, Space) and isinstance(want, Space):
        names = [n for n in {**have.domains, **want.domains} if have.domains.get(n) != want.domains.get(n)]
        if names:
            name, have, want = f"space[{names[0]!r}]", have.domains.get(names[0]), want.domains.get(names[0])
        else:
            name, have, want = "space['constraints']", have.constraints, want.constraints
    longer = name == "steps" and have is not None and want is not None and want > have
    apart = f"{where} has {name}={have!r}, but {name}={want!r} was asked for"
    if name.startswith("space[") and want is None:
        apart = f"{where} has {name}={have!r}, which is missing in the space that was asked for"
    elif name.startswith("space[") and have is None:
        apart = f"{where} has no {name}, but {name}={want!r} was asked for"
    raise SettingsError(
        f"{apart}: "
        + (f"train longer with pbt run --steps {want}, " if longer else "use the same settings, ")
        + f"leave {name.partition('[')[0]} out, or start anew in another folder (or under another name on the server)"
    )


def _check_ranges(asked: Wanted) -> None:
    for name in asked.given:
        value, low = getattr(asked, name), 0 if name == "seed" else 1
        if _READ.get(name) is whole and value < low:
            raise SettingsError(f"{name} is {value}: it must be {low} or more")
    if asked.members is not None and asked.members > _MEMBERS_LIMIT:
        raise SettingsError(f"members is {asked.members}: at most {_MEMBERS_LIMIT}")
    if asked.goal is not None and not math.isfinite(asked.goal):
        raise SettingsError(f"goal is {asked.goal}: it must be a finite score")
    if asked.barrier_timeout is not None and not 0 < asked.barrier_timeout < math.inf:
        raise SettingsError(f"barrier_timeout is {asked.barrier_timeout}: a number of seconds above 0")
    if asked.checkpoints is not None:
        check_setting(asked.checkpoints)
