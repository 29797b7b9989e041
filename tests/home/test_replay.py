"""Replays: fresh runs of a schedule, exact where training is, and what they say about luck."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from bench.problems import quadratic
from tests.support.scripts import PBT, environment, pbt_run, write
from tests.support.worlds import ServerWorld

import pbt
from pbt.schedules.replay import Replay
from pbt.schedules.replays import place_of
from pbt.schedules.schedule import Origin

EXACT = """
import json, os, time
import pbt
space = {"lr": pbt.Float(1e-3, 1, log=True), "act": pbt.Choice(["a", "b"])}
settings = dict(members=5, steps=20, interval=2, maximize=True, goal=1e9, initial=[{"lr": 0.3}], synchronous=True)
for member in pbt.turns(space=space, seed=9, **settings):
    x = json.loads((member.checkpoint / "x").read_text()) if member.checkpoint else 4.0
    for step in member.steps():
        lr = member["lr"] * (1 - step / member.total_steps / 2)
        x = x - lr * x + lr * lr + (0.01 if member["act"] == "a" else 0)
        time.sleep(float(os.environ.get("PAUSE", 0)))
        member.report(-abs(x), save=lambda folder: (folder / "x").write_text(json.dumps(x)))
"""


@pytest.mark.parametrize("strategy", ["pbt", "mf-pbt"])
def test_in_one_process_a_replay_is_exact_where_training_is(strategy: str) -> None:
    b3 = quadratic.problem()
    found = pbt.train(
        b3.init, b3.step, b3.score, b3.space, members=8, steps=b3.steps, interval=5, maximize=b3.maximize, seed=3,
        strategy=strategy,
    )  # fmt: skip
    replay = found.replay(seeds=3, seed=5)
    assert replay.scores == (found.best.score,) * 3
    assert (replay.gap, replay.spread, replay.reached) == (0.0, 0.0, 3)
    assert "exact" in replay.sentence()


def test_luck_is_no_schedule() -> None:
    """Scores are noise, so the best of eight members has nothing that its schedule could give again."""
    found = pbt.train(
        lambda rng: 0.0, lambda x, h, rng: rng.gauss(0, 1), lambda x, rng: x, {"lr": pbt.Float(0, 1)}, members=8,
        steps=40, interval=2, seed=1, maximize=True,
    )  # fmt: skip
    replay = found.replay(seeds=20, seed=2)
    assert replay.gap is not None
    assert replay.spread is not None
    assert replay.gap > 1.5 * replay.spread
    assert "luck" in replay.sentence()
    assert found.replay(seeds=20, seed=2) == replay


def replayed(maximize: bool, best: float | None, *scores: float | None) -> Replay:
    return Replay(Origin("p", 0, 9, best, maximize), scores)


@pytest.mark.parametrize(
    ("found", "gap", "reached", "says"),
    [
        (replayed(True, 5.0, 1.0, 2.0, 3.0), 3.0, 0, "only up to the gap"),
        (replayed(False, 5.0, 1.0, 2.0, 3.0), -3.0, 3, "better than the run"),
        (replayed(True, 2.5, 1.0, 2.0, 3.0), 0.5, 1, "no luck shows"),
        (replayed(True, 3.5, 1.0, 2.0, 4.0, None), 3.5 - 7 / 3, 1, "no luck shows"),
        (replayed(True, 3.1, 1.0, 2.0, 3.0), 1.1, 0, "at the edge"),
        (replayed(True, 2.0, 1.0), 1.0, 0, "run more seeds"),
        (replayed(True, 2.0, 1.0, 1.001), 0.9995, 0, "2 are too few to tell how far replays lie apart; run 3 seeds"),
        (replayed(True, 2.0, None, float("nan")), None, 0, "no replay has"),
        (replayed(True, None, 1.0), None, 0, "no replay has"),
    ],
)
def test_the_gap_is_judged_by_how_far_replays_lie_apart(
    found: Replay, gap: float | None, reached: int, says: str
) -> None:
    assert found.gap == (gap if gap is None else pytest.approx(gap))
    assert found.reached == reached
    assert says in found.sentence().replace("No replay", "no replay")
    assert json.loads(json.dumps(found.json()))["reached"] == reached


def replay(cwd: Path, *options: object, code: int = 0, **env: Any) -> subprocess.CompletedProcess[str]:
    done = pbt_run(["replay", *options, "--", "python", "train.py"], cwd, **env)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("trained"))


def train(folder: Path) -> Path:
    run = ["run", "--workers", 2, "a #1 ü", "--", "python", write(folder, EXACT)]
    assert pbt_run(run, folder).returncode == 0
    return folder


def test_a_script_is_replayed_unchanged_to_the_last_bit(trained: Path) -> None:
    said = json.loads(replay(trained, "a #1 ü", "--seeds", 2, "--json").stdout)
    best = pbt.load(trained / "a #1 ü").best
    assert best is not None
    assert best.schedule.origin is not None
    assert said["scores"] == [best.score] * 2
    assert said["origin"] == best.schedule.origin.plain()
    assert Path(said["where"]).name == "a #1 ü.replay-1"
    run = pbt.load(said["where"])
    assert {m.step for m in run.members} == {best.step}
    assert [run.schedule(m.id) for m in run.members] == [best.schedule] * 2
    again = replay(trained, "a #1 ü", "--seeds", 2)
    assert "nothing was trained now" in again.stderr
    assert "The replays are exact" in again.stdout
    assert pbt.load(trained / "a #1 ü").replays[0].gap == 0
    looked = pbt_run(["status", "a #1 ü", "--json"], trained)
    assert json.loads(looked.stdout)["replays"][0]["gap"] == 0
    assert "replay gap 0 over 2 runs" in pbt_run(["status", "a #1 ü"], trained).stdout
    assert pbt_run(["steer", "a #1 ü", "steps", 30, "--yes"], trained).returncode == 0
    assert "nothing was trained now" in replay(trained, "a #1 ü", "--seeds", 2).stderr, "the schedule is the same"


@pytest.mark.slow
def test_an_interrupted_replay_goes_on_and_others_lie_beside_it(tmp_path: Path) -> None:
    trained = train(tmp_path)
    command = [*PBT, "replay", "a #1 ü", "--seeds", "3", "--member", "1", "--", "python", "train.py"]
    running = subprocess.Popen(
        command, cwd=trained, env=environment(PAUSE=0.1), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    place = Path(place_of(str(trained / "a #1 ü"), 1))
    end = time.monotonic() + 60
    while not list(place.glob("checkpoints/*/*/pbt.json")):
        assert time.monotonic() < end
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "go on from here with" in told
    replay(trained, "a #1 ü", "--seeds", 3, "--member", 1)
    found = pbt.load(trained / "a #1 ü").replays
    assert [len(r.scores) for r in found] == [3]
    assert found[0].scores == (pbt.load(trained / "a #1 ü").members[1].score,) * 3
    replay(trained, "a #1 ü", "--seeds", 2, "--anew")
    assert [r.gap for r in pbt.load(trained / "a #1 ü").replays] == [0, 0]


@pytest.mark.slow
def test_bounds_that_were_moved_since_do_not_keep_a_schedule_from_being_replayed(tmp_path: Path) -> None:
    train(tmp_path)
    moved = pbt_run(["steer", "a #1 ü", "bound", "lr", "--high", "0.002", "--yes"], tmp_path)
    assert moved.returncode == 0, moved.stderr
    assert json.loads(replay(tmp_path, "a #1 ü", "--seeds", 1, "--json").stdout)["gap"] == 0


@pytest.mark.slow
def test_behind_a_server_it_is_a_population_beside_the_other(served: ServerWorld, tmp_path: Path) -> None:
    write(tmp_path, EXACT)
    url = served.url
    done = pbt_run(["run", "--workers", 2, url, "--", "python", "train.py"], tmp_path, PBT_KEY=served.key)
    assert done.returncode == 0, done.stderr
    said = json.loads(replay(tmp_path, url, "--seeds", 2, "--json", PBT_KEY=served.key).stdout)
    assert said["where"] == f"{url}.replay-1"
    assert said["gap"] == 0
    assert said["origin"]["population"] == "digits"


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ("/runs/first/", "/runs/first.replay-2"),
        ("http://host:7777/first", "http://host:7777/first.replay-2"),
        ("http://host:7777/", "http://host:7777/default.replay-2"),
        ("https://a:1,b:2/x#sha256=0f", "https://a:1,b:2/x.replay-2#sha256=0f"),
    ],
)
def test_a_replay_lies_beside_its_population(where: str, place: str) -> None:
    assert place_of(where, 2) == place


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["nowhere"], "no population"),
        (["a #1 ü", "--member", 77], "77"),
    ],
)
def test_what_can_not_be_replayed_is_refused(trained: Path, options: list[str], says: str) -> None:
    before = sorted(p.name for p in trained.iterdir())
    assert says in replay(trained, *options, code=1).stderr
    assert sorted(p.name for p in trained.iterdir()) == before


def test_a_follower_is_stopped_where_the_schedule_ends() -> None:
    strategy = {"name": "follow", "schedule": [(0, {"lr": 0.5}), (3, {"lr": 0.1})], "until": 5}
    found = pbt.train(
        lambda rng: 0.0, lambda x, h, rng: x + h["lr"], lambda x, rng: x, {"lr": pbt.Float(0, 1)}, members=2,
        steps=100, interval=50, maximize=True, strategy=strategy,
    )  # fmt: skip
    assert [m.step for m in found.population.members] == [5, 5]
    assert all(m.done and not m.failed for m in found.population.members)
