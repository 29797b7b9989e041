"""``pbt track``: a population in MLflow, Weights & Biases or TensorBoard."""

from __future__ import annotations

from pathlib import Path

import click

from pbt.errors import SettingsError, counted
from pbt.exports.tracking import Listens, Tracking, track
from pbt.opening.opening import name_of, open_journal

_KINDS = ("mlflow", "wandb", "tensorboard")


@click.command("track")
@click.argument("where", metavar="WHERE")
@click.option("--to", required=True, metavar="KIND://PLACE", help="Where to, as above.")
@click.option("--name", help="Of the experiment or group.  [default: the population's, the last part of WHERE]")
@click.option("--follow", is_flag=True, help="Go on while the population trains; ends with it.")
def command(where: str, to: str, name: str | None, follow: bool) -> int:
    """Tell a tracker of the population at WHERE (a folder or a URL): a run for each member.

    Scores, metrics and hyperparameters are over the member's steps, the lineage is tags. It follows the journal,
    so no report waits for a tracker; called again, it goes on where it stopped.

    \b
    --to mlflow://host:5000         an MLflow server; mlflow:///tmp/ml.db: a database file;
                                    mlflow://: $MLFLOW_TRACKING_URI, else MLflow's own default
    --to wandb://entity/project     Weights & Biases; WANDB_MODE=offline writes below ./wandb
    --to tensorboard://FOLDER       event files, with the final hyperparameters as HPARAMS
    """  # noqa: D301
    kind, separator, place = to.partition("://")
    if not separator or kind not in _KINDS:
        raise SettingsError(f"--to {to}: begin it with {', '.join(f'{kind}://' for kind in _KINDS)}")
    journal = open_journal(where)
    population = track(journal, _tracker(kind, place, name or name_of(where)), follow)
    reports, members = counted(population.reports, "report"), counted(len(population.members), "member")
    click.echo(f"written to {to}: {reports} of {members}")
    return 0


def _tracker(kind: str, place: str, name: str) -> Listens:
    if kind == "mlflow":
        from pbt.exports.mlflow import MLflow, uri_of

        return Tracking(MLflow(uri_of(place), name))
    if kind == "wandb":
        from pbt.exports.wandb import WandB

        return Tracking(WandB(place, name))
    from pbt.exports.tensorboard import EventFiles

    if not place:
        raise SettingsError("--to tensorboard://FOLDER: name the folder")
    return EventFiles(Path(place).expanduser())
