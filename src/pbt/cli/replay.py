"""``pbt replay``: fresh runs of the schedule that a population found."""

from __future__ import annotations

import secrets
import shlex
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from pbt.cli.launching import Machine, launch
from pbt.cli.options import Whole
from pbt.disk import stdio
from pbt.errors import PBTError, SettingsError, counted
from pbt.opening.opening import Opened, name_of
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.recorded import Settings
from pbt.population.steered import with_bounds
from pbt.schedules.replay import Replay, replay_of
from pbt.schedules.replays import place_of, replays_of
from pbt.schedules.schedule import Schedule
from pbt.settings import SEED_LIMIT, Wanted, wanted
from pbt.space.domains import Float, Int
from pbt.views.run import load
from pbt.views.table import number_text

_DONE = "{where} has these replays already: nothing was trained now. --anew runs others."


@click.command("replay")
@click.option("--seeds", type=Whole(1), default=5, show_default=True, help="How many fresh runs.")
@click.option("--member", type=Whole(), help="The schedule of this member's lineage.  [default: the best's]")
@click.option("--workers", type=Whole(), help="Processes at once.  [default: seeds, at most the number of cores]")
@click.option("--gpus", help='GPUs to deal out to the workers: "0,1,2,3".  [default: leave them alone]')
@click.option("--anew", is_flag=True, help="Other runs, although there are some of this schedule.")
@click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON object, for programs.")
@click.option("--plain", is_flag=True, help="Lines instead of the live table (as when the output is no terminal).")
@click.argument("where", metavar="WHERE")
@click.argument("arguments", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
def command(
    where: str, arguments: tuple[str, ...], seeds: int, member: int | None, workers: int | None, gpus: str | None,
    anew: bool, as_json: bool, plain: bool,
) -> int:  # fmt: skip
    """Train with the schedule that the population at WHERE (a folder or a URL) found, from fresh seeds, unselected.

    COMMAND is the script that trained it, unchanged. The replay gap is how much better the population's result is
    than the mean of the replays: what the schedule alone does not explain, such as luck.

    The runs are a population of their own beside WHERE: runs/first.replay-1, with one member for each seed. The
    same command goes on where it stood, and pbt status, pbt plot and the page show it.

    \b
    pbt replay runs/first -- python train.py
    pbt replay runs/first --seeds 10 --workers 2 -- python train.py
    """  # noqa: D301
    stdio.forgive("stdout")
    place, asked = _place(where, _asked(where, member, seeds), anew)

    def outcome(population: Population, lineage: Lineage, opened: Opened, logs: Path) -> str:
        found = replay_of(population, lineage)
        if found is None:
            raise PBTError(f"{opened.where} is no replay: another program has made a population of this name")
        if as_json:
            return msgspec.json.encode({"where": place, **found.json()}).decode()
        return "\n".join([*lines_of(found, name_of(where)), f"look at the runs with: {_command('plot', place)}"])

    return launch(
        place, arguments, asked, Machine(workers, gpus, None, None, plain), report=outcome, nothing_left=_DONE
    )


def lines_of(found: Replay, name: str) -> list[str]:
    """A replay in words."""
    origin, scores, runs = found.origin, found.finite, counted(len(found.scores), "fresh run")
    lines = [
        f"{name}: member {origin.member} at step {origin.step}, against {runs} of its schedule",
        f"  origin      {number_text(origin.score)}",
    ]
    if scores:
        spread = "" if found.spread is None else f" ± {number_text(found.spread)}"
        far = "" if len(scores) == 1 else f" ({number_text(min(scores))} to {number_text(max(scores))})"
        lines.append(f"  replays     {number_text(found.mean)}{spread}{far}")
        lines.append(f"  replay gap  {number_text(found.gap)}{_in_spreads(found)}")
    if len(scores) < len(found.scores):
        lines.append(f"  not counted, without a finite score there: {len(found.scores) - len(scores)} of the runs")
    return [*lines, found.sentence()]


def _in_spreads(found: Replay) -> str:
    gap, spread = found.gap, found.spread
    return f", {gap / spread:.1f} times the spread of the replays" if gap is not None and spread else ""


def _command(name: str, place: str) -> str:
    return shlex.join(["pbt", name, place])


def _asked(where: str, member: int | None, seeds: int) -> Wanted:
    """The settings of the replay, all of them, so that no setting of the script counts.

    Raises:
        SettingsError: its scripts decide by themselves.
        PBTError: the population has nothing to show yet.
    """
    run = load(where)
    settings = run.settings
    if settings.foreign:
        raise SettingsError(
            f"{where} was trained by scripts that decide by themselves: these can not follow a schedule"
        )
    if member is not None:
        schedule = run.schedule(member)
    elif run.best is not None:
        schedule = run.best.schedule
    else:
        raise PBTError(f"{where} has no checkpoint with a finite score yet: there is no schedule to replay")
    origin = schedule.origin
    if origin is None or origin.step < 1:
        raise PBTError(f"{where}: member {member} has not been trained yet: there is no schedule to replay")
    settings, steps = _wide_enough(run.settings, schedule), settings.steps or origin.step
    goal = None if settings.goal is None else sys.float_info.max * (1 if settings.maximize else -1)
    return wanted(
        space=settings.space, members=seeds, steps=steps, interval=settings.interval, maximize=settings.maximize,
        strategy={"name": "follow", "schedule": schedule, "until": origin.step, "origin": origin.plain()},
        seed=secrets.randbelow(SEED_LIMIT), initial=[], synchronous=False, turn_steps=steps, goal=goal,
        quorum=settings.quorum, barrier_timeout=settings.barrier_timeout, checkpoints=settings.checkpoints,
    ).commanded()  # fmt: skip


def _wide_enough(settings: Settings, schedule: Schedule) -> Settings:
    """The settings with a space that holds the schedule: bounds may have been moved since."""
    for name, domain in settings.space.domains.items():
        if isinstance(domain, Float | Int) and name in schedule.names:
            values: list[Any] = [domain.min, domain.max, *schedule[name].values]
            if (min(values), max(values)) != (domain.min, domain.max):
                settings = with_bounds(settings, name, min(values), max(values))
    return settings


def _place(where: str, asked: Wanted, anew: bool) -> tuple[str, Wanted]:
    """Where a replay of this schedule lies, or is to lie, and its settings: one that is there keeps its own."""
    kept = list(replays_of(where))
    same = [
        k for k in kept
        if k.population.settings.strategy == asked.strategy and len(k.population.members) == asked.members
    ]  # fmt: skip
    if anew or not same:
        return place_of(where, len(kept) + 1), asked
    its = same[-1].population.settings
    names = ("space", "steps", "interval", "turn_steps", "goal", "quorum", "barrier_timeout", "checkpoints", "seed")
    return same[-1].where, msgspec.structs.replace(asked, **{name: getattr(its, name) for name in names})
