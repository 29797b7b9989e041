"""Training scripts that tests run as processes of their own: each a few lines, as a user would write them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PBT = [sys.executable, "-m", "pbt"]

TURNS = """
import json, os, random, sys, time
import pbt
where = sys.argv[1] if len(sys.argv) > 1 else None
pause = float(os.environ.get("PAUSE", 0))
space = {"lr": pbt.Float(1e-3, 1, log=True)}
for member in pbt.turns(where, space=space, members=8, steps=20, interval=2, maximize=True):
    state = json.loads((member.checkpoint / "state.json").read_text()) if member.checkpoint else {"x": 0.0, "steps": 0}
    assert state["steps"] == member.step, (state, member.step)
    for step in member.steps():
        state = {"x": state["x"] + member["lr"] * random.random(), "steps": state["steps"] + 1}
        assert state["steps"] == step
        time.sleep(pause)
        member.report(state["x"], save=lambda folder: (folder / "state.json").write_text(json.dumps(state)))
"""

JOIN = """
import json, os, random, sys, time
import pbt
space = {"lr": pbt.Float(1e-3, 1, log=True)}
member = pbt.join(sys.argv[1], space=space, members=4, steps=20, interval=2, maximize=True)
state = {"x": 0.0, "steps": 0}
def start():
    global state
    if member.checkpoint:
        state = json.loads((member.checkpoint / "state.json").read_text())
    assert state["steps"] == member.step, (state, member.step)
start()
for step in member.steps():
    state = {"x": state["x"] + member["lr"] * random.random(), "steps": state["steps"] + 1}
    time.sleep(float(os.environ.get("PAUSE", 0)))
    if member.report(state["x"], save=lambda folder: (folder / "state.json").write_text(json.dumps(state))).exploit:
        start()
"""


def write(folder: Path, text: str, name: str = "train.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def environment(**more: Any) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PBT_")}
    path = os.pathsep.join([str(ROOT), *filter(None, [env.get("PYTHONPATH")])])
    return {**env, "PYTHONPATH": path, **{k: str(v) for k, v in more.items()}}


def start(script: Path, *arguments: object, **env: Any) -> subprocess.Popen[str]:
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.Popen(
        command, env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=script.parent
    )


def pbt_run(
    arguments: Sequence[object], cwd: Path, timeout: float = 90, **env: Any
) -> subprocess.CompletedProcess[str]:
    command = [*PBT, *map(str, arguments)]
    return subprocess.run(
        command, env=environment(**env), capture_output=True, text=True, timeout=timeout, cwd=cwd, check=False
    )


def status(where: object, cwd: Path, **env: Any) -> dict[str, Any]:
    found = pbt_run(["status", where, "--json"], cwd, **env)
    assert found.returncode == 0, found.stderr
    return dict(json.loads(found.stdout))
