"""`pbt.Schedule`: hyperparameters over steps, as a value."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

from pbt.errors import SettingsError, counted
from pbt.population.schedule import Pieces, check_steps, values_at
from pbt.schedules.constant import PiecewiseConstant, not_negative
from pbt.space.names import flat
from pbt.space.numbers import number, plain, short, whole
from pbt.space.space import Values
from pbt.space.values import checked


class Origin(NamedTuple):
    """Where a schedule was found.

    Attributes:
        population: its name: the last part of its folder's path or of its URL; None: it was never named.
        member: that trained with the last piece.
        step: at which the score was reported.
        score: of the checkpoint to which the schedule led; None: nothing was reported.
        maximize: whether a higher score is better.
    """

    population: str | None
    member: int
    step: int
    score: float | None
    maximize: bool

    def plain(self) -> dict[str, Any]:
        """Its fields as JSON can say them."""
        return {**self._asdict(), "score": None if self.score is None else number(self.score)}


class Schedule:
    """Hyperparameters over steps: ``schedule[40]`` are those with which training goes on after 40 steps.

    Iterating gives its pieces, (from step, hyperparameters) pairs; each holds until the next one's step, and the last
    one from then on.

    Args:
        pieces: such pairs, ascending, the first from step 0, all of the same hyperparameters; in groups or flat.
        origin: where it was found, if it was.

    Attributes:
        pieces: a tuple of the pairs.
        names: of the hyperparameters.
        origin: see `Origin`.

    Raises:
        SettingsError: they do not begin with step 0, do not ascend, or do not name the same hyperparameters.
        SpaceError: a name or a value is none that a hyperparameter can have.
    """

    def __init__(self, pieces: Iterable[tuple[int, Mapping[str, Any]]], origin: Origin | None = None) -> None:
        found = tuple(_piece(pair) for pair in _pairs(pieces))
        check_steps(found)
        for step, values in found:
            if values.keys() != found[0][1].keys():
                name = sorted(values.keys() ^ found[0][1].keys())[0]
                raise SettingsError(f"the schedule has {name!r} in one of the pieces from steps 0 and {step} alone")
        self.pieces: Pieces = found
        self.names = tuple(found[0][1])
        self.origin = origin

    @staticmethod
    def load(where: str | os.PathLike[str], member: int | None = None) -> Schedule:
        """The schedule in a file, or one that a population found.

        Args:
            where: a .toml or .json file that `save` or ``pbt schedule`` wrote, a population's folder, or its URL.
            member: of a population, the schedule along this member's lineage up to how it stands; None: the one that
                led to the best checkpoint.

        Raises:
            SettingsError: the file can not be understood, or there is none; a member is asked of a file.
            JournalError: there is no population in the folder.
            PBTError: the population has nothing to show yet.
            UnknownMember: it has no such member.
            Unreachable: no server answers.
        """
        from pbt.schedules.reading import read

        return read(os.fspath(where), member)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, over what is there; the name's end says how: .toml, .json, or .py to paste from.

        Raises:
            SettingsError: the name ends otherwise, or TOML can not say a value (None).
            OSError: the file can not be written.
        """
        from pbt.schedules.reading import write

        write(self, os.fspath(path))

    @overload
    def __getitem__(self, at: str) -> PiecewiseConstant: ...

    @overload
    def __getitem__(self, at: float) -> Values: ...

    def __getitem__(self, at: float | str) -> Values | PiecewiseConstant:
        """The hyperparameters after so many steps, 0 or more, fractions too; or one hyperparameter as a function.

        Raises:
            SettingsError: a negative step, or a name that it does not have.
        """
        if isinstance(at, str):
            if at not in self.names:
                raise SettingsError(f"the schedule has no {at!r}; it has {', '.join(self.names)}")
            return PiecewiseConstant(at, [step for step, _ in self.pieces], [values[at] for _, values in self.pieces])
        return dict(values_at(self.pieces, not_negative(at)))

    def on_change(self, call: Callable[[Values], object]) -> Callable[[float], bool]:
        """A function to call before each step with the number of steps done: it hands over what has changed.

        Args:
            call: gets the hyperparameters whose values differ from those it got last, the first time all.

        Returns:
            The function; it says whether it called.
        """
        held: Values = {}

        def step(done: float) -> bool:
            changed = {
                name: value for name, value in self[done].items() if name not in held or held[name] != value
            }  # fmt: skip
            held.update(changed)
            if changed:
                call(changed)
            return bool(changed)

        return step

    def __iter__(self) -> Iterator[tuple[int, Values]]:
        return iter(self.pieces)

    def __reversed__(self) -> Iterator[tuple[int, Values]]:
        return reversed(self.pieces)

    def __len__(self) -> int:
        return len(self.pieces)

    def __eq__(self, other: object) -> bool:
        return self.pieces == other.pieces if isinstance(other, Schedule) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple((step, *values.items()) for step, values in self.pieces))

    def __repr__(self) -> str:
        count = counted(len(self), "piece")
        came = f", found by {self.origin.population or 'a population'}" if self.origin is not None else ""
        return f"<Schedule of {', '.join(self.names)}: {count} from step 0 to {self.pieces[-1][0]}{came}>"


def _pairs(pieces: object) -> Iterable[object]:
    if isinstance(pieces, str | bytes | os.PathLike):
        raise SettingsError(
            f"a schedule is made of its pieces; pbt.Schedule.load({pieces!r}) reads a file or a population"
        )
    if not isinstance(pieces, Iterable):
        raise SettingsError(f"the schedule is {short(pieces)}: give (from step, hyperparameters) pairs")
    return pieces


def _piece(pair: object) -> tuple[int, Values]:
    if not isinstance(pair, Sequence) or isinstance(pair, str | bytes) or len(pair) != 2:
        raise SettingsError(f"the schedule has the piece {short(pair)}: give (from step, hyperparameters) pairs")
    step = whole(pair[0], "a schedule's step", SettingsError)
    return step, _values(step, pair[1])


def _values(step: int, given: Mapping[str, Any]) -> Values:
    if not isinstance(given, Mapping) or not given:
        raise SettingsError(f"the schedule's piece from step {step} has no hyperparameters: give a dict of them")
    values = {name: plain(value) for name, value in flat(given).items()}
    for name, value in values.items():
        checked([value], f"{name} from step {step}")
    return values
