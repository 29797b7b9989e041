"""A worker's command, looked at before anything is started: what can not run needs no four tries."""

from __future__ import annotations

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


def check(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Refuse a command that is not there, or a Python script that is missing or can not be compiled.

    Args:
        command: as a worker would run it.
        environment: in which it would run.

    Raises:
        SettingsError: with the reason.
    """
    found = shutil.which(command[0], path=environment.get("PATH"))
    if found is None:
        raise SettingsError(f"{shlex.join(command)} can not be started: {_why_not(command[0])}")
    script = _script(command)
    if script is None or (script.exists() and not script.is_file()):
        return
    try:
        source = script.read_bytes()
    except OSError as error:
        raise SettingsError(f"{shlex.join(command)} can not be started: {script}: {error.strerror}") from None
    if os.path.realpath(found) == os.path.realpath(sys.executable):
        _compile(source, script)


def _why_not(name: str) -> str:
    if os.sep not in name:
        return f"no command {shlex.quote(name)} on the path"
    if not os.path.exists(name):
        return "no such file"
    return "it is a folder" if os.path.isdir(name) else f"it is not executable; chmod +x {shlex.quote(name)}"


def _script(command: Sequence[str]) -> Path | None:
    """The file that a Python is to run, if that is what the command does."""
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


def _compile(source: bytes, script: Path) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, str(script), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        words = "".join(traceback.format_exception_only(error)).rstrip()
        raise SettingsError(f"{script} is no valid Python:\n{words}") from None
