"""``pbt fetch``: a trained model, copied to where you want it."""

from __future__ import annotations

from pathlib import Path

import click

from pbt.opening.fetching import fetch
from pbt.views.table import number_text


@click.command("fetch")
@click.argument("where", metavar="WHERE")
@click.argument("member", required=False, type=click.IntRange(min=0))
@click.option(
    "--to", required=True, type=click.Path(path_type=Path), metavar="DIR", help="A new folder for the checkpoint."
)
def command(where: str, member: int | None, to: Path) -> int:
    """Copy the best checkpoint of the population at WHERE (a folder or a URL), or that of MEMBER, into a new folder.

    \b
    pbt fetch runs/digits --to best                    the best of all so far
    pbt fetch runs/digits 3 --to third                 what member 3 stands at now
    pbt fetch http://host:7777/digits --to best        from a server; the key that only reads is enough

    It is what save= wrote, with pbt.json, which says whose it is, its step, score and hyperparameters. Where
    checkpoints are kept in an object store it comes from there, with the credentials in this shell.

    The copy is checked, and is there whole or not at all. Nothing is overwritten: DIR must not exist. It can be
    called while workers train.
    """  # noqa: D301
    found = fetch(where, member, to)
    came = f"member {found.member} at step {found.step}, score {number_text(found.score)}"
    if member is None:
        whose = "the best checkpoint, "
    elif found.member != member:
        whose = f"what member {member} has taken over and stands at, "
    else:
        whose = ""
    click.echo(f"wrote {to}: {whose}{came}")
    return 0
