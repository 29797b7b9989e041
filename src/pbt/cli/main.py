"""``pbt``: the command line's entry."""

from __future__ import annotations

import difflib
import errno
import importlib
import logging
import sys
from typing import Any

import click

from pbt.disk import stdio
from pbt.errors import PBTError

GROUPS = {
    "Train": {
        "demo": ("pbt.cli.demo", "Watch a population learn handwritten digits, and see what it found."),
        "run": ("pbt.cli.run", "Train a population with workers on this machine."),
        "serve": ("pbt.cli.serve", "Serve populations over HTTP to workers on other machines."),
        "steer": ("pbt.cli.steer", "Change a population while it trains: pause, set, clone, pin, bound, undo, …"),
        "fork": ("pbt.cli.fork", "Branch a kept checkpoint onto a member, with hyperparameters of your own."),
    },
    "Look": {
        "ui": ("pbt.cli.ui", "Show populations in the browser."),
        "status": ("pbt.cli.status", "How a population stands."),
        "watch": ("pbt.cli.watch", "A population as it trains, live: curves, exploits and their reasons."),
        "lineage": ("pbt.cli.lineage", "The family tree: who took over whose weights, when and why."),
        "explain": (
            "pbt.cli.explain",
            "What its strategy does and would do better with, or why it decided so.",
        ),
        "compare": ("pbt.cli.compare", "Populations side by side: settings, scores, exploits, schedules."),
        "plot": ("pbt.cli.plot", "Draw scores with the lineage of the best, and the schedule, as a picture."),
        "doctor": ("pbt.cli.doctor", "What is wrong with a population, and what to do about it."),
        "journal": ("pbt.cli.journal", "Everything that happened to a population, as JSON lines."),
    },
    "Take home": {
        "schedule": ("pbt.cli.schedule", "The hyperparameters over steps that it found, to take along."),
        "replay": ("pbt.cli.replay", "Train with that schedule from fresh seeds: how much of the result was luck."),
        "fetch": ("pbt.cli.fetch", "Copy the best checkpoint, or a member's, into a folder of your own."),
        "export": (
            "pbt.cli.export",
            "All reports and decisions as Parquet, CSV or JSON lines; the page as one HTML file.",
        ),
        "track": ("pbt.cli.track", "A population in MLflow, Weights & Biases or TensorBoard."),
        "tensorboard": ("pbt.cli.tensorboard", "Write scores and hyperparameters as TensorBoard files."),
    },
}
"""Commands by what they are for: the module of each, and a line on it."""
COMMANDS = {name: said for commands in GROUPS.values() for name, said in commands.items()}
_WIDEST = max(map(len, COMMANDS))
_OUTPUT = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""Errors that writing to the output may raise; commands that train or serve never do."""


class Commands(click.Group):
    """Commands that are imported when they are called, so that ``--help`` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named, or a usage error with those that are named nearly so."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS)
            hint = f"did you mean {' or '.join(near)}?" if near else "pbt --help lists them"
            ctx.fail(f"No such command {name!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A line each, without importing them."""
        for group, commands in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(name.ljust(_WIDEST), text) for name, (_, text) in commands.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pbtrain", prog_name="pbt")
@click.option("-v", "--verbose", is_flag=True, help="Say more of what is going on.")
def pbt(verbose: bool) -> None:
    """Population-based training: N models train side by side, bad ones take over weights and hyperparameters
    from good ones and explore from there.

    \b
    A first look:        pbt demo
    Your own script:     pbt run --members 8 --steps 200 runs/mine -- python train.py
    How it stands:       pbt ui runs/mine           (in the terminal: pbt status runs/mine)
    Several machines:    pbt serve runs/            (then PBT_URL=http://host:7777/mine python train.py)

    A training script joins a population with pbt.turns or pbt.join; see the README.
    """  # noqa: D205, D301
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(message)s")


def main(arguments: list[str] | None = None, **options: Any) -> None:
    """Run the command line; errors made for users are shown without a traceback."""
    stdio.hold()
    stdio.soften()
    stdio.forgive("stderr")
    try:
        code = pbt.main(arguments, prog_name="pbt", standalone_mode=False, **options)
        sys.stdout.flush()
    except PBTError as error:
        click.echo(f"pbt: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except OSError as error:
        if error.errno not in _OUTPUT:
            raise
        stdio.forgive("stdout")
        if error.errno != errno.EPIPE:
            click.echo(f"pbt: the output can not be written: {error.strerror}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
