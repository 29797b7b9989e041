"""``pbt export``: reports and decisions as files for other programs."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from pbt.cli.progress import Telling
from pbt.errors import counted, sized
from pbt.exports.export import export
from pbt.exports.files import FORMATS
from pbt.exports.report import report
from pbt.opening.opening import name_of, open_journal


@click.command("export")
@click.argument("where", metavar="WHERE")
@click.option("--format", "form", type=click.Choice([*FORMATS, "html"]), required=True,
              help="Parquet needs pyarrow: pip install 'pbtrain[parquet]'.")  # fmt: skip
@click.option("--to", metavar="PATH", type=click.Path(path_type=Path),
              help="A folder, made if need be; for html a file.  [default: NAME-export, NAME.html]")  # fmt: skip
def command(where: str, form: str, to: Path | None) -> int:
    """Write all reports and decisions of the population at WHERE (a folder or a URL) into files.

    FOLDER/reports.FORMAT has a row for each report, FOLDER/decisions.FORMAT one for each decision with its reason;
    the columns are in docs/home.md. It only reads the population, and holds some rows at a time.

    --format html writes the page instead (pbt ui), with what it shows of this population: one file, which opens in any
    browser and asks no server.

    \b
    pbt export runs/first --format html
    pbt export runs/first --format csv
    pbt export http://host:7777/first --format parquet --to first
    """  # noqa: D301
    name = name_of(where)
    with Telling(Console(stderr=True)) as telling:
        if form == "html":
            file = to or Path(f"{name}.html")
            size = report(open_journal(where), name, file, telling.tell)
            click.echo(f"wrote {file}: {sized(size)}, to open in a browser")
            return 0
        to = to or Path(f"{name}-export")
        done = export(open_journal(where), to, form, telling.tell)
    click.echo(f"wrote {done.reports}: {counted(done.rows[0], 'report')}")
    click.echo(f"wrote {done.decisions}: {counted(done.rows[1], 'decision')}")
    return 0
