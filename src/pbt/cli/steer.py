"""``pbt steer``: change a population while it trains."""

from __future__ import annotations

import click

from pbt.cli.options import MemberId, Whole, assigned
from pbt.cli.steering import former, told
from pbt.population import changes

_MEMBERS = click.argument("members", nargs=-1, type=MemberId(), metavar="[MEMBER]…")


@click.group("steer", context_settings={"max_content_width": 110})
@click.argument("where", metavar="WHERE")
@click.pass_context
def command(context: click.Context, where: str) -> None:
    """Change the population at WHERE (a folder or a URL) while it trains.

    \b
    pbt steer runs/digits set 3 lr=0.001 --why "diverges"     hyperparameters of member 3
    pbt steer runs/digits pause                               all members, until: resume
    pbt steer runs/digits clone 0 --into 7                    member 0's weights, for member 7
    pbt steer runs/digits pin best                            keep a checkpoint
    pbt steer runs/digits undo 412                            take back what entry 412 changed

    Each says what it would do, and asks before it writes that into the journal, with who and why. If the population
    has moved on meanwhile so that the effect is another one, it shows that and asks again. What becomes of members
    is a decision like any other: their workers learn of it as they report. To give a member the weights of any
    checkpoint that is kept: pbt fork.
    """  # noqa: D301
    context.obj = where


@command.command("set", short_help="Set hyperparameters of members.")
@click.argument("words", nargs=-1, required=True, metavar="MEMBER… NAME=VALUE…")
@told
def set_(words: tuple[str, ...]) -> changes.Change:
    """Set hyperparameters of members; they keep the others, and their weights.

    \b
    pbt steer runs/digits set 3 lr=0.001
    pbt steer runs/digits set 0 1 2 lr=0.001 batch=64
    """  # noqa: D301
    members = [word for word in words if "=" not in word]
    if not members or not all(word.isascii() and word.isdigit() for word in members):
        raise click.UsageError("name members by their ids, then what to set: set 3 lr=0.001")
    values = dict(assigned(word, "set") for word in words if "=" in word)
    return changes.Assign(tuple(map(int, members)), values)


@command.command("clone", short_help="Give a member another one's weights and hyperparameters, now.")
@click.argument("parent", type=MemberId())
@click.option("--into", "member", type=MemberId(), required=True, help="The member that is replaced.")
@click.option("--explore", is_flag=True, help="Perturb the hyperparameters, as in an exploit.")
@told
def clone(parent: int, member: int, explore: bool) -> changes.Change:
    """Give a member the current weights and hyperparameters of PARENT, now."""
    return changes.Clone(parent, member, explore)


@command.command("stop", short_help="Train members no further.")
@_MEMBERS
@click.option("--all", "every", is_flag=True, help="All members: the population is finished then.")
@told
def stop(members: tuple[int, ...], every: bool) -> changes.Change:
    """Train members no further. Their checkpoints stay, and revive takes them up again."""
    if bool(members) == every:
        raise click.UsageError("name members, or say --all")
    return changes.Stop(members)


@command.command("pause", short_help="Have members wait at their next report that is due.")
@_MEMBERS
@told
def pause(members: tuple[int, ...]) -> changes.Change:
    """Have members (without ids, all) wait at their next report that is due.

    Nothing is decided on a paused member, and no worker takes it up. Behind a barrier all others wait for it.
    """
    return changes.Pause(members)


@command.command("resume", short_help="Have paused members go on.")
@_MEMBERS
@told
def resume(members: tuple[int, ...]) -> changes.Change:
    """Have paused members (without ids, all) go on; what was put off is decided at once."""
    return changes.Resume(members)


@command.command("revive", short_help="Train stopped or failed members again.")
@_MEMBERS
@told
def revive(members: tuple[int, ...]) -> changes.Change:
    """Train stopped members on, and give failed ones (without ids, all of those) another beginning."""
    return changes.Revive(members)


@command.command("pin", short_help="Keep a checkpoint until it is unpinned.")
@click.argument("checkpoint")
@told
def pin(checkpoint: str) -> changes.Change:
    """Keep CHECKPOINT (an id such as 3/1-5, best, or a member's id for its current one) until it is unpinned."""
    return changes.Pin(checkpoint)


@command.command("unpin")
@click.argument("checkpoint")
@told
def unpin(checkpoint: str) -> changes.Change:
    """Keep CHECKPOINT no longer than anybody needs it."""
    return changes.Unpin(checkpoint)


@command.command("bound")
@click.argument("name")
@click.option("--low", type=float, help="The lower bound.  [default: as it is]")
@click.option("--high", type=float, help="The upper bound.  [default: as it is]")
@told
def bound(name: str, low: float | None, high: float | None) -> changes.Change:
    """Move the bounds of hyperparameter NAME, a range of numbers.

    Members keep the values that they have; what is explored from then on lies inside.
    """
    if low is None and high is None:
        raise click.UsageError("say --low, --high, or both")
    return changes.Bound(name, low, high)


@command.command("steps")
@click.argument("steps", type=Whole())
@told
def steps(steps: int) -> changes.Change:
    """Raise the number of STEPS that each member is to do."""
    return changes.Steps(steps)


@command.command("undo", short_help="Take back what an entry of the journal changed.")
@click.argument("entry", type=click.IntRange(min=1))
@told
def undo(entry: int) -> changes.Change:
    """Take back what ENTRY of the journal changed; former values and bounds are set again."""
    where: str = click.get_current_context().obj
    return former(where, entry)
