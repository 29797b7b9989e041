"""``pbt schedule``: the hyperparameters over steps that a population found."""

from __future__ import annotations

import click

from pbt.cli.options import Whole
from pbt.schedules.schedule import Schedule
from pbt.schedules.texts import TEXTS


@click.command("schedule")
@click.argument("where", metavar="WHERE")
@click.option("--member", type=Whole(), help="That of a member's lineage, up to how it stands.  [default: the best's]")
@click.option("--format", "form", type=click.Choice(list(TEXTS)), default="toml", show_default=True,
              help="Python is for pasting; the others are read by pbt.Schedule.load.")  # fmt: skip
def command(where: str, member: int | None, form: str) -> int:
    """Print the schedule that the population at WHERE (a folder or a URL) found: hyperparameters over steps.

    It is what led to the best checkpoint: each piece holds from its step to the next one's. WHERE may also be a file
    that this command wrote, to have it in another format.

    \b
    pbt schedule runs/first > first.toml
    pbt schedule runs/first --member 3 --format python
    """  # noqa: D301
    click.echo(TEXTS[form](Schedule.load(where, member)).encode(), nl=False)
    return 0
