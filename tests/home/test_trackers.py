"""Trackers are told what the journal says, each thing once, and the real packages read it back."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.population import Script
from tests.support.scripts import pbt_run
from tests.support.worlds import KEY, FolderWorld, ServerWorld, World

import pbt
from pbt.errors import SettingsError
from pbt.exports.mlflow import uri_of
from pbt.exports.tracking import Point, Tracking, track
from pbt.opening.opening import open_journal
from pbt.population.recorded import Settings

SPACE = {
    "lr #1/ü": pbt.Float(1e-3, 1, log=True), "lr_#1/ü": pbt.Int(1, 9), "act": pbt.Choice(["relu", "tanh"]),
    "batch": pbt.Ordinal([16, 32]), "decay": 1e-4,
}  # fmt: skip


def played(world: World, steps: int = 6, script: Script | None = None, rounds: int = 20) -> Script:
    s = script or Script(world, members=4, space=SPACE, steps=steps, strategy=pbt.PBT(quantile=0.5))
    for step in range(rounds):
        for member in range(4):
            if member not in s.answers or not s.answers[member].stop:
                score = math.nan if (step, member) == (2, 3) else math.sin(5 * step + 2 * member)
                s.report(member, score, metrics={"loss": float(step)})
    return s


class Heard:
    """A tracker in memory."""

    def __init__(self) -> None:
        self.written = 0
        self.begun = self.closed = 0
        self.points: dict[int, list[Point]] = {}
        self.tags: dict[int, dict[str, str]] = {}
        self.ended: dict[int, bool] = {}

    def begin(self, settings: Settings) -> int:
        self.begun += 1
        return self.written

    def point(self, member: int, point: Point) -> None:
        self.points.setdefault(member, []).append(point)

    def tag(self, member: int, tags: dict[str, str]) -> None:
        self.tags[member] = tags

    def end(self, member: int, failed: bool) -> None:
        self.ended[member] = failed

    def commit(self, entry: int) -> None:
        self.written = entry

    def close(self) -> None:
        self.closed += 1

    def scores(self, member: int) -> list[tuple[int, float]]:
        return [(p.step, p.numbers["score"]) for p in self.points.get(member, []) if "score" in p.numbers]


def same(a: list[tuple[int, float]], b: list[tuple[int, float]]) -> bool:
    return [(s, repr(x)) for s, x in a] == [(s, repr(x)) for s, x in b]


def scores_of(run: pbt.Run, member: int) -> list[tuple[int, float]]:
    return [(r.step, r.score) for r in run.reports if r.member == member]


def test_each_report_is_told_once_however_often_it_is_called(tmp_path: Path) -> None:
    world, heard = FolderWorld(tmp_path), Heard()
    s = played(world, rounds=2)
    journal = open_journal(str(world.folder))
    for rounds in (1, 1, 20):
        track(journal, Tracking(heard), follow=False)
        played(world, script=s, rounds=rounds)
    for _ in range(2):
        track(journal, Tracking(heard), follow=False)
    run = pbt.load(world.folder)
    assert heard.begun == heard.closed == 5
    assert heard.written == run.population.count
    for m in run.members:
        assert same(heard.scores(m.id), scores_of(run, m.id))
        path = run.lineage.current[m.id].path()
        assert heard.tags[m.id]["pbt.lineage"] == " > ".join(f"{x.member}@{x.start}" for x in path)
        parents = [x.member for x in path[:-1] if x.member != m.id]
        assert heard.tags[m.id].get("pbt.parent") == (str(parents[-1]) if parents else None)
    assert heard.ended == dict.fromkeys(range(4), False)
    world.close()


def test_hyperparameters_are_numbers_over_steps(tmp_path: Path) -> None:
    world, heard = FolderWorld(tmp_path), Heard()
    played(world)
    track(open_journal(str(world.folder)), Tracking(heard), follow=False)
    run = pbt.load(world.folder)
    for m in run.members:
        told = [p for p in heard.points[m.id] if "score" not in p.numbers]
        reports = [r for r in run.reports if r.member == m.id]
        assert len(told) == len(reports)
        for point, report in zip(told, reports, strict=True):
            values = report.hyperparameters
            assert point.numbers == {
                "hyperparameters/lr #1/ü": values["lr #1/ü"], "hyperparameters/lr_#1/ü": values["lr_#1/ü"],
                "hyperparameters/act": ["relu", "tanh"].index(values["act"]),  # type: ignore[arg-type]
                "hyperparameters/batch": values["batch"],
            }  # fmt: skip
    world.close()


@pytest.mark.parametrize(
    ("rest", "uri"),
    [
        ("", ""), ("host:5000", "http://host:5000"), ("https://host/x", "https://host/x"),
        ("/a b/ml.db", "sqlite:////a b/ml.db"), ("sqlite:///x.db", "sqlite:///x.db"),
    ],
)  # fmt: skip
def test_where_mlflow_lies(rest: str, uri: str) -> None:
    assert uri_of(rest) == uri


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = FolderWorld(tmp_path_factory.mktemp("a #1 ü"))
    played(world)
    world.close()
    return Path(world.folder)


def call(folder: Path, cwd: Path, to: str, *more: object, code: int = 0, **env: Any) -> str:
    done = pbt_run(["track", folder, "--to", to, *more], cwd, **env)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow uses what its database layer is about to drop
def test_mlflow_reads_back_what_was_reported(folder: Path, tmp_path: Path) -> None:
    tracking = pytest.importorskip("mlflow.tracking")
    pytest.importorskip("alembic")
    to = f"mlflow://{tmp_path}/a b.db"
    for _ in range(2):
        call(folder, tmp_path, to, "--name", "x #1 ü")
    client, run = tracking.MlflowClient(tracking_uri=uri_of(f"{tmp_path}/a b.db")), pbt.load(folder)
    experiment = client.get_experiment_by_name("x #1 ü")
    found = client.search_runs([experiment.experiment_id])
    assert sorted(r.info.run_name for r in found) == [f"member-{id:03d}" for id in range(4)]
    for r in found:
        member = int(r.data.tags["pbt.member"])
        assert r.info.status == "FINISHED"
        assert r.data.params["decay"] == "0.0001"
        path = run.lineage.current[member].path()
        assert r.data.tags["pbt.lineage"].count(" > ") == len(path) - 1
        told = [(m.step, m.value) for m in client.get_metric_history(r.info.run_id, "score")]
        assert sorted(map(repr, told)) == sorted(map(repr, scores_of(run, member)))
        names = {"score", "metrics/loss", "hyperparameters/lr _1/ü", "hyperparameters/lr__1/ü",
                 "hyperparameters/act", "hyperparameters/batch"}  # fmt: skip
        assert r.data.metrics.keys() == names
        lr = [m.value for m in client.get_metric_history(r.info.run_id, "hyperparameters/lr _1/ü")]
        assert sorted(lr) == sorted(r.hyperparameters["lr #1/ü"] for r in run.reports if r.member == member)
    world = FolderWorld(tmp_path)
    Script(world, members=2, space=SPACE, seed=8).round(1.0, 2.0)
    assert "--name" in call(Path(world.folder), tmp_path, to, "--name", "x #1 ü", code=1)
    world.close()


def records(path: Path) -> Iterator[Any]:
    """The records in a file of Weights & Biases: LevelDB's format of a log, behind a header of 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    data, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            yield record
            whole = b""


@pytest.mark.slow
def test_wandb_has_offline_what_was_reported(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    for _ in range(2):
        call(folder, tmp_path, "wandb://me/project", WANDB_MODE="offline")
    run, files = pbt.load(folder), sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 4, "the second call had nothing to tell"
    seen = set()
    for path in files:
        told, member, tags = [], None, set()
        for record in records(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                member = int(record.run.display_name.removeprefix("member-"))
                assert (record.run.project, record.run.entity) == ("project", "me")
                assert record.run.run_group == "population"
                tags |= set(record.run.tags)
            elif kind == "history":
                values = {(i.key or "/".join(i.nested_key)): json.loads(i.value_json) for i in record.history.item}
                if "score" in values:
                    told.append((values["member_step"], float(values["score"])))
        assert member is not None
        seen.add(member)
        assert same(told, scores_of(run, member))
        assert f"member={member}" in tags
    assert seen == {0, 1, 2, 3}


@pytest.mark.slow
def test_tensorboard_has_the_last_hyperparameters(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.plugins.hparams import plugin_data_pb2

    call(folder, tmp_path, "tensorboard://tb")
    for m in pbt.load(folder).members:
        events = loader.EventAccumulator(str(tmp_path / "tb" / f"member-{m.id:03d}"))
        events.Reload()
        content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
        told = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
        assert {name: told[name].WhichOneof("kind") for name in SPACE} == {
            **dict.fromkeys(SPACE, "number_value"), "act": "string_value",
        }  # fmt: skip
        assert told["lr #1/ü"].number_value == m.hyperparameters["lr #1/ü"]
        assert told["act"].string_value == m.hyperparameters["act"]


@pytest.mark.parametrize(
    ("to", "says"),
    [("ftp://x", "begin it with mlflow://"), ("mlflow", "begin it with"), ("tensorboard://", "name the folder")],
)
def test_a_tracker_that_is_none_is_refused(folder: Path, tmp_path: Path, to: str, says: str) -> None:
    assert says in call(folder, tmp_path, to, code=1)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from pbt.exports.mlflow import MLflow
    from pbt.exports.wandb import WandB

    for name, made in (("mlflow.entities", MLflow), ("wandb", WandB)):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(SettingsError, match=r"pip install 'pbtrain\["):
            made("", "x")


@pytest.mark.slow
def test_a_server_is_followed_too(served: ServerWorld, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    played(served)
    done = pbt_run(["track", served.url, "--to", "tensorboard://tb", "--follow"], tmp_path, PBT_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "tb").glob("member-*"))) == 4
