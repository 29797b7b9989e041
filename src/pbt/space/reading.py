"""Search spaces from files: TOML, and the CSV of the original client.

TOML, one table a hyperparameter, or a plain value for a constant; a table of such is a group; constraints between them
stand at the top::

    constraints = ["layers <= batch / 8"]
    decay = 1e-4
    [optimizer]
    name = "adam"
    [optimizer.beta]
    min = 0.5
    max = 0.99
    [lr]
    min = 1e-4
    max = 1e-1
    log = true
    [discount]
    min = 0.9
    max = 0.9999
    log = "1-x"
    [layers]
    type = "int"
    min = 1
    max = 4
    explore = false
    [batch]
    ordinal = [32, 64, 128]
    [dropout]
    min = 0.0
    max = 0.5
    step = 0.1
    [activation]
    choice = ["relu", "tanh"]
    first = ["relu"]

CSV, with a header line, scale being ``linear``, ``log`` or ``1-x``::

    name,min,max,scale
    lr,0.0001,0.1,log
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pbt.errors import SpaceError
from pbt.space.domains import FROM_ONE, Choice, Constant, Domain, Float, Int, Ordinal
from pbt.space.space import Space

_DEEPEST = 20
COLUMNS = ("name", "min", "max", "scale")
_SCALES: dict[str, bool | Literal["1-x"]] = {"linear": False, "log": True, FROM_ONE: FROM_ONE}


def read_space(path: str | Path) -> Space:
    """The space in a ``.toml`` or ``.csv`` file.

    Raises:
        SpaceError: one error that names the file, the line where there is one, and the remedy.
    """
    path = Path(path)
    readers = {".toml": _read_toml, ".csv": _read_csv}
    if path.suffix.lower() not in readers:
        raise SpaceError(f"{path}: a space is read from a .toml or a .csv file; rename it to say which it is")
    return readers[path.suffix.lower()](path, _text(path))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise SpaceError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8") from None
    except OSError as error:
        raise SpaceError(f"{path}: {error.strerror}; check the path of the space") from None


def _read_csv(path: Path, text: str) -> Space:
    rows = csv.reader(io.StringIO(text), strict=True)
    header: list[str] | None = None
    domains: dict[str, Domain] = {}
    lines: dict[str, int] = {}
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            where = f"{path}, line {rows.line_num}"
            if header is None:
                header = _header(cells, where)
                continue
            if len(cells) != len(header):
                raise SpaceError(
                    f"{where}: {len(cells)} cells where the header has {len(header)}; give name,min,max,scale"
                )
            cell = dict(zip(header, cells, strict=True))
            if cell["name"] in domains:
                raise SpaceError(f"{where}: {cell['name']!r} stands on line {lines[cell['name']]} already; remove one")
            lines[cell["name"]] = rows.line_num
            domains[cell["name"]] = _row(cell, where)
    except csv.Error as error:
        raise SpaceError(f"{path}, line {rows.line_num}: {error}; mend the quoting") from None
    if header is None or not domains:
        raise SpaceError(
            f"{path}: no hyperparameter in it; write the line name,min,max,scale and one line for each below"
        )
    return _space(domains, str(path))


def _header(cells: list[str], where: str) -> list[str]:
    names = [cell.lower() for cell in cells]
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        raise SpaceError(f"{where}: no column {', '.join(missing)}; the first line must be name,min,max,scale")
    if len(set(names)) < len(names):
        raise SpaceError(f"{where}: a column stands there twice; the first line must be name,min,max,scale")
    return names


def _row(cell: dict[str, str], where: str) -> Domain:
    if not cell["name"]:
        raise SpaceError(f"{where}: the name is empty; name the hyperparameter")
    scale = cell["scale"].lower()
    if scale not in _SCALES:
        raise SpaceError(f"{where}: scale is {cell['scale']!r}; write log or linear, or 1-x")
    bounds = []
    for name in ("min", "max"):
        try:
            bounds.append(float(cell[name]))
        except ValueError:
            raise SpaceError(f"{where}: {name} is {cell[name]!r}; write a number") from None
    try:
        return Float(bounds[0], bounds[1], log=_SCALES[scale])
    except SpaceError as error:
        raise SpaceError(f"{where}: {cell['name']}: {error}") from None


def _read_toml(path: Path, text: str) -> Space:
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # beside TOMLDecodeError: an integer of 5,000 digits, [[[[…
        raise SpaceError(f"{path}: {error}; mend the TOML there") from None
    if not tables:
        raise SpaceError(f"{path}: no hyperparameter in it; write for example [lr], min = 1e-4, max = 1e-1, log = true")
    # A list is no constant, so that a hyperparameter may have this name.
    constraints = tables.pop("constraints") if isinstance(tables.get("constraints"), list) else ()
    return _space(_group(tables, (), lambda name: _opened(path, text, name)), str(path), constraints)


def _group(tables: dict[str, Any], above: tuple[str, ...], where: Callable[[str], str]) -> dict[str, Any]:
    """Domains and groups of them by name, from tables in tables."""
    found: dict[str, Any] = {}
    for key, table in tables.items():
        name = ".".join((*above, key))
        if len(above) > _DEEPEST:
            raise SpaceError(f"{where(above[0])}: {above[0]}: nested more than {_DEEPEST} deep")
        if isinstance(table, dict) and not _describes(table):
            found[key] = _group(table, (*above, key), where)
        else:
            found[key] = _table(name, table, where(name))
    return found


def _describes(table: dict[str, Any]) -> bool:
    """Whether a table is that of a domain, rather than a group: it has bounds or values, or nothing but their like."""
    values = {key for key, value in table.items() if not isinstance(value, dict)}
    if values & {"min", "max", "ordinal", "choice"} or not table:
        return True
    return len(values) == len(table) and bool(values & {"type", "log", "explore", "first", "step"})


def _opened(path: Path, text: str, name: str) -> str:
    """The file, and the line where the table of a name, or of the group that it is in, begins."""
    for begin in (name, name.partition(".")[0]):
        for number, line in enumerate(text.splitlines(), 1):
            head = line.strip().lstrip("[").strip().strip("\"'")
            if head.startswith(begin) and head[len(begin) :].lstrip("\"' \t")[:1] in ("]", "=", "."):
                return f"{path}, line {number}"
    return str(path)


def _table(name: str, table: Any, where: str) -> Domain:
    try:
        if not isinstance(table, dict):
            return Constant(table)
        given = dict(table)
        if "ordinal" in given or "choice" in given:
            kind = Ordinal if "ordinal" in given else Choice
            return kind(given.pop("ordinal" if kind is Ordinal else "choice"), **_only(given, {"explore", "first"}))
        missing = [key for key in ("min", "max") if key not in given]
        if missing:
            raise SpaceError(f"no {' and no '.join(missing)}; give min and max, or ordinal = […], or choice = […]")
        type_name = given.pop("type", "float")
        if type_name not in ("float", "int"):
            raise SpaceError(f'type is {type_name!r}; write "float" or "int"')
        known = {"min", "max", "log", "explore", "first"}
        return Int(**_only(given, known)) if type_name == "int" else Float(**_only(given, known | {"step"}))
    except SpaceError as error:
        raise SpaceError(f"{where}: {name}: {error}") from None


def _only(given: dict[str, Any], known: set[str]) -> dict[str, Any]:
    unknown = given.keys() - known
    if unknown:
        raise SpaceError(f"{sorted(unknown)[0]!r} means nothing here; known are {', '.join(sorted(known))}")
    for flag in given.keys() & {"log", "explore"}:
        if not (isinstance(given[flag], bool) or (flag == "log" and given[flag] == FROM_ONE)):
            more = f', or "{FROM_ONE}"' if flag == "log" else ""
            raise SpaceError(f"{flag} is {given[flag]!r}; write true or false{more}")
    return given


def _space(domains: Mapping[str, Any], where: str, constraints: Sequence[str] = ()) -> Space:
    try:
        return Space.of(Space(domains, constraints))
    except SpaceError as error:
        raise SpaceError(f"{where}: {error}") from None
