"""``pbt lineage``: the family tree in text."""

from __future__ import annotations

import click
import msgspec
from rich.console import Console

from pbt.cli.options import Whole
from pbt.cli.progress import followed
from pbt.disk import stdio
from pbt.errors import counted
from pbt.views.family import family, family_json, family_lines, way_lines, way_of
from pbt.views.followed import Followed
from pbt.views.tree import LEAST

_WIDE, _ROWS = 200, 40


@click.command("lineage")
@click.argument("where", metavar="WHERE")
@click.option("--member", type=Whole(), help="Put its lineage on top, and tell it in words.  [default: the best's]")
@click.option(
    "--rows", type=Whole(LEAST), default=_ROWS, show_default=True, help="Rows at most; the rest is told as one."
)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, for programs.")
def command(where: str, member: int | None, rows: int, as_json: bool) -> int:
    """The family tree of the population at WHERE (a folder or a URL): who took over whose weights, and when.

    Each row is a living member, steps go from left to right. What died out is left out. On top, bold, is the lineage
    of the best checkpoint.

    \b
    pbt lineage runs/first
    pbt lineage runs/first --member 3
    """  # noqa: D301
    stdio.forgive("stdout")
    seen = followed(where)
    console = Console()
    found = family(seen, min(_WIDE, console.width), rows, member)
    if as_json:
        way = [] if member is None else way_of(seen, member)
        click.echo(msgspec.json.encode({"entry": seen.entry, "tree": family_json(found), "way": way}))
        return 0
    lines = list(family_lines(seen, found, min(_WIDE, console.width)))
    lines += ["", *_summary(seen)]
    if member is not None:
        lines += ["", f"the way to member {member}", *way_lines(way_of(seen, member), console.width)]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return 0


def _summary(seen: Followed) -> list[str]:
    population = seen.population
    ancestor = seen.lineage.common_ancestor([m.id for m in population.members if not m.failed])
    said = f"{counted(len(population.members), 'member')}, {counted(seen.exploits, 'exploit')}"
    if ancestor is not None:
        said += f"; all descend from member {ancestor[0].member} at step {ancestor[1]:,}"
    return [said]
