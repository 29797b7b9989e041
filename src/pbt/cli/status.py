"""``pbt status``: how a population stands."""

from __future__ import annotations

import shlex
from typing import Any

import click
import msgspec
from rich.console import Console

from pbt.coordinator.follower import Follower
from pbt.errors import counted
from pbt.opening.opening import open_journal
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.schedules.replays import replays_of
from pbt.views.status import Status, status_of
from pbt.views.summary import how_to_load
from pbt.views.table import ENDLESS, members_table, number_text


@click.command("status")
@click.argument("where", metavar="WHERE")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, for programs.")
def command(where: str, as_json: bool) -> int:
    """How the population at WHERE (a folder or a URL) stands: members, best, warnings, which of them wait for a worker.

    It only reads, and can be called at any time, from anywhere that sees the folder or the server.
    """
    follower = Follower(open_journal(where))
    seen = Status(where)
    lineage = Lineage()
    follower.listen(seen.hear)
    follower.listen(lineage.follow)
    follower.catch_up()
    found = status_of(follower.population, seen, lineage)
    replays = list(replays_of(where))
    found["replays"] = [{"where": kept.where, **kept.replay.json()} for kept in replays]
    if as_json:
        click.echo(msgspec.json.encode(found))
        return 0
    console = Console()
    if not console.is_terminal:
        console.width = ENDLESS
    states = [m["state"] for m in found["members"]]
    console.print(members_table(follower.population, seen.exploited, width=console.width, states=states))
    for line in _lines(found, where, follower.population):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return 0


def _lines(found: dict[str, Any], where: str, population: Population) -> list[str]:
    best = population.best
    lines = [""]
    if best:
        lines.append(f"best saved {number_text(best.score)}: member {best.member}, step {best.step}")
        lines.extend(f"  {line}" for line in how_to_load(where, population.settings, best))
    else:
        lines.append("nothing was saved yet with a finite score")
    entries = counted(found["entries"], "journal entry", "journal entries")
    lines.append(f"{counted(found['reports'], 'report')}, {entries}; {found['state']}")
    if found["waiting_for_a_worker"]:
        waits = found["waiting_for_a_worker"]
        lines.append(f"{counted(len(waits), 'member')} wait{'s' * (len(waits) == 1)} for a worker: {waits}")
    lines.extend(
        f"replay gap {number_text(replay['gap'])} over {counted(len(replay['scores']), 'run')}: "
        f"{shlex.quote(replay['where'])}"
        for replay in found["replays"]
    )
    lines.extend(f"warning: {text}" for text in found["warnings"])
    return lines
