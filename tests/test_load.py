"""`pbt.load` reads a run from wherever it is, also while others train it."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import pbt
from pbt.population.entries import Explored
from tests.deferring import Deferring
from tests.support.population import Script
from tests.support.scripts import status
from tests.support.worlds import KEY, FilesWorld, FolderWorld, ServerWorld, World

NAME = "a run #1 100% ü"


class NamedWorld(FolderWorld):
    """A folder whose name has all that a URL, a shell or a markup would stumble over."""

    def __init__(self, tmp_path: Path) -> None:
        super().__init__(tmp_path / NAME)


WORLDS = {"folder": FolderWorld, "files": FilesWorld, "server": ServerWorld, "name": NamedWorld}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PBT_KEY", KEY)
    (tmp_path / NAME).mkdir()
    world = WORLDS[request.param](tmp_path)
    yield world
    world.close()


def where(world: Any) -> str:
    return world.url if isinstance(world, ServerWorld) else str(world.folder)


def trained(world: World | None = None, rounds: int = 6, **given: Any) -> Script:
    """The lower a member's id, the better it is; member 3 reports nan once."""
    s = Script(world, **({"strategy": pbt.PBT(quantile=0.25), "goal": None} | given))
    for n in range(rounds):
        for member in range(4):
            score: Any = float("nan") if (n, member) == (0, 3) else [10.0 * n - member, 10.0 * n - member - 1]
            used = {"lr": 0.5} if member == 0 and "lr" in s.settings.space.domains else {}
            s.report(member, score, metrics={"loss": n / 2}, used=used)
    return s


def test_it_reads_a_run_from_everywhere(world: World) -> None:
    s = trained(world)
    run = pbt.load(where(world))
    assert run.settings == s.settings
    assert run.members == s.population.members
    assert run.population == s.population
    assert not run.finished
    assert run.best is not None
    best = s.population.best
    assert (run.best.score, run.best.step, run.best.checkpoint) == (best.score, best.step, best.id)
    assert run.best.hyperparameters == run.best.schedule[run.best.step] == best.hyperparameters
    assert where(world) in repr(run)


def test_it_reads_while_others_write(world: World) -> None:
    s = trained(world, rounds=2)
    before = pbt.load(where(world))
    s.report(1, 99.0)
    after = pbt.load(where(world))
    assert before.best != after.best
    assert after.best is not None
    assert after.best.score == 99.0
    assert len(after.reports) == len(before.reports) + 1 == 9


def test_a_population_that_has_not_begun_has_nothing_to_show(world: World) -> None:
    Script(world, members=None, open=True, steps=None)
    run = pbt.load(where(world))
    assert (run.members, run.best, run.reports, run.decisions) == ((), None, [], [])
    assert "0 members" in repr(run)
    assert "no checkpoint" in repr(run)
    with pytest.raises(pbt.UnknownMember):
        run.schedule(0)


def test_where_nothing_was_created_it_says_so(world: World, tmp_path: Path) -> None:
    with pytest.raises(pbt.PBTError, match=r"nothing was created here yet|holds no population|no population"):
        pbt.load(where(world))
    with pytest.raises(pbt.JournalError, match="holds no population"):
        pbt.load(tmp_path / "nowhere")


def test_reports_and_decisions_are_rows(tmp_path: Path) -> None:
    world = FolderWorld(tmp_path)
    s = trained(world)
    run = pbt.load(world.folder)
    first, *_, fourth = run.reports[:4]
    assert (first.member, first.step, first.score, first.evaluations) == (0, 1, -0.5, (0.0, -1.0))
    assert (first.checkpoint, first.metrics, first.used) == ("0/1-1", {"loss": 0.0}, {"lr": 0.5})
    assert first.hyperparameters == run.schedule(0)[0]
    assert math.isnan(fourth.score)
    assert len(run.decisions) == sum(len(e.decisions) for e in s.entries)
    births = run.decisions[:4]
    assert [(d.entry, d.start, d.parent, d.step) for d in births] == [(1, "fresh", None, 0)] * 4
    exploit = next(d for d in run.decisions if d.start == "copy")
    cause = s.entries[exploit.entry - 1].event.reports[0]  # type: ignore[union-attr]
    assert (exploit.member, exploit.step) == (cause.member, cause.step)
    assert exploit.parent != exploit.member
    assert exploit.why.parent_rank == 1
    assert exploit.why.operations.keys() == run.settings.space.domains.keys()
    world.close()


def test_hyperparameters_that_came_later_stand_with_their_decision(tmp_path: Path) -> None:
    world = FolderWorld(tmp_path)
    s = Script(world, members=4, synchronous=True, strategy=Deferring())
    for member in range(4):
        s.join(member)
    for _ in range(2):
        reports = [s.draft(member, float(member)) for member in range(4)]
        for report in (*reports, *reports):
            s.send(report)
    explored = [e.event for e in s.entries if isinstance(e.event, Explored)]
    assert explored
    run = pbt.load(world.folder)
    copies = [d for d in run.decisions if d.start == "copy"]
    given = {(event.entry, member): values for event in explored for member, values in event.values.items()}
    assert {(d.entry, d.member): d.hyperparameters for d in copies} == given
    world.close()


def test_a_members_schedule_ends_with_the_values_in_force(tmp_path: Path) -> None:
    world = FolderWorld(tmp_path)
    s = trained(world)
    run = pbt.load(world.folder)
    replaced = {d.member for d in run.decisions if d.start == "copy"}
    assert replaced
    for m in run.members:
        found = run.schedule(m.id)
        assert found.pieces[0][0] == 0
        assert [step for step, _ in found] == sorted({step for step, _ in found})
        assert found[m.step] == m.hyperparameters
    assert s.population.best.member == 0
    assert run.best is not None
    assert run.best.schedule == run.schedule(0)
    world.close()


def test_its_text_is_a_table_that_fits_and_takes_names_as_they_are(tmp_path: Path) -> None:
    world = FolderWorld(tmp_path / "[red]#1 ü")
    trained(world, members=60, space={"[bold]lr": pbt.Float(0, 1), "x" * 300: 1.0}, rounds=1)
    run = pbt.load(world.folder)
    shown = repr(run)
    assert "[red]#1 ü" in shown
    assert "60 members × 100 steps, pbt, 4 reports, unfinished" in shown
    assert "40 members" in shown
    assert "[bold]lr" in shown
    console = Console(width=200, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(run)
    assert "best score" in console.export_text()
    world.close()


def test_status_as_json_has_the_bests_schedule(tmp_path: Path) -> None:
    world = FolderWorld(tmp_path)
    trained(world)
    found = status(world.folder, tmp_path)["best"]["schedule"]
    best = pbt.load(world.folder).best
    assert best is not None
    assert found == [{"step": step, "hyperparameters": values} for step, values in best.schedule]
    world.close()


def test_without_pandas_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = FolderWorld(tmp_path)
    trained(world, rounds=1)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(pbt.SettingsError, match="pip install pandas"):
        pbt.load(world.folder).reports.to_pandas()
    world.close()


def test_pandas_has_a_column_for_each_value(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    world = FolderWorld(tmp_path)
    empty = Script(world)
    assert list(pbt.load(world.folder).reports.to_pandas().columns)[:3] == ["entry", "time", "member"]
    del empty
    trained(FolderWorld(tmp_path / "more"))
    run = pbt.load(tmp_path / "more" / "population")
    reports, decisions = run.reports.to_pandas(), run.decisions.to_pandas()
    assert len(reports) == 24
    assert {"member", "step", "score", "hyperparameters.lr", "metrics.loss", "used.lr"} <= {*reports.columns}
    assert reports.loc[reports.member == 0, "score"].tolist() == [10.0 * n - 0.5 for n in range(6)]
    assert {"why.rank", "why.operations.lr", "parent"} <= {*decisions.columns}
    assert set(decisions.start) == {"fresh", "on", "copy"}
    world.close()


def test_the_best_configurations_begin_another_population(tmp_path: Path) -> None:
    world = FolderWorld(tmp_path / "old")
    trained(world)
    run = pbt.load(where(world))
    first = run.configurations(2)
    assert run.best is not None
    assert first[0] == run.best.hyperparameters
    assert len(first) == 2
    assert len(run.configurations(100)) == len({str(values) for values in run.configurations(100)}) <= 5
    assert run.configurations(0) == []
    begun = Script(initial=first)
    assert [begun.join(id).hyperparameters for id in range(2)] == first
    world.close()


def test_intervals_of_an_earlier_population_are_known_to_a_model_from_the_start(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    world = FolderWorld(tmp_path / "old")
    old = trained(world)
    run = pbt.load(where(world))
    found = run.intervals()
    assert len(found) > 10
    assert [row.ended for row in run.intervals(3)] == [row.ended for row in found[-3:]]
    assert all(row.values in old.settings.space for row in found)
    script = Script(strategy={"name": "pb2", "earlier": found})
    assert len(script.settings.strategy.parameters["earlier"]) == len(found)
    script.round(4.0, 3.0, 2.0, 1.0)
    explored = [e.event for e in script.entries if isinstance(e.event, Explored)]
    assert "model" in next(iter(explored[0].why.values())).operations.values(), "the first child's comes from the model"
    other = Script(strategy={"name": "pb2", "earlier": found}, space={"depth": pbt.Int(1, 9)})
    other.round(4.0, 3.0, 2.0, 1.0)
    assert other.answers[3].hyperparameters["depth"] in range(1, 10), "of another space they say nothing"
    world.close()
