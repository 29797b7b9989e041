"""``pbt export``: reports and decisions as files for other programs."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from pbt.cli.progress import Telling
from pbt.exports.export import export
from pbt.exports.files import FORMATS
from pbt.opening.opening import name_of, open_journal


@click.command("export")
@click.argument("where", metavar="WHERE")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), required=True,
              help="Parquet needs pyarrow: pip install 'pbtrain[parquet]'.")  # fmt: skip
@click.option("--to", "folder", metavar="FOLDER", type=click.Path(path_type=Path),
              help="Where to write; it is made if need be.  [default: NAME-export]")  # fmt: skip
def command(where: str, form: str, folder: Path | None) -> int:
    """Write all reports and decisions of the population at WHERE (a folder or a URL) into two files.

    FOLDER/reports.FORMAT has a row for each report, FOLDER/decisions.FORMAT one for each decision with its reason;
    the columns are in docs/home.md. It only reads the population, and holds some rows at a time.

    \b
    pbt export runs/first --format csv
    pbt export http://host:7777/first --format parquet --to first
    """  # noqa: D301
    to = folder or Path(f"{name_of(where)}-export")
    with Telling(Console(stderr=True)) as telling:
        done = export(open_journal(where), to, form, telling.tell)
    click.echo(f"wrote {done.reports}: {done.rows[0]:,} reports")
    click.echo(f"wrote {done.decisions}: {done.rows[1]:,} decisions")
    return 0
