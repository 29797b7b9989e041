"""The examples run as they stand, and so does the demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.scripts import ROOT, pbt_run, status

SEED = 1
"""Of the configurations with which members are born: without luck four of them hold no good one."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "needs", "members", "at_least", "options"),
    [
        ("digits_torch", ["torch", "sklearn"], 8, -0.6, []),
        ("digits_torch_in_place", ["torch", "sklearn"], 4, -0.6, []),
        ("digits_numpy", ["numpy", "sklearn"], 4, -0.6, []),
        ("cartpole_ppo", ["torch", "gymnasium"], 16, 200, ["--steps", 28]),  # of 80, which take two minutes
    ],
)
def test_an_example_trains(
    tmp_path: Path, name: str, needs: list[str], members: int, at_least: float, options: list[object]
) -> None:
    for package in needs:
        pytest.importorskip(package)
    script = ROOT / "examples" / f"{name}.py"
    assert len(script.read_text().splitlines()) < 130
    command = ["run", "--workers", 2, "--seed", SEED, *options, "p", "--", "python", script]
    done = pbt_run(command, tmp_path, timeout=110)
    assert done.returncode == 0, done.stderr
    found = status("p", tmp_path)
    assert len(found["members"]) == members
    assert found["best"]["score"] > at_least
    assert found["warnings"] == []


@pytest.mark.slow
def test_the_demo_shows_what_it_found(tmp_path: Path) -> None:
    for package in ("numpy", "sklearn", "matplotlib"):
        pytest.importorskip(package)
    done = pbt_run(["demo", "here", "--seed", 2], tmp_path, timeout=110)
    assert done.returncode == 0, done.stderr
    for words in ("What came out", "random search", "The schedule it discovered", "What to type next"):
        assert words in done.stdout
    for picture in ("scores.png", "schedule.png"):
        data = (tmp_path / "here" / picture).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) > 10_000
    assert status("here/pbt", tmp_path)["state"] == "finished"
    again = pbt_run(["demo", "here"], tmp_path)
    assert again.returncode == 1
    assert "has a demo already" in again.stderr
