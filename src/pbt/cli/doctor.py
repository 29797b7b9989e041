"""``pbt doctor``: what is wrong with a population, and what to do about it."""

from __future__ import annotations

import click
import msgspec
from rich.console import Console

from pbt import stdio
from pbt.doctor import Finding, examine

_MARKS = {"ok": "[green]ok     [/]", "warning": "[yellow]warning[/]", "problem": "[red]PROBLEM[/]"}


@click.command("doctor")
@click.argument("where", metavar="WHERE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
def command(where: str, as_json: bool) -> int:
    """What is wrong with the population at WHERE (a folder or a URL), and what to do about it.

    It reads the whole journal, looks at every checkpoint that somebody may still need, at who holds which
    member, and at the disk. It changes nothing, and can be called while workers train. A long journal takes a
    while: some 30,000 entries a second.

    Exit codes: 0 nothing is broken (there may be warnings), 1 something is.
    """
    stdio.forgive("stdout")
    console = Console()
    worst = 0
    for finding in examine(where):
        worst = max(worst, finding.level == "problem")
        if as_json:
            click.echo(msgspec.json.encode(finding._asdict()))
        else:
            _show(console, finding)
    return worst


def _show(console: Console, finding: Finding) -> None:
    console.print(_MARKS[finding.level], end=" ")
    console.print(finding.what, highlight=False, markup=False, soft_wrap=True)
    if finding.do:
        console.print(f"        {finding.do}", highlight=False, markup=False, soft_wrap=True)
