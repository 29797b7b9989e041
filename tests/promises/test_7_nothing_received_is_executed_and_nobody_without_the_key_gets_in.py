"""Promise 7: nothing received is unpickled or executed; nobody without the key reads or writes.

Further: `security/`, `server/test_server.py` (hosts, origins, names, sizes).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

import pbt
from pbt.population.recorded import StrategyRecord
from pbt.settings import wanted
from tests.support.population import SPACE
from tests.support.requests import request
from tests.support.scripts import ROOT
from tests.support.worlds import KEY, ServerWorld

UNPICKLERS = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "jsonpickle",
}
CALLS = {"eval", "exec", "compile", "__import__"}


def _sources() -> Iterator[tuple[Path, str]]:
    for folder in ("src", "examples", "bench"):
        for path in (ROOT / folder).rglob("*.py"):
            yield path, path.read_text()
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for n, block in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)):
            yield path.with_name(f"{path.name}:{n}"), block


def test_nothing_unpickles_or_executes_what_it_is_given() -> None:
    for path, text in _sources():
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue  # a piece of a script, in the documentation
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name.partition(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or "").partition(".")[0]]
            assert not UNPICKLERS & set(names), f"{path} imports {names}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in CALLS, f"{path}:{node.lineno} calls {node.func.id}"


def test_every_torch_load_takes_weights_only_and_every_numpy_load_no_pickles() -> None:
    found = 0
    for path, text in _sources():
        for call in re.finditer(r"\b(?:torch|np|numpy)\.load\(", text):
            end, depth = call.end(), 1
            while depth and end < len(text):
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            said = text[call.start() : end]
            found += 1
            assert "weights_only=True" in said or said.startswith(("np", "numpy")), f"{path}: {said}"
            assert "allow_pickle=True" not in said and "weights_only=False" not in said, f"{path}: {said}"
    assert found >= 2


@pytest.mark.parametrize("name", ["evil_module:x", ":x", ".x:y", "os:system", "x" * 10_000])
def test_a_request_imports_nothing(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil_module.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(tmp_path)
    world = ServerWorld(tmp_path)
    coordinator = world.coordinator()
    asked = wanted(space=SPACE, members=2, maximize=True)
    with pytest.raises(pbt.SettingsError, match="does not know the strategy"):
        coordinator.create(replace(asked, strategy=StrategyRecord(name)))
    assert coordinator.create(asked).members == 2
    world.close()


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", f"bearer {KEY}"]
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/digits/open"), ("GET", "/"), ("GET", "/digits/journal")])
def test_without_the_key_nobody_reads_or_writes(
    served: ServerWorld, header: str | None, method: str, path: str
) -> None:
    code, said = request(served, method, path, Authorization=header)
    assert code == 401
    assert said["code"] == "forbidden"
