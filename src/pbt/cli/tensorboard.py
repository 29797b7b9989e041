"""``pbt tensorboard``: scores and hyperparameters as TensorBoard files."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import click

from pbt.coordinator.follower import Follower
from pbt.opening.opening import open_journal
from pbt.views.tensorboard import EventFiles


@click.command("tensorboard")
@click.argument("where", metavar="WHERE")
@click.option("--logdir", required=True, type=click.Path(path_type=Path), help="Folder for the event files.")
@click.option("--follow", is_flag=True, help="Go on writing while the population trains; ends with it.")
def command(where: str, logdir: Path, follow: bool) -> int:
    """Write TensorBoard files of the population at WHERE (a folder or a URL), one run a member.

    Each has the score and every hyperparameter over the member's steps. Called again, it goes on where it
    stopped. Look at them with: tensorboard --logdir DIR
    """
    follower = Follower(open_journal(where))
    files = EventFiles(logdir)
    follower.listen(files.hear)
    try:
        while True:
            follower.catch_up()
            files.flush()
            if not follow or follower.finished:
                break
            time.sleep(2)
    finally:
        files.close()
    reports = follower.population.reports
    click.echo(
        f"{reports} reports of {len(follower.members)} members; look at them with: "
        + shlex.join(["tensorboard", "--logdir", str(logdir)])
    )
    return 0
