"""``pbt run``: a population with workers on this machine."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any

import click
from msgspec.structs import replace
from rich.console import Console

from pbt.checkpoints.setting import is_url as is_store
from pbt.cli.asking import asked_for, settings_options
from pbt.cli.duration import duration
from pbt.coordinator.answer import Answer, answer
from pbt.errors import Conflict, PBTError, SettingsError
from pbt.follow import Follower
from pbt.keeper import StillReferenced
from pbt.launchers.local import LocalRun, command_of
from pbt.launchers.revive import revive, train_longer
from pbt.place import KINDS
from pbt.population.entries import decode
from pbt.settings import Wanted, compare
from pbt.views.screen import Screen
from pbt.views.words import report_of
from pbt.where import Place, open_place

_NOTHING_LEFT = (
    "{where} is finished: nothing was trained now. Train on with a larger --steps, or begin anew in another folder."
)


@click.command("run", context_settings={"ignore_unknown_options": False})
@settings_options
@click.option("--workers", type=int, help="Processes at once.  [default: members, at most the number of cores]")
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
    a script that uses pbt.turns or pbt.join; what is asked for here wins over what the script says.

    \b
    pbt run --members 8 --steps 200 runs/digits -- python train.py --data digits.npz
    pbt run --members 16 --workers 4 --gpus 0,1,2,3 --space space.toml --maximize runs/big -- python train.py

    Ctrl-C asks the workers to save and end; twice ends them at once. Exit codes: 0 finished, 1 a member or
    every worker failed for good, 130 interrupted.
    """  # noqa: D301
    asked = asked_for(**given)
    if workers is not None and workers < 1:
        raise SettingsError(f"--workers {workers}: at least 1")
    if asked.checkpoints is not None and is_store(asked.checkpoints):
        from pbt.checkpoints.objects import backend

        backend(asked.checkpoints)  # refuses what no worker could use, before anything is made
    place = open_place(where, kind)
    follower = Follower(place.journal)
    follower.catch_up()
    if follower.exists:
        asked = _go_on(place, follower, asked)
    elif asked.space is not None:
        place.face.create(asked)
        follower.catch_up()
    cores = os.cpu_count() or 1
    count = min(asked.members or len(follower.members) or cores, cores) if workers is None else workers
    console = Console(stderr=True)
    if follower.finished:
        console.print(_NOTHING_LEFT.format(where=place.where), highlight=False, soft_wrap=True)
    run = LocalRun(
        place.where, command_of(arguments), workers=count, settings=asked, follower=follower, coordinator=place.face,
        logs=place.logs, stall=stall, gpus=[g.strip() for g in gpus.split(",")] if gpus else (),
        say=lambda text: console.print(text, highlight=False, markup=False, soft_wrap=True),
    )  # fmt: skip
    if not follower.finished:
        with Screen(console, follower, lambda: f"{run.active} of {count} workers", plain) as screen:
            run.run(screen.show)
    return _conclude(place, follower, run, console)


def _go_on(place: Place, follower: Follower, asked: Wanted) -> Wanted:
    """Compare with what exists; raise its steps, and try failed members anew, where that is asked for."""
    settings = follower.population.settings
    if asked.steps is not None and settings.steps is not None and asked.steps > settings.steps:
        train_longer(place.face, asked.steps)
        settings = replace(settings, steps=asked.steps)
    compare(settings, asked, str(place.where))
    revive(place.face, follower.population)
    follower.catch_up()
    return asked


def _conclude(place: Place, follower: Follower, run: LocalRun, console: Console) -> int:
    if run.interrupted:
        again = shlex.join(["pbt", *sys.argv[1:]])
        console.print(f"interrupted; go on from here with: {again}", highlight=False, markup=False, soft_wrap=True)
        return 130
    if not follower.exists:
        _show_failures(run, console)
        console.print("[red]no worker created the population: does the script call pbt.turns or pbt.join?")
        return 1
    population = follower.population
    if population.finished:
        _sweep(place, follower, console)
    entries = [decode(body) for body in place.journal.read(0)]
    Console().print(report_of(population, entries, place.where), highlight=False, soft_wrap=True)
    _show_failures(run, console)
    return 0 if population.finished and not any(m.failed for m in population.members) else 1


def _sweep(place: Place, follower: Follower, console: Console) -> None:
    """Delete every checkpoint that nobody can need; the last report has tried, but some worker may have died since."""

    def stand() -> Answer:
        follower.catch_up()
        return answer(follower.population, 0, 0)

    try:
        store = place.store(follower.population.settings.checkpoints)
        if store is not None:
            store.sweep(StillReferenced(stand), stagings=True)
    except Conflict:  # somebody raised its steps meanwhile
        return
    except PBTError as error:
        console.print(f"checkpoints that nobody needs may be left: {error}", style="yellow", markup=False)


def _show_failures(run: LocalRun, console: Console) -> None:
    for failure in run.failures:
        console.print(f"FAILED: {failure}", style="red", highlight=False, markup=False, soft_wrap=True)
