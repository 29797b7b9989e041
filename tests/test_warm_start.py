"""A population that begins with what an earlier one found: its configurations, its intervals, its schedule."""

from __future__ import annotations

from pathlib import Path

import pytest

import pbt
from tests.support.scripts import TURNS, pbt_run, write


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("earlier")
    done = pbt_run(["run", "--workers", 2, "--seed", 3, "an old #1", "--", "python", write(folder, TURNS)], folder)
    assert done.returncode == 0, done.stderr
    return folder


def warm(earlier: Path, new: str, *options: object) -> pbt.Run:
    command = ["run", "--workers", 2, "--seed", 4, "--warm-start", "an old #1", *options, new]
    for _ in range(2):
        done = pbt_run([*command, "--", "python", "train.py"], earlier)
        assert done.returncode == 0, done.stderr
    assert "is finished" in done.stderr, "the same command again goes on where it stood"
    return pbt.load(earlier / new)


@pytest.mark.slow
def test_half_of_the_members_begin_with_the_best_configurations(earlier: Path) -> None:
    run, old = warm(earlier, "configurations"), pbt.load(earlier / "an old #1")
    assert list(run.settings.initial) == old.configurations(4)
    births = {d.member: d.hyperparameters for d in run.decisions if d.start == "fresh"}
    assert [births[id] for id in range(4)] == old.configurations(4)


@pytest.mark.slow
def test_a_model_knows_the_intervals_from_the_start(earlier: Path) -> None:
    pytest.importorskip("scipy")
    run = warm(earlier, "intervals", "--strategy", "pb2", "--warm-with", "intervals")
    assert len(run.settings.strategy.parameters["earlier"]) == len(pbt.load(earlier / "an old #1").intervals())
    explored = [d for d in run.decisions if d.start == "copy"]
    assert explored[0].why.operations == {"lr": "model"}


@pytest.mark.slow
def test_the_first_member_follows_the_best_schedule(earlier: Path) -> None:
    run = warm(earlier, "schedule", "--warm-with", "schedule", "--set", "quantile=0.25")
    best = pbt.load(earlier / "an old #1").best
    assert best is not None
    assert run.settings.strategy.parameters["then"]["quantile"] == 0.25
    first = [d for d in run.decisions if d.member == 0]
    assert first[0].hyperparameters == best.schedule[0]
    assert all(d.member == 0 for d in run.decisions if d.why.note == "as scheduled")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--warm-start", "nowhere"], "no population"),
        (["--warm-start", "an old #1", "--warm-with", "intervals"], "add --strategy pb2"),
        (["--warm-start", "an old #1", "--warm-with", "rows"], "configurations"),
    ],
)
def test_what_can_not_be_had_is_refused_before_anything_is_made(
    earlier: Path, tmp_path: Path, options: list[str], says: str
) -> None:
    done = pbt_run(["run", *options, tmp_path / "new", "--", "python", "train.py"], earlier)
    assert done.returncode != 0
    assert says in done.stderr
    assert not (tmp_path / "new").exists()
