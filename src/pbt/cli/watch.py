"""``pbt watch``: a population as others train it, live."""

from __future__ import annotations

import time

import click
import msgspec
from rich.console import Console

from pbt.cli.progress import catch_up
from pbt.disk import stdio
from pbt.errors import SettingsError
from pbt.opening.opening import names_server, open_journal
from pbt.views.followed import Followed
from pbt.views.overview import state_of_all, top_of
from pbt.views.reasons import sentence
from pbt.views.watching import News, Watching

_EVERY, _EVERY_AFAR = 0.3, 1.0
"""Seconds between two looks into a folder, and at a server."""


@click.command("watch")
@click.argument("where", metavar="WHERE")
@click.option("--show", multiple=True, metavar="NAME", help="A hyperparameter to show as a curve (repeat for more).")
@click.option("--follow", is_flag=True, help="Go on watching once it is finished: it may be trained longer.")
@click.option("--plain", is_flag=True, help="Lines instead of the table (as when the output is no terminal).")
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line: each exploit, and at last how it stands.")
def command(where: str, show: tuple[str, ...], follow: bool, plain: bool, as_json: bool) -> int:
    """Watch the population at WHERE (a folder or a URL) while it trains: members, curves, exploits with their reasons.

    Curves lead along each member's lineage, so a take-over is no break. Where the output is no terminal, each
    exploit is a line, from the first one on. It only reads, and ends with the population; Ctrl-C ends it earlier.
    """
    seen = Followed(open_journal(where))
    pause = _EVERY_AFAR if names_server(where) else _EVERY
    if as_json:
        catch_up(seen)
        return _lines(seen, follow, pause)
    stdio.forgive("stdout")
    watching = Watching(Console(markup=False, emoji=False), seen, show, plain)
    catch_up(seen)  # which it hears, so that it counts all exploits
    if seen.exists:
        _check(seen, show)
    with watching:
        while follow or not seen.finished:
            watching.show()
            time.sleep(pause)
            seen.catch_up()
    return 0


def _check(seen: Followed, show: tuple[str, ...]) -> None:
    names = seen.population.settings.space
    for name in show:
        if name not in names.domains:
            raise SettingsError(f"--show {name}: there is no such hyperparameter; it has {', '.join(names)}")


def _lines(seen: Followed, follow: bool, pause: float) -> int:
    news, over = News(seen), False
    while True:
        seen.catch_up()
        over = seen.finished and not follow
        for change in news.take(last=over):
            if change.row.exploits:
                said = {"exploit": change.row, "before": change.before, "sentence": sentence(*change)}
                click.echo(msgspec.json.encode(said))
        if over:
            population = seen.population
            stands = {"entry": seen.entry, "reports": population.reports, "exploits": seen.exploits,
                      "state": state_of_all(seen), "best": top_of(population)}  # fmt: skip
            click.echo(msgspec.json.encode({"stands": stands}))
            return 0
        time.sleep(pause)
