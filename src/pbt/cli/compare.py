"""``pbt compare``: populations side by side."""

from __future__ import annotations

import click
import msgspec
from rich.console import Console

from pbt.cli.progress import Telling
from pbt.coordinator.follower import Follower
from pbt.disk import stdio
from pbt.errors import Uncreated
from pbt.opening.opening import open_journal
from pbt.views.comparison import Side, comparison, comparison_lines


@click.command("compare")
@click.argument("wheres", metavar="WHERE WHERE...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, for programs.")
def command(wheres: tuple[str, ...], as_json: bool) -> int:
    """Compare populations (folders or URLs): best scores, exploits, the settings that differ, the schedules found.

    The best of them has a star. A difference between two single populations may be chance: compare several seeds.

    \b
    pbt compare runs/first runs/second
    """  # noqa: D301
    stdio.forgive("stdout")
    if len(wheres) < 2:
        raise click.UsageError("name at least two populations to compare")
    sides = [Side(where) for where in wheres]
    with Telling(Console(stderr=True)) as telling:
        for side in sides:
            follower = Follower(open_journal(side.where))
            follower.listen(side.hear)
            while follower.catch_up(1000) == 1000:
                telling.tell(follower.population.count)
            if not follower.exists:
                raise Uncreated(f"{side.where}: nothing was created here yet: there is nothing to compare")
    if as_json:
        click.echo(msgspec.json.encode(comparison(sides)))
        return 0
    console = Console()
    for line in comparison_lines(sides, console.width):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return 0
