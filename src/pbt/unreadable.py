"""What reading somebody else's JSON may raise, and how it is said."""

from __future__ import annotations

import re

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""It is malformed or of the wrong types; it is no UTF-8; it is nested too deeply."""
_KINDS = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "null": "nothing",
    "array": "a list", "object": "names with values", "bytes": "bytes",
}  # fmt: skip


def plainly(error: Exception) -> str:
    """What is wrong and where, without the parser's own words for types and places."""
    said, _, where = str(error).partition(" - at ")
    said = re.sub(r"`([^`]*)`", lambda found: _kinds(found[1]), said)
    said = re.sub(r"^Expected (.*), got (.*)$", r"\1 is expected, not \2", said)
    said = re.sub(r"^Expected (.*)$", r"\1 is expected", said)
    said = said.replace("Object contains unknown field", "there is nothing called")
    said = said.replace("Object missing required field", "it lacks")
    place = where.strip("`").replace("key in `", "a name in ").removeprefix("$").lstrip(".").replace("[...]", "[…]")
    return f"{place}: {said}" if place else said


def _kinds(types: str) -> str:
    known = [_KINDS.get(kind, kind) for kind in types.split(" | ")]
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} or {known[-1]}"
