"""A schedule as text: TOML and JSON, which are read back, and Python, which is pasted into a script."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import msgspec

from pbt.errors import SettingsError
from pbt.schedules.schedule import Origin, Schedule
from pbt.space.values import Value

_WHAT = (
    "Hyperparameters over steps, found by population-based training: each piece holds from its step to the next one."
)
_FUNCTION = '''

def hyperparameters(steps_done):
    """With which training goes on after so many steps; after the last change they stay."""
    if steps_done < 0:
        raise ValueError("steps are counted from 0")
    return next(values for start, values in reversed(SCHEDULE) if start <= steps_done)
'''


def toml(schedule: Schedule) -> str:
    """As TOML: a table ``origin``, and for each piece a table ``schedule``.

    Raises:
        SettingsError: a value is None, for which TOML has no word.
    """
    lines = [f"# {_WHAT}"]
    if schedule.origin is not None:
        lines += ["", "[origin]"]
        lines += [
            f"{name} = {_in_toml(name, value)}"
            for name, value in schedule.origin._asdict().items()
            if value is not None
        ]
    for step, values in schedule:
        lines += ["", "[[schedule]]", f"step = {step}", "[schedule.hyperparameters]"]
        lines += [f"{_key(name)} = {_in_toml(name, value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def as_json(schedule: Schedule) -> str:
    """As JSON: an object with ``origin`` and ``schedule``, the list of pieces, a line each."""
    origin = None if schedule.origin is None else schedule.origin.plain()
    pieces = (_json({"step": step, "hyperparameters": values}) for step, values in schedule)
    return f'{{"origin": {_json(origin)},\n "schedule": [\n  ' + ",\n  ".join(pieces) + "\n]}\n"


def python(schedule: Schedule) -> str:
    """As Python that needs nothing else: the pieces, and a function of the steps done."""
    pieces = [
        f"    ({step}, {{{', '.join(f'{n!r}: {v!r}' for n, v in values.items())}}}),\n" for step, values in schedule
    ]
    came = "" if schedule.origin is None else f"# {_found(schedule.origin)}\n"
    return f"# {_WHAT}\n{came}SCHEDULE = [\n{''.join(pieces)}]\n{_FUNCTION}"


TEXTS: dict[str, Callable[[Schedule], str]] = {"toml": toml, "json": as_json, "python": python}
"""By the name of the format."""


def texts(schedule: Schedule) -> dict[str, str]:
    """In all formats that can say it, by their names."""
    found = {}
    for name, text in TEXTS.items():
        try:
            found[name] = text(schedule)
        except SettingsError:  # TOML and None
            continue
    return found


def _found(origin: Origin) -> str:
    whose = "" if origin.population is None else f"population {origin.population!r}, "
    better = "higher" if origin.maximize else "lower"
    score = "no score" if origin.score is None else f"score {origin.score!r} ({better} is better)"
    return f"From {whose}member {origin.member} at step {origin.step}: {score}."


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=-1).decode()


def _key(name: str) -> str:
    bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if bare else _quoted(name)


def _in_toml(name: str, value: Value) -> str:
    if value is None:
        raise SettingsError(f"{name} is None, for which TOML has no word: take JSON or Python")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return repr(value)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
