"""The recipes of docs/schedules.md, as written: the rate in force is base × schedule(step), through every take-over."""

from __future__ import annotations

import inspect
import io
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.opening import folder as folders
from pbt.population.entries import Entry, Leased, Report, Reported, decode, real, score_of
from pbt.population.fold import apply
from pbt.population.member import MemberState
from tests.support.scripts import ROOT, environment, pbt_run, status

PAGE = ROOT / "docs" / "schedules.md"
BLOCKS = {
    re.findall(r'"runs/(\w+)"', code)[0]: (language, code)
    for language, code in re.findall(r"```python ?(\w*)\n(.*?)```", PAGE.read_text(), re.S)
}
STEPS = 20

WATCH = """
import os, pathlib
import pbt
_in_force, _report = {}, pbt.Member.report
if TORCH:
    from torch.optim.optimizer import register_optimizer_step_pre_hook
    register_optimizer_step_pre_hook(lambda optimizer, *_: _in_force.update(lr=optimizer.param_groups[0]["lr"]))
def report(self, score, **more):
    dies = pathlib.Path(os.environ["DIES"], str(self.id)) if "DIES" in os.environ else None
    if dies and self.step >= 7 and self.id in (1, 2) and not dies.exists():
        dies.touch()
        os._exit(9)
    more["metrics"] = {**(more.get("metrics") or {}), **_in_force}
    return _report(self, score, **more)
pbt.Member.report = report
"""
"""Put before a recipe: what its optimizer really used is a metric, and who trains member 1 or 2 dies once."""


def recipe(folder: Path, name: str, watched: bool = True) -> Path:
    language, code = BLOCKS[name]
    if language:
        pytest.importorskip(language)
    path = folder / "train.py"
    path.write_text((WATCH.replace("TORCH", str(language == "torch")) if watched else "") + code)
    return path


def reports(where: Path) -> Iterator[tuple[Report, MemberState, Entry]]:
    """Every report, and the member as it stood when it was trained."""
    population = None
    for body in folders.reader(where).read(0):
        entry = decode(body)
        if isinstance(entry.event, Reported) and population is not None:
            for report in entry.event.reports:
                yield report, population.members[report.member], entry
        population = apply(population, entry)


def linear(step: int) -> float:
    return 1 - (step - 1) / STEPS


def cosine(step: int) -> float:
    return step / 4 if step <= 4 else 0.1 + 0.9 * (1 + math.cos(math.pi * (step - 4) / 16)) / 2


def halved(step: int) -> float:
    return float(0.5 ** ((step - 1) // 5))


@pytest.mark.slow_but_first
@pytest.mark.parametrize("name", list(BLOCKS))
def test_a_recipe_runs_alone_as_written(tmp_path: Path, name: str) -> None:
    script = recipe(tmp_path, name, watched=False)
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=110,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning") == 0
    assert "brought the old value back" not in done.stderr


def trained(folder: Path, name: str) -> Path:
    """A population trained by a recipe, whose workers die on the way twice, and which exploited.

    One worker takes all members in turns; where it holds one to its end there is one for each, at a barrier: so what
    is ranked does not hang on who was quicker.
    """
    how = ["--workers", 4, "--synchronous"] if "pbt.join" in BLOCKS[name][1] else ["--workers", 1]
    script = recipe(folder, name)
    died = folder / "died"
    died.mkdir()
    done = pbt_run(
        ["run", *how, "--seed", 5, "p", "--", "python", script], folder, timeout=280, DIES=died,
        OMP_NUM_THREADS=1,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    where = folder / "p"
    assert "brought the old value back" not in "".join(log.read_text() for log in (where / "logs").glob("*.log"))
    assert status(where, folder)["warnings"] == []
    seen = list(reports(where))
    assert len(list(died.iterdir())) == 2, "nobody resumed"
    exploited = {d.member for _, _, entry in seen for d in entry.decisions if d.start == "copy"}
    assert exploited, "nobody exploited"
    return where


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "shape"), [("linear", linear), ("cosine", cosine), ("steplr", halved)])
def test_the_rate_in_force_is_base_times_schedule_for_who_resumed_and_who_exploited(
    tmp_path: Path, name: str, shape: Callable[[int], float]
) -> None:
    where = trained(tmp_path, name)
    bases = set()
    for report, member, _ in reports(where):
        base = float((member.hyperparameters or {})["lr"])  # type: ignore[arg-type]
        bases.add(base)
        assert report.metrics["lr"] == pytest.approx(base * shape(report.step), rel=1e-9), report
        assert report.used == ({"lr": pytest.approx(base)} if name == "steplr" else {})
    assert len(bases) > 4


class Plateau:
    """What ReduceLROnPlateau(mode="max", factor=0.5, patience=1) should be at, counted independently."""

    def __init__(self, best: float = -math.inf, bad: int = 0, halvings: int = 0) -> None:
        self.best, self.bad, self.halvings = best, bad, halvings

    def after(self, score: float) -> Plateau:
        # PyTorch's relative threshold of 1e-4, under mode="max"
        if score > self.best * 1.0001:
            return Plateau(score, 0, self.halvings)
        if self.bad < 1:
            return Plateau(self.best, 1, self.halvings)
        return Plateau(self.best, 0, self.halvings + 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_plateau_goes_with_the_weights_and_the_base_with_the_member(tmp_path: Path) -> None:
    where = trained(tmp_path, "plateau")
    population, now, saved, most = None, {}, {None: Plateau()}, 0
    for body in folders.reader(where).read(0):
        entry = decode(body)
        after = apply(population, entry)
        if isinstance(entry.event, Reported) and population is not None:
            for report in entry.event.reports:
                base = float(population.members[report.member].hyperparameters["lr"])  # type: ignore[index, arg-type]
                at = now[report.member]
                assert report.metrics["lr"] == pytest.approx(base * 0.5**at.halvings, rel=1e-9), report
                assert report.used == {"lr": pytest.approx(base)}
                now[report.member] = at.after(real(score_of(report)))
                most = max(most, now[report.member].halvings)
                if report.checkpoint is not None:
                    saved[report.checkpoint] = now[report.member]
        for id in [d.member for d in entry.decisions if d.start != "on"]:
            checkpoint = after.members[id].checkpoint
            now[id] = saved[checkpoint.id if checkpoint else None]
        if isinstance(entry.event, Leased):
            checkpoint = after.members[entry.event.member].checkpoint
            now[entry.event.member] = saved[checkpoint.id if checkpoint else None]
        population = after
    assert most > 2, "the rate was never reduced: the recipe shows nothing"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_lives_in_modules_and_loaders_is_what_was_decided(tmp_path: Path) -> None:
    script = recipe(tmp_path, "modules")
    done = pbt_run(["run", "--workers", 1, "--seed", 5, "p", "--", "python", script], tmp_path, 280, OMP_NUM_THREADS=1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert status("p", tmp_path)["warnings"] == []
    copies = 0
    for report, member, entry in reports(tmp_path / "p"):
        values = member.hyperparameters or {}
        assert report.used == {name: pytest.approx(values[name]) for name in ("lr", "momentum", "dropout", "batch")}
        assert report.metrics["lr"] == pytest.approx(values["lr"])
        copies += sum(d.start == "copy" for d in entry.decisions)
    assert copies


@pytest.mark.slow
def test_set_base_goes_on_as_if_built_with_the_new_base() -> None:
    torch = pytest.importorskip("torch")
    schedulers = torch.optim.lr_scheduler
    made: list[Callable[[Any], Any]] = [
        lambda o: schedulers.StepLR(o, 3, 0.5),
        lambda o: schedulers.MultiStepLR(o, [4, 9], 0.1),
        lambda o: schedulers.ExponentialLR(o, 0.9),
        lambda o: schedulers.PolynomialLR(o, 25),
        lambda o: schedulers.LambdaLR(o, lambda n: 1 / (1 + n)),
        lambda o: schedulers.CosineAnnealingLR(o, 7),
        lambda o: schedulers.ReduceLROnPlateau(o, factor=0.5, patience=1),
    ]
    for name in ("steplr", "plateau"):
        scope: dict[str, Any] = {}
        exec(re.findall(r"(def set_base.*?)\n\n\n", BLOCKS[name][1], re.S)[0], scope)
        for make in made:
            optimizer, scheduler = _rates(torch, make, 0.3)
            scope["set_base"](optimizer, scheduler, 0.3)  # as the recipes do for a new member, too
            _train(optimizer, scheduler, 6, 0)
            file = io.BytesIO()
            torch.save([optimizer.state_dict(), scheduler.state_dict()], file)
            file.seek(0)
            loaded, other = _rates(torch, make, 0.3)
            for part, state in zip((loaded, other), torch.load(file, weights_only=True), strict=True):
                part.load_state_dict(state)
            scope["set_base"](loaded, other, 0.24)
            whole, straight = _rates(torch, make, 0.24)
            _train(whole, straight, 6, 0)
            assert _train(loaded, other, 20, 6) == pytest.approx(_train(whole, straight, 20, 6)), type(other)


def _rates(torch: Any, make: Callable[[Any], Any], lr: float) -> tuple[Any, Any]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    return optimizer, make(optimizer)


def _train(optimizer: Any, scheduler: Any, steps: int, first: int) -> list[float]:
    rates = []
    for step in range(first, first + steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if type(scheduler).__name__ == "ReduceLROnPlateau":
            scheduler.step(float(step % 5))
        else:
            scheduler.step()
    return rates


def test_a_member_knows_how_many_steps_it_is_to_do(tmp_path: Path) -> None:
    given: dict[str, Any] = {"space": {"lr": pbt.Float(0, 1)}, "members": 1, "maximize": True}
    for member in pbt.turns(tmp_path / "some", steps=3, **given):
        assert member.total_steps == 3
        assert [step for step in member.steps() if member.report(0, save=lambda f: (f / "x").touch())] == [1, 2, 3]
    assert pbt.join(tmp_path / "none", **given).total_steps is None


@pytest.mark.slow
def test_steps_on_the_command_line_are_the_members_too(tmp_path: Path) -> None:
    script = recipe(tmp_path, "linear")
    for steps in (10, 20):  # raised on the way: the line of the schedule is a new one
        done = pbt_run(["run", "--steps", steps, "--workers", 1, "p", "--", "python", script], tmp_path)
        assert done.returncode == 0, done.stderr
    for report, member, _ in reports(tmp_path / "p"):
        total = 10 if report.step <= 10 else 20
        base = float((member.hyperparameters or {})["lr"])  # type: ignore[arg-type]
        assert report.metrics["lr"] == pytest.approx(base * (1 - (report.step - 1) / total))


def test_the_table_of_what_a_member_offers_is_the_class(tmp_path: Path) -> None:
    """No name that is missing, none that is not there; the same of the arguments of `report`."""
    page = (ROOT / "docs" / "scripts.md").read_text()
    table = page.partition("## Everything that a member offers")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\| `member\.(\w+)", table, re.M))
    member = pbt.join(tmp_path / "p", space={"lr": pbt.Float(0, 1)}, members=1, maximize=True)
    offered = {name for name in dir(member) if not name.startswith("_")} - set(dir(Mapping))
    assert told == offered
    arguments = set(inspect.signature(pbt.Member.report).parameters) - {"self", "score"}
    assert set(re.findall(r"^\| … `(\w+)=`", table, re.M)) == arguments
    for word in re.findall(r"`\.(\w+)`", table):
        assert word in pbt.Outcome._fields
