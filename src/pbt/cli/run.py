"""``pbt run``: a population with workers on this machine."""

from __future__ import annotations

from typing import Any

import click

from pbt.cli.launching import Machine, launch
from pbt.cli.options import Whole, asked_for, duration, settings_options
from pbt.disk import stdio
from pbt.opening.folder import KINDS


class _Run(click.Command):
    """Says what is wrong about ``--``, which divides FOLDER from COMMAND.

    Without it, `pbt run -- python train.py` would train `train.py` in a folder named `python`.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        before = args[: args.index("--")] if "--" in args else None
        try:
            rest = super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if before is not None:
                raise
            raise click.UsageError(
                f"{error.format_message()} An option of COMMAND stands after --: pbt run runs/mine -- python train.py "
                f"{error.option_name} …",
                ctx,
            ) from None
        if before is not None and not ctx.resilient_parsing and ctx.params["where"] not in before:
            raise click.UsageError(
                "no FOLDER before --; name the one in which to train: pbt run runs/mine -- python train.py", ctx
            )
        return rest


@click.command("run", cls=_Run, context_settings={"ignore_unknown_options": False})
@settings_options
@click.option("--workers", type=Whole(), help="Processes at once.  [default: members, at most the number of cores]")
@click.option("--gpus", help='GPUs to deal out to the workers: "0,1,2,3".  [default: leave them alone]')
@click.option(
    "--stall",
    type=duration,
    metavar="TIME",
    help="End and restart a worker that says nothing for so long, such as 30m.",
)
@click.option(
    "--journal",
    "kind",
    type=click.Choice(KINDS),
    help="How a new folder keeps its journal: files can be "
    "shared by machines.  [default: $PBT_JOURNAL, else files on a network file system]",
)
@click.option("--plain", is_flag=True, help="Lines instead of the live table (as when the output is no terminal).")
@click.argument("where", metavar="FOLDER")
@click.argument("arguments", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    where: str, arguments: tuple[str, ...], workers: int | None, gpus: str | None, stall: float | None,
    kind: str | None, plain: bool, **given: Any,
) -> int:  # fmt: skip
    """Train a population with workers on this machine.

    FOLDER is where the population lives; started again on the same folder, it goes on where it stood.
    Instead of a folder, the URL of a server's population can be given. COMMAND is what each worker runs,
    a script that uses pbt.turns or pbt.join; options given here override the script's settings.

    \b
    pbt run --members 8 --steps 200 runs/digits -- python train.py --data digits.npz
    pbt run --members 16 --workers 4 --gpus 0,1,2,3 --space space.toml --maximize runs/big -- python train.py

    Ctrl-C asks the workers to save and end; twice ends them at once. Exit codes: 0 finished, 1 a member or
    every worker failed for good, 130 interrupted.
    """  # noqa: D301
    stdio.forgive("stdout")
    asked = asked_for(**given)
    if given["warm_start"] is not None:  # what it gave is recorded, and may be another when the run goes on
        return launch(where, arguments, asked, Machine(workers, gpus, stall, kind, plain), ("initial", "strategy"))
    return launch(where, arguments, asked, Machine(workers, gpus, stall, kind, plain))
