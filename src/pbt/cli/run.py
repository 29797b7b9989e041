"""``pbt run``: a population with workers on this machine."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace
from rich.console import Console

from pbt.checkpoints.location import names_server as is_store
from pbt.cli.options import Whole, asked_for, duration, settings_options
from pbt.coordinator.answer import Answer, answer
from pbt.coordinator.follower import Follower
from pbt.coordinator.steering import revive, train_longer
from pbt.disk import stdio
from pbt.errors import Conflict, PBTError, SettingsError
from pbt.launchers.command import refused
from pbt.launchers.local import LocalRun, command_of
from pbt.launchers.logs import fresh_logs
from pbt.launchers.workers import environment
from pbt.opening.folder import KINDS, path_of
from pbt.opening.opening import Opened, names_server, open_population
from pbt.population.entries import Created
from pbt.population.lineage import Lineage
from pbt.settings import Wanted, compare
from pbt.views.live import LiveView
from pbt.views.summary import report_of
from pbt.worker.checkpointer import StillReferenced

_NOTHING_LEFT = (
    "{where} is finished: nothing was trained now. Train on with a larger --steps, or begin anew in another folder."
)


class _Run(click.Command):
    """Without it, `pbt run -- python train.py` would train `train.py` in a folder named `python`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        before = args[: args.index("--")] if "--" in args else None
        rest = super().parse_args(ctx, args)
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
    if workers is not None and workers < 1:
        raise SettingsError(f"--workers {workers}: at least 1")
    dealt = [name for g in (gpus or "").split(",") if (name := g.strip())]
    if gpus is not None and not dealt:
        raise SettingsError(f"--gpus {gpus!r}: name the GPUs, such as 0,1,2,3")
    if asked.checkpoints is not None and is_store(asked.checkpoints):
        from pbt.checkpoints.objects import backend

        backend(asked.checkpoints)  # refuses what no worker could use, before anything is made
    started = command_of(arguments)
    refusal = refused(started, environment(0, 1, ()))
    if refusal is not None and not names_server(where) and not path_of(where).exists():
        raise refusal
    opened = open_population(where, kind)
    follower, lineage = Follower(opened.journal), Lineage()
    follower.listen(lineage.follow)
    console = Console(stderr=True, markup=False, emoji=False)
    screen = LiveView(console, follower, lambda: f"{run.active} of {count} workers", plain)
    follower.catch_up()
    if refusal is not None and not follower.finished:
        raise refusal
    if follower.exists:
        if given["warm_start"] is not None:  # what it gave then is recorded, and may be another today
            asked = replace(asked, initial=None, strategy=None).commanded()
        _agree(opened, asked)
        revive(opened.coordinator, follower.population)
    else:
        follower.listen(lambda _, entry, __: _agree(opened, asked) if isinstance(entry.event, Created) else None)
        if asked.space is not None:
            opened.coordinator.create(asked)
    follower.catch_up()
    if follower.finished:
        console.print(_NOTHING_LEFT.format(where=opened.where), highlight=False, soft_wrap=True)
        return _conclude(opened, follower, lineage, console, opened.logs / "run")
    if refusal is not None:
        raise refusal
    logs = _fresh_logs(opened)
    cores = os.cpu_count() or 1
    count = min(asked.members or len(follower.members) or cores, cores) if workers is None else workers
    run = LocalRun(
        opened.where, started, workers=count, settings=asked, follower=follower, coordinator=opened.coordinator,
        logs=logs, stall=stall, gpus=dealt,
        say=lambda text: console.print(text, highlight=False, soft_wrap=True),
    )  # fmt: skip
    with screen:
        run.run(screen.show)
    if run.interrupted:
        again = shlex.join(["pbt", *sys.argv[1:]])
        console.print(f"interrupted; go on from here with: {again}", highlight=False, soft_wrap=True)
        return 130
    return _conclude(opened, follower, lineage, console, logs, run.failures)


def _agree(opened: Opened, asked: Wanted) -> None:
    """Compare with the population as it exists now; raise its steps where more are asked for."""
    settings = opened.coordinator.create(Wanted())
    if asked.steps is not None and settings.steps is not None and asked.steps > settings.steps:
        train_longer(opened.coordinator, asked.steps)
        settings = replace(settings, steps=asked.steps)
    compare(settings, asked, str(opened.where), launching=True)


def _fresh_logs(opened: Opened) -> Path:
    try:
        return fresh_logs(opened.logs)
    except OSError as error:
        raise SettingsError(f"{opened.logs} can not hold the workers' output: {error.strerror}") from None


def _conclude(
    opened: Opened, follower: Follower, lineage: Lineage, console: Console, logs: Path, failures: Sequence[str] = ()
) -> int:
    if not follower.exists:
        _show_failures(failures, console)
        told = "no worker created the population: does the script call pbt.turns or pbt.join?"
        console.print(told, style="red", highlight=False, soft_wrap=True)
        return 1
    population = follower.population
    if population.finished:
        _sweep(opened, follower, console)
    report = report_of(population, lineage, opened.where, logs)
    Console(markup=False, emoji=False).print(report, highlight=False, soft_wrap=True)
    _show_failures(failures, console)
    return 0 if population.finished and not any(m.failed for m in population.members) else 1


def _sweep(opened: Opened, follower: Follower, console: Console) -> None:
    """Delete every unreferenced checkpoint; the last report has tried, but some worker may have died since."""

    def stand() -> Answer:
        follower.catch_up()
        return answer(follower.population, 0, 0)

    try:
        store = opened.store(follower.population.settings.checkpoints)
        if store is not None:
            store.sweep(StillReferenced(stand), stagings=True)
    except Conflict:  # another launcher raised its steps meanwhile
        return
    except PBTError as error:
        console.print(f"unreferenced checkpoints may be left: {error}", style="yellow", highlight=False)


def _show_failures(failures: Sequence[str], console: Console) -> None:
    for failure in failures:
        console.print(f"FAILED: {failure}", style="red", highlight=False, soft_wrap=True)
