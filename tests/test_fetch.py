"""`pbt fetch` brings a checkpoint from wherever it is kept, whole or not at all."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.opening import opening
from pbt.opening.fetching import fetch
from pbt.population.changes import Clone, Steer, Steps
from pbt.server.keys import Key
from tests.security import READ
from tests.support.scripts import PBT, environment, pbt_run
from tests.support.services import BUCKET, S3
from tests.support.worlds import KEY, ServerWorld

SETTINGS: dict[str, Any] = {
    "space": {"lr": pbt.Float(0, 1)}, "members": 2, "steps": 3, "interval": 1, "maximize": True, "seed": 1,
    "strategy": {"name": "pbt", "quantile": 0},
}  # fmt: skip


def train(where: object, **more: Any) -> None:
    for id in range(2):
        with pbt.join(str(where), member=id, **{**SETTINGS, **more}) as member:
            for step in member.steps():
                member.checkpoint

                def save(folder: Path) -> None:
                    (folder / "deep er").mkdir()
                    (folder / "deep er" / "state ü#%41").write_text(f"member {member.id} at {step}")  # noqa: B023

                member.report(float(step - member.id), save=save)


@pytest.fixture(params=["folder", "server", "object store"])
def trained(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A population whose best is member 0's, seen from somebody who only reads."""
    monkeypatch.setenv("PBT_CACHE", str(tmp_path))
    if request.param == "server":
        world = ServerWorld(tmp_path)
        world.app.request_check.key = Key(KEY, reading=READ)
        monkeypatch.setenv("PBT_KEY", KEY)
        train(world.url)
        monkeypatch.setenv("PBT_KEY", READ)
        yield world.url
        world.close()
    elif request.param == "object store":
        s3: S3 = request.getfixturevalue("s3")
        for name, value in s3.environment().items():
            monkeypatch.setenv(name, value)
        train(tmp_path / "p", checkpoints=f"s3://{BUCKET}/{secrets.token_hex(4)}")
        yield str(tmp_path / "p")
    else:
        where = tmp_path / "a population #1?%41 'ü'"
        train(where)
        yield str(where)


@pytest.mark.slow_but_first
def test_the_best_or_a_members_arrives_whole_and_can_be_changed(trained: str, tmp_path: Path) -> None:
    best, other = tmp_path / "new" / "best #1", tmp_path / "other"
    assert fetch(trained, None, best).member == 0
    assert (best / "deep er" / "state ü#%41").read_text() == "member 0 at 3"
    assert json.loads((best / "pbt.json").read_text())["checkpoint"]["step"] == 3
    assert fetch(trained, 1, other).score == 2.0
    assert (other / "deep er" / "state ü#%41").read_text() == "member 1 at 3"
    (other / "deep er" / "state ü#%41").write_text("mine")
    (other / "more").write_text("mine")
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_a_key_that_lies_on_this_machine_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first request for a checkpoint goes over a connection of its own, before any other has found the key."""
    monkeypatch.delenv("PBT_KEY", raising=False)
    train(tmp_path / "s" / "p")
    server = subprocess.Popen(
        [*PBT, "serve", tmp_path / "s", "--port", "0"], stdout=subprocess.PIPE, text=True,
        env=environment(PYTHONUNBUFFERED=1),
    )  # fmt: skip
    try:
        assert server.stdout is not None
        url = next(line.split("PBT_URL=")[1].strip() for line in server.stdout if "PBT_URL=" in line)
        assert fetch(url.replace("NAME", "p"), None, tmp_path / "best").member == 0
    finally:
        server.terminate()
        server.communicate(timeout=30)


def test_nothing_is_overwritten(trained: str, tmp_path: Path) -> None:
    for existing in (tmp_path / "folder", tmp_path / "link"):
        existing.mkdir() if existing.name == "folder" else existing.symlink_to(tmp_path / "nowhere")
        with pytest.raises(pbt.SettingsError, match="exists: name a folder that does not"):
            fetch(trained, None, existing)


def test_what_is_not_there_is_said(trained: str, tmp_path: Path) -> None:
    with pytest.raises(pbt.PBTError, match="member"):
        fetch(trained, 7, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_the_command_says_whose_checkpoint_came(tmp_path: Path) -> None:
    """A member may stand at one that it has taken over and not yet replaced."""
    train(tmp_path / "p")
    said = pbt_run(["fetch", "p", "--to", "best"], tmp_path).stdout
    assert said == "wrote best: the best checkpoint, member 0 at step 3, score 3\n"
    assert pbt_run(["fetch", "p", 1, "--to", "b1"], tmp_path).stdout == "wrote b1: member 1 at step 3, score 2\n"
    population = opening.existing(str(tmp_path / "p"))
    population.steer(Steer(Steps(6), nonce="1"))
    population.steer(Steer(Clone(0, 1), nonce="2"))
    said = pbt_run(["fetch", "p", 1, "--to", "b2"], tmp_path).stdout
    assert said == "wrote b2: what member 1 has taken over and stands at, member 0 at step 3, score 3\n"


@pytest.mark.slow
def test_status_says_how_to_get_what_lies_elsewhere(trained: str, tmp_path: Path) -> None:
    """The command that is printed is run as it is printed."""
    shown = pbt_run(["status", trained], tmp_path, PBT_KEY=READ).stdout
    best = json.loads(pbt_run(["status", trained, "--json"], tmp_path, PBT_KEY=READ).stdout)["best"]
    if "load it from" in shown:
        assert Path(best["path"], "pbt.json").exists()
        assert f"load it from  {best['path']}" in shown
    else:
        assert best["path"] is None
        assert f"get it with  {best['fetch']}" in shown
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pbt").write_text(f'#!/bin/sh\nexec {" ".join(PBT)} "$@"\n')
    (tmp_path / "bin" / "pbt").chmod(0o755)
    env = environment(PBT_KEY=READ)
    env["PATH"] = f"{tmp_path / 'bin'}:{env['PATH']}"
    subprocess.run(["sh", "-c", best["fetch"]], check=True, cwd=tmp_path, env=env)
    assert (tmp_path / "best" / "pbt.json").exists()


def test_one_that_is_not_whole_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    train(tmp_path / "p")
    for file in (tmp_path / "p" / "checkpoints").rglob("state*"):
        file.parent.chmod(0o755)
        file.unlink()
    with pytest.raises(pbt.CheckpointError, match="not whole"):
        fetch(str(tmp_path / "p"), None, tmp_path / "best")
    assert not list(tmp_path.glob("*best*"))


def test_before_anything_was_saved_there_is_nothing_to_fetch(tmp_path: Path) -> None:
    pbt.join(tmp_path / "p", **SETTINGS).close()
    done = pbt_run(["fetch", "p", "--to", "best"], tmp_path)
    assert done.returncode == 1
    assert "nothing to fetch" in done.stderr


@pytest.mark.slow
def test_a_foreign_checkpoint_is_its_scripts_own(tmp_path: Path) -> None:
    with pbt.join(tmp_path / "p", checkpoints="foreign", **SETTINGS) as member:
        member.report(1.0, step=1, checkpoint="/elsewhere/model.pt")
    done = pbt_run(["fetch", "p", "--to", "best"], tmp_path)
    assert "/elsewhere/model.pt" in done.stderr
    assert "its script calls it  /elsewhere/model.pt" in pbt_run(["status", "p"], tmp_path).stdout
