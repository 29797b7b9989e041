"""``pbt fork``: give a member the weights of a checkpoint that is kept, with hyperparameters of one's own."""

from __future__ import annotations

import click

from pbt.cli.options import MemberId, assigned
from pbt.cli.steering import told
from pbt.population.changes import Change, Fork


@click.command("fork")
@click.argument("where", metavar="WHERE")
@click.argument("checkpoint")
@click.option("--into", "member", type=MemberId(), required=True, help="The member that is replaced.")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="A hyperparameter (repeat for more).")
@told
def command(checkpoint: str, member: int, values: tuple[str, ...]) -> Change:
    """Branch a kept checkpoint of the population at WHERE (a folder or a URL) onto a member.

    \b
    pbt fork runs/digits best --into 7 --set lr=0.001 --why "a lower rate from the best"
    pbt fork runs/digits 3/2-15 --into 7                  an older checkpoint, if it is pinned
    pbt fork http://host:7777/digits 3 --into 3 --yes     member 3 begins again from its last one

    CHECKPOINT is an id, as in the journal; best; or a member's id, for its current one. Kept are each member's current
    checkpoint and the one before, the best, and those that are pinned (pbt steer WHERE pin). The member goes on from
    there with the checkpoint's hyperparameters, or those given; what it had learnt itself since is lost.

    It says what it would do and asks, as pbt steer does; a program that proposes says --json, and --yes.
    """  # noqa: D301
    return Fork(checkpoint, member, dict(assigned(word, "--set") for word in values))
