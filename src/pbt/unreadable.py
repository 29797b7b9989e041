"""What reading somebody else's JSON may raise, and how it is said."""

from __future__ import annotations

import re

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""It is malformed or of the wrong types; it is no UTF-8; it is nested too deeply."""

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "null": "nothing",
    "array": "a list",
    "object": "a table of names and values",
}
_EXPECTED = re.compile(r"Expected `([^`]+)`( [^`]*?)?(?:, got `([^`]+)`)?")
_FIELD = re.compile(r"Object (contains unknown|missing required) field `([^`]*)`")


def plainly(error: Exception) -> str:
    """The message of a msgspec error as a sentence without a subject of its own, such as "steps must be text"."""
    text, _, path = str(error).partition(" - at `$")
    name = path.rstrip("`").removeprefix(".") or "it"
    if expected := _EXPECTED.fullmatch(text):
        kinds, limit, got = expected.groups()
        kind = " or ".join(_KINDS.get(k, k) for k in kinds.split(" | ") if k != "null")
        other = f", not {_KINDS.get(got, got)}" if got and got != "float" else ""
        return f"{name} must be {kind}{limit or ''}{other}"
    if field := _FIELD.fullmatch(text):
        return f"{field[2]!r} is {'not known' if field[1] == 'contains unknown' else 'missing'}"
    return text
