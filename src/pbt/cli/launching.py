"""A population trained with workers on this machine: what `pbt run` and `pbt replay` share."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace
from rich.console import Console

from pbt.checkpoints.location import names_server as is_store
from pbt.coordinator.answer import Answer, answer
from pbt.coordinator.follower import Follower
from pbt.coordinator.steering import revive, train_longer
from pbt.errors import Conflict, PBTError, SettingsError, counted
from pbt.launchers.command import refused
from pbt.launchers.local import LocalRun, command_of
from pbt.launchers.logs import fresh_logs
from pbt.launchers.workers import environment
from pbt.opening.folder import path_of
from pbt.opening.opening import Opened, names_server, open_population
from pbt.population.entries import Created
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.settings import Wanted, compare
from pbt.views.alone import Alone
from pbt.views.live import LiveView
from pbt.views.summary import report_of
from pbt.views.table import ENDLESS
from pbt.worker.checkpointer import StillReferenced

_NOTHING_LEFT = (
    "{where} is finished: nothing was trained now. Train on with a larger --steps, or begin anew in another folder."
)

Report = Callable[[Population, Lineage, Opened, Path], str]
"""Says what came out, once training has ended."""


class Machine(NamedTuple):
    """What of this machine is used, and how it is shown: as `pbt run` takes it."""

    workers: int | None = None
    gpus: str | None = None
    stall: float | None = None
    kind: str | None = None
    plain: bool = False


def _outcome(population: Population, lineage: Lineage, opened: Opened, logs: Path) -> str:
    console = Console()
    return report_of(population, lineage, opened.where, logs, console.width if console.is_terminal else ENDLESS)


def launch(
    where: str, arguments: Sequence[str], asked: Wanted, machine: Machine, at_first: Sequence[str] = (),
    report: Report = _outcome, nothing_left: str = _NOTHING_LEFT,
) -> int:  # fmt: skip
    """Train until the population is finished, with progress on standard error and the outcome on standard output.

    Args:
        arguments: the command that each worker runs.
        asked: settings that override the script's.
        at_first: names of those that count for a new population alone.
        report: of a population that was created, the outcome in words.

    Returns:
        The exit code of the command.
    """
    workers, gpus, stall, kind, plain = machine
    if not where:
        raise SettingsError(
            "the folder's name is empty, as of a variable that is not set: name the one in which to train"
        )
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
    screen = LiveView(
        console, follower, lambda: f"{run.active} of {counted(count, 'worker')}", plain, lambda: run.trouble
    )
    follower.catch_up()
    if refusal is not None and not follower.finished:
        raise refusal
    if follower.exists:
        asked = replace(asked, **dict.fromkeys(at_first)).commanded() if at_first else asked
        _agree(opened, asked)
        revive(opened.coordinator, follower.population)
    else:
        follower.listen(lambda _, entry, __: _agree(opened, asked) if isinstance(entry.event, Created) else None)
        if asked.space is not None:
            opened.coordinator.create(asked)
    follower.catch_up()
    if follower.finished:
        console.print(nothing_left.format(where=opened.where), highlight=False, soft_wrap=True)
        return _conclude(opened, follower, lineage, console, opened.logs / "run", report)
    if refusal is not None:
        raise refusal
    logs = _fresh_logs(opened)
    cores = os.cpu_count() or 1
    count = min(asked.members or len(follower.members) or cores, cores) if workers is None else workers
    say = partial(console.print, highlight=False, soft_wrap=True)
    run = LocalRun(
        opened.where, started, workers=count, settings=asked, follower=follower, coordinator=opened.coordinator,
        logs=logs, stall=stall, gpus=dealt, say=say,
    )  # fmt: skip
    follower.listen(Alone(say).hear)
    with screen:
        run.run(screen.show)
    if run.interrupted:
        again = shlex.join(["pbt", *sys.argv[1:]])
        console.print(f"interrupted; go on from here with: {again}", highlight=False, soft_wrap=True)
        return 130
    return _conclude(opened, follower, lineage, console, logs, report, run.failures)


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
    opened: Opened, follower: Follower, lineage: Lineage, console: Console, logs: Path, report: Report,
    failures: Sequence[str] = (),
) -> int:  # fmt: skip
    if not follower.exists:
        _show_failures(failures, console)
        told = "no worker created the population: does the script call pbt.turns or pbt.join?"
        console.print(told, style="red", highlight=False, soft_wrap=True)
        return 1
    population = follower.population
    if population.finished:
        _sweep(opened, follower, console)
    said = report(population, lineage, opened, logs)
    Console(markup=False, emoji=False).print(said, highlight=False, soft_wrap=True)
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
