"""How the shell tells a change: what it would do, a question, and the entry."""

from __future__ import annotations

import getpass
import secrets
import shlex
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import click
import msgspec
from msgspec.structs import replace

from pbt.coordinator.follower import Follower
from pbt.coordinator.interface import AnyCoordinator
from pbt.errors import Conflict, SettingsError
from pbt.opening.opening import existing, open_journal
from pbt.population.changes import Change, Steer, Steering
from pbt.population.entries import Entry
from pbt.population.population import Population
from pbt.population.undo import Undo, undone

_OPTIONS = [
    click.option("--why", default="", help="In your words; it stands in the journal."),
    click.option("--by", help="Who changes it.  [default: the name of this user]"),
    click.option("--yes", is_flag=True, help="Do not ask."),
    click.option("--json", "as_json", is_flag=True,
                 help="As one JSON object, for programs; without --yes nothing is written."),
]  # fmt: skip


class Telling(NamedTuple):
    """The options with which a change is told."""

    why: str
    by: str | None
    yes: bool
    as_json: bool


def told(make: Callable[..., Change]) -> Callable[..., int]:
    """A command that tells the change which `make` returns, to the population in its context, or its `where`."""

    @wraps(make)
    def command(why: str, by: str | None, yes: bool, as_json: bool, **given: Any) -> int:
        where = given.pop("where", None) or click.get_current_context().obj
        return tell(where, make(**given), Telling(why, by, yes, as_json))

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def tell(where: str, change: Change, telling: Telling) -> int:
    """Show what a change would do, ask, and tell it; 0 once it is recorded, 1 if it was not wanted."""
    coordinator = existing(where)
    asked = Steer(change, f"{telling.by or _user()} (shell)", telling.why, secrets.token_hex(16))
    if telling.as_json:
        said = coordinator.steer(replace(asked, preview=not telling.yes))
        click.echo(msgspec.json.encode(said))
        return 0
    if telling.yes:
        said = coordinator.steer(asked)
        click.echo(said.effect)
    else:
        found = _agreed(coordinator, asked)
        if found is None:
            click.echo("nothing was written")
            return 1
        said = found
    click.echo(f"recorded as entry {said.entry} (pbt journal {shlex.quote(where)} --after {(said.entry or 1) - 1})")
    return 0


def _agreed(coordinator: AnyCoordinator, asked: Steer) -> Steering | None:
    """Ask until there is an answer to what the change would really do."""
    while True:
        shown = coordinator.steer(replace(asked, preview=True))
        click.echo(shown.effect)
        if not sys.stdin.isatty():
            raise SettingsError("nothing was written, since nobody can be asked here: say --yes")
        if not click.confirm("Write this into the journal?"):
            return None
        try:
            return coordinator.steer(replace(asked, seen=shown.seen))
        except Conflict as error:
            click.echo(f"not written: {error}")


def former(where: str, number: int) -> Change:
    """The change that takes back entry `number`.

    Raises:
        SettingsError: there is no such entry, or what it did can not be taken back.
    """
    found: list[Undo | None] = []

    def hear(before: Population | None, entry: Entry, after: Population) -> None:
        if after.count == number and before is not None:
            found.append(undone(before, entry))

    follower = Follower(open_journal(where))
    follower.listen(hear)
    read = follower.catch_up()
    if read < number:
        raise SettingsError(f"there is no entry {number}: the journal has {read}")
    undo = found[0] if found else None
    if undo is None:
        raise SettingsError(
            f"entry {number} changed nothing that could be taken back: pauses, pins, bounds, values and stops can be"
        )
    change = undo(follower.population)
    if change is None:
        raise SettingsError(f"nothing that entry {number} changed is in force any longer: it was changed again since")
    return change


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user of this number
        return "somebody"
