"""Options that ask for settings, shared by the commands that may create a population."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import msgspec

from pbt.errors import UNREADABLE, SettingsError
from pbt.settings import Wanted, wanted
from pbt.space.numbers import whole
from pbt.space.reading import read_space

WARMTH = ("configurations", "intervals", "schedule")
"""What an earlier population can give to a new one."""
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


F = TypeVar("F", bound=Callable[..., Any])


class Whole(click.ParamType):  # type: ignore[type-arg]
    """A whole number, such as 1000000, 1_000_000 or 1e6.

    Args:
        least: the smallest that is taken; None: the settings say what they take.
    """

    name = "integer"

    def __init__(self, least: int | None = None) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number, or a usage error."""
        found = self._read(value, param, ctx)
        if self._least is not None and found < self._least:
            self.fail(f"{found}: at least {self._least}", param, ctx)
        return found

    def _read(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return whole(int(value), "it", SettingsError)
        except ValueError:
            pass
        try:
            return whole(float(value), "it", SettingsError)
        except ValueError:
            self.fail(f"{value} is no whole number up to 2**53: write one such as 1000000 or 1e6", param, ctx)


class MemberId(click.ParamType):  # type: ignore[type-arg]
    """A member's id: a whole number from 0 on."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The id, or a usage error; whether there is such a member is the population's to say."""
        if not isinstance(value, int) and not (value.isascii() and value.isdigit()):
            self.fail(f"{value} is no member: write its number, such as 0 or 3", param, ctx)
        return int(value)


OPTIONS = [
    click.option("--members", type=Whole(), help="How many models the population has."),
    click.option("--steps", type=Whole(), help="Steps that each member is to do; larger than before: train on."),
    click.option("--space", type=click.Path(), help="Search space: a .toml or .csv file. Else the script brings it."),
    click.option("--interval", type=Whole(), help="Steps between decisions.  [default: steps / 40]"),
    click.option("--maximize/--minimize", default=None, help="Whether a higher score is better."),
    click.option("--goal", type=float, help="End the run when a score reaches this."),
    click.option("--strategy", help="Strategy by name, or your own as module:Class.  [default: pbt]"),
    click.option("--set", "parameters", multiple=True, metavar="NAME=VALUE",
                 help="A parameter of the strategy, such as quantile=0.25 (repeat for more)."),
    click.option("--warm-start", metavar="WHERE", help="Begin with what an earlier population found: a folder or URL."),
    click.option("--warm-with", type=click.Choice(WARMTH), default="configurations", show_default=True,
                 help="Of it: the best hyperparameters, for half of the members; what intervals gained, for pb2; or "
                 "the best's schedule, which the first member follows."),
    click.option("--synchronous/--asynchronous", default=None, help="Decide for all members at once, at a barrier."),
    click.option("--checkpoints", metavar="URL",
                 help="Keep checkpoints in an object store, such as s3://bucket/prefix.  [default: in the folder]"),
    click.option("--seed", type=Whole(), help="Seed of all of pbt's own draws.  [default: drawn and recorded]"),
]  # fmt: skip


def settings_options(command: F) -> F:
    """Add the options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def asked_for(
    space: str | None, strategy: str | None, parameters: Sequence[str], warm_start: str | None, warm_with: str,
    **given: Any,
) -> Wanted:  # fmt: skip
    """The settings that the options ask for; they win over a script's."""
    named: dict[str, Any] | None = None
    if strategy is not None or parameters:
        named = {"name": strategy or "pbt", **dict(assigned(p, "--set", "quantile=0.25") for p in parameters)}
    given |= {"space": None if space is None else read_space(space), "strategy": named}
    if warm_start is not None:
        given |= _warm(warm_start, warm_with, named or {"name": "pbt"}, given["members"])
    return wanted(**given).commanded()


def _warm(where: str, what: str, strategy: dict[str, Any], members: int | None) -> dict[str, Any]:
    """The settings that an earlier population gives."""
    from pbt.views.run import load

    run = load(where)
    if run.best is None:
        raise SettingsError(f"--warm-start {where}: it has no checkpoint with a finite score, so nothing to begin with")
    if what == "configurations":
        return {"initial": run.configurations(max(1, (members or len(run.members)) // 2))}
    if what == "intervals":
        if not strategy["name"].startswith("pb2"):
            raise SettingsError("--warm-with intervals is for a strategy with a model: add --strategy pb2")
        return {"strategy": {**strategy, "earlier": run.intervals()}}
    return {"strategy": {"name": "follow", "schedule": run.best.schedule, "followers": 1, "then": strategy}}


def assigned(text: str, option: str, example: str = "lr=0.01") -> tuple[str, Any]:
    """The name and the value in NAME=VALUE; what is no JSON is text.

    Raises:
        SettingsError: it has another form; `option` is where it was given.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SettingsError(f"{option} {text}: write NAME=VALUE, such as {example}")
    try:
        return name, msgspec.json.decode(value)
    except UNREADABLE:
        return name, value


def duration(text: str) -> float:
    """Seconds, above 0."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if found is None or float(found[1]) == 0:
        raise click.BadParameter(f"{text!r} is no duration: write 90s, 30m or 2h")
    return float(found[1]) * _UNITS[found[2]]
