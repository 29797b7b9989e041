"""``pbt plot``: a population as a picture."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from pbt.cli.progress import Telling
from pbt.errors import counted
from pbt.opening.opening import name_of, names_server, open_journal
from pbt.views.pictures import ALL, FAMILY, check_picture, draw


@click.command("plot")
@click.argument("where", metavar="WHERE")
@click.option(
    "--to",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A .png, .svg or .pdf file, written over "
    "if it is there.  [default: NAME.png, after the last part of WHERE; with --family NAME-family.png]",
)
@click.option("--out", "former", hidden=True, type=click.Path(path_type=Path))
@click.option("--family", is_flag=True, help="Draw who descends from whom instead.")  # fmt: skip
def command(where: str, to: Path | None, former: Path | None, family: bool) -> int:
    """Draw the population at WHERE (a folder or a URL): scores over steps, and hyperparameters over steps.

    \b
    Above: every member's scores as reported (more than 64 members as bands), with the lineage that led to
           the best one, where it took over weights, and what became of that member afterwards.
    Below: for each explored hyperparameter, the schedule along that lineage, before what the middle half
           (25 to 75 %) of all members used; of ordinals and choices, how many members used each value.

    \b
    With --family:
    Above: the family tree of the living members, coloured by score, the best one's lineage straight on top.
    Below: the shares of clades (what descends from one beginning), each around those that arose within it.

    It only reads, and can be called at any time, while the population trains too; a key that only reads is
    enough. Needs matplotlib: pip install 'pbtrain[plot]'

    \b
    pbt plot runs/first                        # writes first.png
    pbt plot runs/first --family               # writes first-family.png
    pbt plot http://host:7777/first --to first.svg
    """  # noqa: D301
    from pbt.views.history import History

    path = to or former or Path(f"{name_of(where)}{'-family' if family else ''}.png")
    check_picture(path)
    with Telling(Console(stderr=True)) as telling:
        history = History.read(open_journal(where), telling.tell)
        telling.say("drawing …")
        title = where.partition("#")[0].rpartition("@")[2] if names_server(where) else where
        draw(history, path, title, parts=FAMILY if family else ALL)
    population = history.population
    reports, members = counted(population.reports, "report"), counted(len(population.members), "member")
    click.echo(f"wrote {path}: {reports} of {members}")
    return 0
