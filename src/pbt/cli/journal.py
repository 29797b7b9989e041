"""``pbt journal``: everything that happened, as JSON lines."""

from __future__ import annotations

import sys
import time

import click

from pbt.cli.options import Whole
from pbt.opening.opening import open_journal


@click.command("journal")
@click.argument("where", metavar="WHERE")
@click.option("--after", type=Whole(0), default=0, show_default=True, help="Begin after this entry number.")
@click.option("--follow", is_flag=True, help="Go on printing as entries come.")
def command(where: str, after: int, follow: bool) -> int:
    """Print the journal of the population at WHERE (a folder or a URL): one entry a line, the first is entry 1.

    The fields are explained in docs/journal.md.
    """
    journal = open_journal(where)
    while True:
        for body in journal.read(after):
            sys.stdout.buffer.write(body + b"\n")
            after += 1
        sys.stdout.buffer.flush()
        if not follow:
            return 0
        time.sleep(0.5)
