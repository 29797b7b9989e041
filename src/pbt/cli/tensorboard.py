"""``pbt tensorboard``: scores and hyperparameters as TensorBoard files."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from pbt.errors import counted
from pbt.exports.tensorboard import EventFiles
from pbt.exports.tracking import track
from pbt.opening.opening import open_journal


@click.command("tensorboard")
@click.argument("where", metavar="WHERE")
@click.option("--logdir", required=True, type=click.Path(path_type=Path), help="Folder for the event files.")
@click.option("--follow", is_flag=True, help="Go on writing while the population trains; ends with it.")
def command(where: str, logdir: Path, follow: bool) -> int:
    """Write TensorBoard files of the population at WHERE (a folder or a URL), one run a member.

    Each has the score and every hyperparameter over the member's steps, and of members that are done the last
    hyperparameters in the tab HPARAMS. Called again, it goes on where it stopped. Look at them with:
    tensorboard --logdir DIR
    """
    population = track(open_journal(where), EventFiles(logdir), follow)
    click.echo(
        f"{counted(population.reports, 'report')} of {counted(len(population.members), 'member')}; look at them with: "
        + shlex.join(["tensorboard", "--logdir", str(logdir)])
    )
    return 0
