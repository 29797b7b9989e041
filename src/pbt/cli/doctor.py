"""``pbt doctor``: what is wrong with a population, and what to do about it."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console

from pbt.disk import stdio
from pbt.errors import SettingsError, counted
from pbt.opening.folder import path_of
from pbt.opening.opening import names_server
from pbt.opening.salvage import save
from pbt.views.doctor import examine
from pbt.views.finding import Finding

_MARKS = {"ok": "[green]ok     [/]", "warning": "[yellow]warning[/]", "problem": "[red]PROBLEM[/]"}


@click.command("doctor")
@click.argument("where", metavar="WHERE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@click.option(
    "--save-to", metavar="FOLDER", type=click.Path(path_type=Path),
    help="Copy what can still be read of a damaged population into a new folder.",
)  # fmt: skip
def command(where: str, as_json: bool, save_to: Path | None) -> int:
    """What is wrong with the population at WHERE (a folder or a URL), and what to do about it.

    It reads the whole journal, looks at every checkpoint that is still referenced, at the members' leases,
    and at the disk. It changes nothing, and can be called while workers train. A long journal takes a
    while: some 30,000 entries a second.

    Where the journal is damaged, it says how much of it is not. --save-to FOLDER then makes a copy: the entries up
    to the damage, and the checkpoints that they refer to. Train on in the copy, as you did before, with that folder
    instead; what came after is lost. The damaged folder is not touched.

    Exit codes: 0 nothing is broken (there may be warnings), 1 something is.
    """
    stdio.forgive("stdout")
    if save_to is not None:
        return _save(where, save_to)
    console = Console()
    worst = 0
    for finding in examine(where):
        worst = max(worst, finding.level == "problem")
        if as_json:
            click.echo(msgspec.json.encode(finding._asdict()))
        else:
            _show(console, finding)
    return worst


def _save(where: str, to: Path) -> int:
    if names_server(where):
        raise SettingsError(f"{where}: a copy is made from the population's folder, on the server's machine")
    saved = save(path_of(where), to)
    entries = counted(saved.entries, "entry", "entries")
    click.echo(f"train on in {to}: it holds {entries} and {counted(len(saved.checkpoints), 'checkpoint')}")
    if saved.lost:
        click.echo(
            f"not whole, and not copied: {', '.join(saved.lost)}; members that stood there take over another's, "
            "or begin anew"
        )
    return 0


def _show(console: Console, finding: Finding) -> None:
    console.print(_MARKS[finding.level], end=" ")
    console.print(finding.what, highlight=False, markup=False, soft_wrap=True)
    if finding.do:
        console.print(f"        {finding.do}", highlight=False, markup=False, soft_wrap=True)
