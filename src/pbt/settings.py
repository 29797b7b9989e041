"""Settings: what a joiner asks for, what is filled in, and how it is compared with what exists."""

from __future__ import annotations

import difflib
import math
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from pbt.checkpoints.location import check_setting, place_below, same_place
from pbt.errors import PBTError, SettingsError
from pbt.population.recorded import OWN, Count, Settings, StrategyRecord, Word
from pbt.space.numbers import flag, measured, named, readable, short, text, whole
from pbt.space.space import Space, Values
from pbt.strategies.registry import bare, record

ROUNDS = 40
"""Decisions per member where the steps are known and no interval is given (published runs use 20 to 150)."""
_SEED_LIMIT = 2**32
_MEMBERS_LIMIT = 1_000_000


class Wanted(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The settings that somebody asks for; None: not asked for. Meanings: see `Settings`.

    Attributes:
        overrides: names of those that a command line gave; the others are a script's.
    """

    space: Space | None = None
    members: Count | None = None
    open: bool | None = None
    maximize: bool | None = None
    steps: Count | None = None
    interval: Count | None = None
    goal: float | None = None
    strategy: StrategyRecord | None = None
    synchronous: bool | None = None
    seed: Count | None = None
    initial: tuple[Values, ...] | None = None
    quorum: Count | None = None
    turn_steps: Count | None = None
    barrier_timeout: float | None = None
    checkpoints: str | None = None
    overrides: tuple[Word, ...] | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the settings that are asked for."""
        names = (name for name in self.__struct_fields__ if name != "overrides")
        return tuple(name for name in names if getattr(self, name) is not None)

    def commanded(self) -> Wanted:
        """The same, asked for by a command line."""
        return msgspec.structs.replace(self, overrides=self.given or None)

    def over(self, other: Wanted) -> Wanted:
        """This, completed from `other`."""
        given = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        if "members" in (self.overrides or ()):
            given["open"] = None  # how many there are was decided
        return msgspec.structs.replace(other, **given)


def wanted(
    space: Space | Mapping[str, Any] | None = None,
    strategy: Any = None,
    initial: Iterable[Mapping[str, Any]] | None = None,
    **given: Any,
) -> Wanted:
    """What a script or a command line asks for, checked and in the recorded types.

    Raises:
        SettingsError: for an unknown name or a value of the wrong type or range.
        SpaceError: for a malformed space, or a configuration of `initial` outside it.
    """
    known = {*Wanted.__struct_fields__} - {"overrides"}
    for name in given.keys() - known:
        meant = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {meant[0]!r}? Known" if meant else "known"
        raise SettingsError(f"no setting {name!r}: {hint} are {', '.join(sorted(known))}")
    parsed = None if space is None else Space.of(space)
    first = None
    if initial is not None:
        first = tuple(_configuration(v, i, parsed) for i, v in enumerate(_several(initial)))
    asked = Wanted(
        space=parsed,
        strategy=None if strategy is None else record(strategy),
        initial=first,
        **{name: _PARSE[name](value, name, SettingsError) for name, value in given.items() if value is not None},
    )
    _check_ranges(asked)
    return asked


_PARSE: dict[str, Callable[[Any, str, type[PBTError]], Any]] = {
    **dict.fromkeys(("members", "steps", "interval", "seed", "quorum", "turn_steps"), whole),
    **dict.fromkeys(("goal", "barrier_timeout"), measured),
    **dict.fromkeys(("open", "maximize", "synchronous"), flag),
    "checkpoints": text,
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
    initial = tuple(asked.space.check(values, f"initial[{i}]") for i, values in enumerate(asked.initial or ()))
    if asked.members is not None and len(initial) > asked.members:
        raise SettingsError(f"initial has {len(initial)} configurations for {asked.members} members: give more members")
    interval = asked.interval or (math.ceil(asked.steps / ROUNDS) if asked.steps else 1)
    strategy = record(asked.strategy or "pbt")
    barrier = bare(strategy).needs_barrier
    if barrier and asked.synchronous is False:
        raise SettingsError(f"strategy {strategy.name!r} decides for all members at once: leave synchronous=False out")
    commanded = tuple(sorted({*asked.given} & {*(asked.overrides or ())}))
    given: dict[str, Any] = {"overrides": commanded} if commanded else {}
    given |= {
        name: getattr(asked, name)
        for name in ("goal", "synchronous", "quorum", "barrier_timeout", "steps", "members")
        if getattr(asked, name) is not None
    }
    if barrier:
        given["synchronous"] = True
    return Settings(
        space=asked.space,
        maximize=asked.maximize,
        seed=secrets.randbelow(_SEED_LIMIT) if asked.seed is None else asked.seed,
        interval=interval,
        strategy=strategy,
        initial=initial,
        turn_steps=asked.turn_steps or interval,
        checkpoints=place_below(asked.checkpoints or OWN),
        **given,
    )


def compare(settings: Settings, asked: Wanted, where: str = "this population", launching: bool = False) -> None:
    """Make sure that what is asked for is what exists.

    What a command line decided is not compared with what a script says of it: see `unused`.

    Args:
        launching: a command line asks, at its start. Its workers say the same later on, when somebody may have
            raised the steps.

    Raises:
        SettingsError: naming the first field that differs, both values, and how to start anew.
    """
    commanded = asked.overrides or ()
    ignored = settings.overridden - {*commanded}
    if not launching and "steps" in commanded:
        ignored |= {"steps"}
    for name, have, want in _differences(settings, asked):
        if _decides(name) not in ignored:
            _differ(name, have, want, where)


def unused(settings: Settings, asked: Wanted) -> list[str]:
    """What a script says of settings that a command line decided, as ``members=16, not this script's 8``."""
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
    """Each setting that is asked for and is another: its name, what it is, what was asked for."""
    asked = msgspec.json.decode(msgspec.json.encode(asked), type=Wanted)  # a tuple against a list would differ
    for name in asked.given:
        want = getattr(asked, name)
        have: Any = settings.members is None
        if name != "open":
            have = getattr(settings, name)
        if name == "strategy":
            want = record(want)
        if name == "initial":
            want = tuple(settings.space.check(values, f"initial[{i}]") for i, values in enumerate(want))
        if have != want and not (name == "checkpoints" and same_place(have, want)):
            yield name, have, want


def _differ(name: str, have: Any, want: Any, where: str) -> None:
    if isinstance(have, Space) and isinstance(want, Space):
        names = [n for n in {**have.domains, **want.domains} if have.domains.get(n) != want.domains.get(n)]
        if names:
            name, have, want = f"space[{names[0]!r}]", have.domains.get(names[0]), want.domains.get(names[0])
        else:
            return
    longer = name == "steps" and have is not None and want is not None and want > have
    raise SettingsError(
        f"{where} has {name}={have!r}, but {name}={want!r} was asked for: "
        + (f"train longer with pbt run --steps {want}, " if longer else "use the same settings, ")
        + f"leave {name.partition('[')[0]} out, or start anew in another folder (or under another name on the server)"
    )


def _check_ranges(asked: Wanted) -> None:
    for name, low in (("members", 1), ("steps", 1), ("interval", 1), ("quorum", 1), ("turn_steps", 1), ("seed", 0)):
        value = getattr(asked, name)
        if value is not None and value < low:
            raise SettingsError(f"{name} is {value}: it must be {low} or more")
    if asked.members is not None and asked.members > _MEMBERS_LIMIT:
        raise SettingsError(f"members is {asked.members}: at most {_MEMBERS_LIMIT}")
    if asked.goal is not None and not math.isfinite(asked.goal):
        raise SettingsError(f"goal is {asked.goal}: it must be a finite score")
    if asked.barrier_timeout is not None and not 0 < asked.barrier_timeout < math.inf:
        raise SettingsError(f"barrier_timeout is {asked.barrier_timeout}: a number of seconds above 0")
    if asked.checkpoints is not None:
        check_setting(asked.checkpoints)
