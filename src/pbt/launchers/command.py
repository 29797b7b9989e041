"""Checks of a worker's command before the first start: one that can not run is refused at once."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from pbt.errors import SettingsError

_PYTHON = re.compile(r"python(\d+(\.\d+)?)?")
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")


def refused(command: Sequence[str], environment: Mapping[str, str]) -> SettingsError | None:
    """Why no worker can run: the command is not there, or a Python script is missing or is none.

    Args:
        command: as a worker would run it.
        environment: in which it would run.
    """
    found = shutil.which(command[0], path=environment.get("PATH"))
    script = _script(command)
    why = None
    if found is None:
        why = _why_not(command[0])
    elif script is not None and (script.is_file() or not script.exists()):
        try:
            source = script.read_bytes()
        except OSError as error:
            why = f"{script}: {error.strerror}"
        else:
            if os.path.realpath(found) == os.path.realpath(sys.executable):
                why = _not_parsed(source, script)
    return None if why is None else SettingsError(f"{shlex.join(command)} can not be started: {why}")


def _why_not(name: str) -> str:
    if os.sep not in name:
        return f"no command {shlex.quote(name)} on the path"
    if not os.path.exists(name):
        return "no such file"
    return "it is a folder" if os.path.isdir(name) else f"it is not executable; chmod +x {shlex.quote(name)}"


def _script(command: Sequence[str]) -> Path | None:
    """The script that the command has a Python run, if it does."""
    if not _PYTHON.fullmatch(os.path.basename(command[0])):
        return None
    rest = iter(command[1:])
    for word in rest:
        if word in _WITH_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            return None if os.path.isdir(word) or word.endswith((".zip", ".pyz")) else Path(word)
        elif word == "-" or word.startswith("--") or set("cm") & set(word[1:]):
            return None
    return None


def _not_parsed(source: bytes, script: Path) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source, str(script))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return "it is no valid Python:\n" + "".join(traceback.format_exception_only(error)).rstrip()
    return None
