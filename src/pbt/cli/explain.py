"""``pbt explain``: what a strategy does and has done, and why a member was decided on as it was."""

from __future__ import annotations

import click
import msgspec
from rich.console import Console

from pbt.cli.options import Whole
from pbt.cli.progress import followed
from pbt.disk import stdio
from pbt.views.explain import Explanation, Parameter, explain
from pbt.views.fitting import without_middle
from pbt.views.run import load
from pbt.views.why import last_decision, why_lines

_LONGEST = 60
"""Letters of a parameter's value."""


@click.command("explain")
@click.argument("where", metavar="WHERE")
@click.argument("member", type=Whole(), required=False)
@click.argument("step", type=Whole(), required=False)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object, for programs.")
def command(where: str, member: int | None, step: int | None, as_json: bool) -> int:
    """Which strategy trains the population at WHERE (a folder or a URL), what it has done, and what would do better.

    With MEMBER: why that member was decided on as it was, last or at the last decision up to STEP: the reason, its
    hyperparameters before and after, and the ranking that the decision saw.

    Advice is for the next run: too few members or decisions, scores whose noise decides the ranks, bounds that the best
    has hit, hyperparameters that no exploit favoured. It reads the journal alone and changes nothing.

    \b
    pbt explain runs/first
    pbt explain runs/first 7        # member 7's last decision
    pbt explain runs/first 7 4000   # its last one up to step 4000
    """  # noqa: D301
    stdio.forgive("stdout")
    if member is not None:
        return _decision(where, member, step, as_json)
    found = explain(load(where))
    if as_json:
        click.echo(msgspec.json.encode({
            **found._asdict(),
            "parameters": [p._asdict() for p in found.parameters],
            "advice": [{"what": f.what, "do": f.do} for f in found.advice],
        }))  # fmt: skip
        return 0
    console = Console()
    for line in _lines(found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return 0


def _decision(where: str, member: int, step: int | None, as_json: bool) -> int:
    seen = followed(where)
    found = last_decision(seen, member, step)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return 0
    console = Console()
    for line in why_lines(found, seen.population.settings, console.width):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    return 0


def _lines(found: Explanation) -> list[str]:
    chosen = ", ".join(f"{p.name}={_value(p)}" for p in found.parameters if not p.default)
    rest = ", ".join(f"{p.name}={_value(p)}" for p in found.parameters if p.default)
    lines = [f"strategy {found.strategy}: {found.does}"]
    lines += [f"  chosen: {chosen}"] if chosen else []
    lines += [f"  default: {rest}"] if rest else []
    lines += ["", "so far"] + [f"  {line}" for line in found.done]
    lines += ["", "what would do better"]
    for f in found.advice:
        lines += [f"  {f.what}", f"      {f.do}"]
    return lines if found.advice else [*lines, "  nothing that the journal shows"]


def _value(parameter: Parameter) -> str:
    return without_middle(msgspec.json.encode(parameter.value).decode(), _LONGEST)
