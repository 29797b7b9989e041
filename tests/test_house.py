"""The house: which folder knows which, how long a file may be, and what lies at the root."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "pbt"
LOOSE = {"__init__", "__main__", "errors", "preempt", "settings", "checkpoint"}
"""Modules at the root; `checkpoint` is a name of the original's."""
LONGEST = 350

KNOWS = dict(
    re.findall(r"^\| `([\w/]+)` \| ((?:`\w+`(?:, )?|nothing)+) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
)
"""From CONTRIBUTING.md's table: a folder, and the folders that it may import, beyond `errors`."""


def room_of(module: str) -> str:
    """The folder of a module, or the module itself at the root."""
    return [*module.split("."), "__init__"][1]


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
