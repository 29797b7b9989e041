"""Schedules from files and populations, and into files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from pbt.coordinator.follower import Follower
from pbt.disk.whole import replace
from pbt.errors import UNREADABLE, PBTError, SettingsError, plainly
from pbt.opening.folder import path_of
from pbt.opening.opening import name_of, names_server, open_journal
from pbt.population.entries import Number, real
from pbt.population.lineage import Lineage
from pbt.schedules.found import of_best, of_member
from pbt.schedules.schedule import Origin, Schedule
from pbt.schedules.texts import TEXTS

_WRITTEN = {".toml": "toml", ".json": "json", ".py": "python"}


class _Piece(msgspec.Struct, frozen=True):
    step: int
    hyperparameters: dict[str, Any]


class _From(msgspec.Struct, frozen=True):
    member: int
    step: int
    maximize: bool
    population: str | None = None
    score: Number | None = None


class _File(msgspec.Struct, frozen=True):
    schedule: list[_Piece]
    origin: _From | None = None


def read(where: str, member: int | None) -> Schedule:
    """See `Schedule.load`."""
    if not names_server(where):
        path = path_of(where)
        if path.suffix in _WRITTEN and not path.is_dir():
            if member is not None:
                raise SettingsError(
                    f"{where} is the file of one schedule: only a population has members to choose from"
                )
            return _of_file(path)
    follower, lineage = Follower(open_journal(where)), Lineage()
    follower.listen(lineage.follow)
    follower.catch_up()
    name, population = name_of(where), follower.population
    found = of_best(population, lineage, name) if member is None else of_member(population, lineage, name, member)
    if found is None and member is None:
        raise PBTError(f"{where} has no checkpoint with a finite score yet: name a member to see what it trained with")
    if found is None:
        raise PBTError(f"{where}: member {member} has no hyperparameters yet")
    return found


def _of_file(path: Path) -> Schedule:
    if path.suffix == ".py":
        raise SettingsError(f"{path} is Python, which is pasted and not read: pbt schedule --format toml writes a file")
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = msgspec.json.decode(text) if path.suffix == ".json" else tomllib.loads(text)
        file = msgspec.convert(found, _File)
    except OSError as error:
        raise SettingsError(f"{path} can not be read: {error.strerror}") from None
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path} is no schedule as pbt schedule writes it: {plainly(error)}") from None
    except UNREADABLE as error:
        raise SettingsError(f"{path} can not be understood: {plainly(error)}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} can not be understood: {error}") from None
    try:
        return Schedule([(piece.step, piece.hyperparameters) for piece in file.schedule], _origin(file.origin))
    except PBTError as error:
        raise type(error)(f"{path}: {error}") from None


def _origin(said: _From | None) -> Origin | None:
    if said is None:
        return None
    score = None if said.score is None else real(said.score)
    return Origin(said.population, said.member, said.step, score, said.maximize)


def write(found: Schedule, path: str) -> None:
    """See `Schedule.save`."""
    to = path_of(path)
    if to.suffix not in _WRITTEN:
        raise SettingsError(f"{path}: a schedule is written to a .toml, .json or .py file; name it so")
    replace(to, TEXTS[_WRITTEN[to.suffix]](found).encode())
