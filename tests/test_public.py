"""What is public: seen by type checkers and found at run time, under one name each."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import pbt
import pbt.strategies
from tests.support.scripts import environment

PACKAGES = [pbt, pbt.strategies]


def seen(package: ModuleType) -> Iterator[tuple[str, str]]:
    """The names that a type checker sees, each with where it comes from."""
    assert package.__file__ is not None
    for node in ast.parse(Path(package.__file__).read_text()).body:
        if isinstance(node, ast.If):
            for imported in node.body:
                assert isinstance(imported, ast.ImportFrom)
                for alias in imported.names:
                    assert alias.asname == alias.name, "strict type checkers see no other"
                    assert imported.module is not None
                    yield alias.name, imported.module


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_type_checkers_see_what_there_is(package: ModuleType) -> None:
    types = dict(seen(package))
    assert types.keys() == {*package.__all__} - {"__version__"}
    for name, module in types.items():
        value = getattr(package, name)
        assert value is getattr(sys.modules[module], name)
        assert value.__doc__


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_no_module_takes_a_public_name(package: ModuleType) -> None:
    """Else the name would be the module once that is imported."""
    modules = {path.stem for path in Path(package.__path__[0]).iterdir() if path.suffix == ".py" or path.is_dir()}
    assert not modules & {*package.__all__}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_what_there_is_not_is_no_attribute(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nothing'"):
        package.nothing
    assert {*package.__all__} <= {*dir(package)}


def test_a_strategys_author_imports_no_framework_and_no_server() -> None:
    code = (
        "import sys\n"
        "from pbt.strategies import *\n"
        "heavy = {m for m in sys.modules if m.split('.')[0] in ('numpy', 'torch', 'uvicorn', 'rich', 'click')}\n"
        "assert not heavy, heavy\n"
        "assert not any(m.startswith(('pbt.server', 'pbt.worker')) for m in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=environment())


USES = """
import pbt
from pbt.strategies import Decision, Population, Strategy, birth


class Mine(Strategy, frozen=True):
    share: float = 0.2


space = {"lr": pbt.Float(0, 1)}
for member in pbt.turns("x", space, members=3, maximize=True, turn_steps=3, strategy=Mine(), initial=[{"lr": 1}]):
    member.report(1.0)
result = pbt.train(lambda g: 0.0, lambda x, h, g: x, lambda x, g: x, space, steps=3, members=2, maximize=True)
state: float = result.best.state
score: float = pbt.load("x").reports[0].score
pbt.join("x", when_away="continue", seed=None)
pbt.turns("x", turn=3)  # wrong
pbt.join("x", steps="many")  # wrong
pbt.join("x", when_away="go on")  # wrong
pbt.train(lambda g: 0.0, lambda x, h, g: x, lambda x, g: x, space, checkpoints="foreign")  # wrong
"""


@pytest.mark.slow
def test_a_type_checker_knows_every_setting(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(USES)
    code = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", tmp_path / "cache", script]
    done = subprocess.run(code, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if " error: " in line}
    wrong = {n for n, line in enumerate(USES.splitlines(), 1) if line.endswith("# wrong")}
    assert found == wrong, done.stdout + done.stderr
