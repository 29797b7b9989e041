"""``pbt plot``: a population as a picture."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from pbt.cli.progress import Telling
from pbt.opening.opening import name_of, names_server, open_journal
from pbt.views.pictures import check_picture, draw


@click.command("plot")
@click.argument("where", metavar="WHERE")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="A .png, .svg or .pdf file, written over "
              "if it is there.  [default: NAME.png, after the last part of WHERE]")  # fmt: skip
def command(where: str, out: Path | None) -> int:
    """Draw the population at WHERE (a folder or a URL): scores over steps, and hyperparameters over steps.

    \b
    Above: every member's scores as reported (more than 64 members as bands), with the lineage that led to
           the best one, where it took over weights, and what became of that member afterwards.
    Below: for each explored hyperparameter, the schedule along that lineage, before what the middle half
           (25 to 75 %) of all members used; of ordinals and choices, how many members used each value.

    It only reads, and can be called at any time, while the population trains too; a key that only reads is
    enough. Needs matplotlib: pip install 'pbtrain[plot]'

    \b
    pbt plot runs/first                        # writes first.png
    pbt plot http://host:7777/first --out first.svg
    """  # noqa: D301
    from pbt.views.history import History

    path = out or Path(f"{name_of(where)}.png")
    check_picture(path)
    with Telling(Console(stderr=True)) as telling:
        history = History.read(open_journal(where), telling.tell)
        telling.say("drawing …")
        draw(history, path, where.partition("#")[0].rpartition("@")[2] if names_server(where) else where)
    click.echo(f"wrote {path}: {history.population.reports:,} reports of {len(history.population.members)} members")
    return 0
