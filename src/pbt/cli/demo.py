"""``pbt demo``: a first look at population-based training, on real data."""

from __future__ import annotations

import importlib.util
import shlex
from pathlib import Path

import click
from rich.console import Console

from pbt.disk import stdio
from pbt.errors import PBTError
from pbt.opening.folder import fresh_folder

NEEDS = {"numpy": "numpy", "sklearn": "scikit-learn", "matplotlib": "matplotlib"}


@click.command("demo")
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--seed", default=1, show_default=True, help="Of the data's split and of pbt's draws.")
@click.option("--plain", is_flag=True, help="Lines instead of the live table.")
def command(folder: Path | None, seed: int, plain: bool) -> int:
    """Watch eight workers learn handwritten digits, and see what they found.

    Eight real processes train neural networks on scikit-learn's digits, made hard: a tenth of the labels,
    a fifth of those wrong. First with population-based training, then as random search (the same
    population, in which no member ever exploits), then as random search with four times the members. All are
    scored afresh on a test set that no decision saw.

    FOLDER is where everything lies afterwards.  [default: pbt-runs/demo-TIME]
    """
    stdio.forgive("stdout")
    missing = [package for module, package in NEEDS.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise PBTError(f"the demo needs {', '.join(missing)}: pip install 'pbtrain[demo]'")
    from pbt.demo.show import show

    where = folder or fresh_folder("demo")
    if (where / "pbt").exists():
        raise PBTError(
            f"{where} has a demo already: name another folder, or look at it with: "
            + shlex.join(["pbt", "status", str(where / "pbt")])
        )
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PBTError(f"{where} can not be made: {error.strerror}") from None
    return show(where, seed, Console(), plain)
