"""The house: which folder knows which, how long a file may be, what lies at the root, and what tests may touch."""

from __future__ import annotations

import ast
import gc
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "pbt"
LOOSE = {"__init__", "__main__", "errors", "preempt", "settings", "checkpoint"}
"""Modules at the root; `checkpoint` is a name of the original's."""
LONGEST = 350
PRIVATE = {
    # A process that was asked to stop stays so; only a test's goes on afterwards, to the next test.
    ("conftest.py", "_requested"),
}
"""Private names of other objects that tests touch: (file, name)."""
PUBLIC = {"_exit", "_replace", "_asdict", "_fields", "_make", "_field_defaults"}
"""Names of the standard library that begin with an underscore only not to meet a user's."""
OWN, BY_NAME = {"self", "cls"}, {"getattr", "setattr", "delattr", "hasattr"}

KNOWS = dict(
    re.findall(r"^\| `([\w/]+)` \| ((?:`\w+`(?:, )?|nothing)+) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
)
"""From CONTRIBUTING.md's table: a folder, and the folders that it may import, beyond `errors`."""


def room_of(module: str) -> str:
    """The folder of a module, or the module itself at the root."""
    return [*module.split("."), "__init__"][1]


@pytest.fixture(scope="module", autouse=True)
def no_finalizers() -> Iterator[None]:
    """CPython 3.11 can not make two syntax trees at once, as a finalizer does that prints a traceback."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def imports(path: Path) -> Iterator[str]:
    """Every module of the package that a file imports, wherever in it; `TYPE_CHECKING` counts, too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = (alias.name for alias in node.names if alias.name.partition(".")[0] == "pbt")
            yield from (name for name in names if room_of(name) in ROOMS)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "pbt":
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in names if room_of(name) in ROOMS)  # else a public name of the package itself


FILES = sorted(SOURCE.rglob("*.py"))
ROOMS = sorted({path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in FILES} - {"__init__", "__main__"})


def allowed(room: str) -> set[str]:
    return {name.strip("`") for name in KNOWS[room].split(", ")} | {"errors", room}


@pytest.mark.parametrize("room", ROOMS)
def test_a_folder_imports_only_what_the_table_says(room: str) -> None:
    assert room in KNOWS, f"CONTRIBUTING.md's table does not name {room}"
    own = [path for path in FILES if path.relative_to(SOURCE).parts[0].removesuffix(".py") == room]
    wrong = {
        f"{path.relative_to(SOURCE)} imports {module}"
        for path in own
        for module in imports(path)
        if room_of(module) not in allowed(room)
    }
    assert not wrong


@pytest.mark.slow
def test_the_table_is_true_and_goes_in_no_circle() -> None:
    """What it allows is used, and there is an order in which each folder knows only those before it."""
    used = {room: set[str]() for room in ROOMS}
    for path in FILES:
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if room in used:
            used[room] |= {room_of(module) for module in imports(path)} - {room, "errors"}
    assert used == {room: allowed(room) - {room, "errors", "nothing"} for room in ROOMS}
    placed: set[str] = {"errors"}
    while len(placed) < len(ROOMS):
        ready = {room for room in ROOMS if room not in placed and used[room] <= placed}
        assert ready, f"these import each other: {sorted(set(ROOMS) - placed)}"
        placed |= ready


def test_nothing_else_lies_loose_at_the_root() -> None:
    assert {path.stem for path in SOURCE.glob("*.py")} == LOOSE


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_file_is_longer_than_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST


def privates(path: Path) -> Iterator[str]:
    """Private names that a file reads or sets on anything but `self` and `cls`, imports, or names in a string."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id in OWN):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in BY_NAME:
            yield from (str(a.value).rpartition(".")[2] for a in node.args[:2] if isinstance(a, ast.Constant))


def test_no_test_touches_what_is_private_to_another_object() -> None:
    """See the same by behaviour or a public name; where there is no way, say so in `PRIVATE`."""
    tests = Path(__file__).parent
    found = {
        (path.relative_to(tests).as_posix(), name)
        for path in tests.rglob("*.py")
        for name in privates(path)
        if re.match(r"_(?!_)", name) and name not in PUBLIC
    }
    assert found == PRIVATE
