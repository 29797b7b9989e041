"""The demonstration from its beginning to its end: two populations, a comparison, two pictures."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.markup import escape

from pbt.coordinator.follower import Follower
from pbt.demo.data import Digits, read_digits, write_digits
from pbt.demo.network import Network
from pbt.demo.train import ROUNDS, SPACE, UPDATES, WIDTHS
from pbt.errors import PBTError
from pbt.launchers.local import LocalRun
from pbt.opening.opening import open_population
from pbt.population.entries import real
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.schedule import schedule
from pbt.settings import wanted
from pbt.strategies.pbt import PBT
from pbt.views.built import is_built
from pbt.views.history import History
from pbt.views.live import LiveView
from pbt.views.pictures import Parts, draw
from pbt.views.summary import schedule_lines

MEMBERS = 8
MORE = 32
"""Members that random search is given as well, to see what it takes to draw level."""


class Found(NamedTuple):
    """The result of one population."""

    population: Population
    lineage: Lineage
    seconds: float
    test: float
    accuracy: float

    @property
    def held_out(self) -> float:
        """The best score by which members were ranked."""
        assert self.population.best is not None
        return real(self.population.best.score)

    @property
    def steps(self) -> int:
        """Steps trained in all, those included that an exploit threw away."""
        return self.population.reports

    @property
    def history(self) -> History:
        """The data of the pictures."""
        return History(self.population, self.lineage)


def show(folder: Path, seed: int, console: Console, plain: bool) -> int:
    """Run the demonstration; the exit code."""
    data = folder / "digits.npz"
    write_digits(data, seed)
    digits = read_digits(data)
    console.print(_introduction(digits), highlight=False)
    train = partial(_train, seed=seed, data=data, digits=digits, console=console, plain=plain)
    console.print("[bold]1. Population-based training:[/] the bad take over from the good, and explore")
    trained = train(folder / "pbt", MEMBERS, PBT(quantile=0.2, resample=0))
    console.print("\n[bold]2. Random search:[/] the same beginnings, and no member ever takes over")
    random = train(folder / "random", MEMBERS, PBT(quantile=0, resample=0))
    console.print(f"\n[bold]3. Random search with {MORE} members:[/] {MORE // MEMBERS} times the work")
    more = train(folder / "random-more", MORE, PBT(quantile=0, resample=0))
    pictures = [folder / "scores.png", folder / "schedule.png"]
    title, history = "Handwritten digits: population-based training, and random search", trained.history
    others = {"random search": random, f"random search, {MORE} members": more}
    compared = {name: found.history for name, found in others.items()}
    name = "held-out log-likelihood"
    draw(history, pictures[0], title, parts=Parts(schedule=False), score_name=name, others=compared)
    draw(history, pictures[1], title, parts=Parts(scores=False))
    console.print(_conclusion(folder, trained, random, more, pictures), highlight=False, soft_wrap=True)
    return 0


def _introduction(digits: Digits) -> str:
    shape = "-".join(map(str, WIDTHS))
    return (
        f"Handwritten digits, made hard: {len(digits.train_y)} labelled images to train on, a fifth of them with a "
        f"wrong label; {len(digits.held_y)} to score by (held out), {len(digits.test_y)} to test with at the very "
        f"end. {MEMBERS} workers train {MEMBERS} networks ({shape}) for {ROUNDS} steps of {UPDATES} updates each. "
        "Found while training: the learning rate, the noise on the input, and the dropout rate.\n"
    )


def _train(
    folder: Path, members: int, strategy: PBT, seed: int, data: Path, digits: Digits, console: Console, plain: bool
) -> Found:
    began = time.monotonic()
    asked = wanted(
        space=SPACE, members=members, steps=ROUNDS, interval=1, maximize=True, seed=seed, strategy=strategy,
        turn_steps=ROUNDS if members > MEMBERS else 1,
    )  # fmt: skip
    opened = open_population(str(folder))
    opened.coordinator.create(asked)
    follower, lineage = Follower(opened.journal), Lineage()
    follower.listen(lineage.follow)
    command = [sys.executable, "-m", "pbt.demo.train", str(data.absolute())]
    run = LocalRun(
        opened.where,
        command,
        workers=MEMBERS,
        settings=asked,
        follower=follower,
        coordinator=opened.coordinator,
        logs=opened.logs,
    )
    with LiveView(console, follower, lambda: f"{run.active} of {MEMBERS} workers", plain) as screen:
        run.run(screen.show)
    if run.interrupted:
        raise KeyboardInterrupt
    population = follower.population
    if not population.finished or population.best is None:
        raise PBTError(f"the demo's workers failed; their output is in {opened.logs}")
    network = Network(np.random.default_rng(), WIDTHS)
    network.load(opened.own().fetch(population.best.id) / "network.npz")
    return Found(
        population,
        lineage,
        time.monotonic() - began,
        network.log_likelihood(digits.test_x, digits.test_y),
        network.accuracy(digits.test_x, digits.test_y),
    )


def _conclusion(folder: Path, trained: Found, random: Found, more: Found, pictures: list[Path]) -> str:
    best = trained.population.best
    assert best is not None
    quoted = shlex.quote(str(folder / "pbt"))
    return "\n".join(
        [
            "\n[bold]What came out[/] (log-likelihood: 0 is perfect, -2.3 is guessing)\n",
            "                             held out    test set   test accuracy   steps trained    time",
            _row("population-based training", trained),
            _row("random search", random),
            _row(f"random search, {MORE} members", more),
            "",
            f"On the test set, which no decision saw, population-based training was "
            f"{_compared(trained, random)} than random search with as many members",
            f"({trained.test:.3f} against {random.test:.3f}), and {_compared(trained, more)} than random search with "
            f"{MORE // MEMBERS} times as many ({more.test:.3f}).",
            f"{trained.lineage.exploits} times a member took over another's weights and hyperparameters.",
            "",
            f"The schedule it discovered (lineage of the best, member {best.member} at step {best.step}):",
            *("  " + line for line in schedule_lines(schedule(trained.lineage, best))),
            "",
            f"Pictures:     {escape(str(pictures[0]))}   scores, with the best one's lineage",
            f"              {escape(str(pictures[1]))}   the schedule, on each hyperparameter's own scale",
            f"Best model:   {escape(str(folder / 'pbt' / 'checkpoints' / best.id))}",
            "",
            "What to type next:",
            *_commands(
                (f"{_page()}pbt ui {quoted}", "all of it in the browser, with the reason of every exploit"),
                (f"pbt status {quoted}", "every member, and how it stands"),
                (f"pbt plot {quoted}", "both pictures in one, as of any population of yours"),
                (f"pbt journal {quoted} | tail -3", "everything that happened, with the reasons"),
                ("pbt run --help", "train your own script this way"),
            ),
        ]
    )


def _page() -> str:
    """What builds the page, which installed packages have, and checkouts only after that."""
    return "" if is_built() else "make page && "


def _commands(*commands: tuple[str, str]) -> list[str]:
    """As they work from here: without an activated environment `pbt` is not on the path."""
    pbt = "pbt" if shutil.which("pbt") else shlex.quote(str(Path(sys.argv[0])))
    full = [(command.replace("pbt", pbt, 1), meaning) for command, meaning in commands]
    width = max(len(command) for command, _ in full)
    return [f"  {escape(command.ljust(width))}   {meaning}" for command, meaning in full]


def _compared(ours: Found, theirs: Found) -> str:
    return "better" if ours.test > theirs.test else "NOT better"


def _row(name: str, found: Found) -> str:
    return (
        f"  {name:26s} {found.held_out:8.3f}    {found.test:8.3f}   {found.accuracy:12.1%}"
        f"   {found.steps:13d}   {found.seconds:4.0f} s"
    )
