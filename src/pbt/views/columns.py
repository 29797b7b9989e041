"""Numbers in bulk on the wire: a JSON header, then columns as little-endian bytes.

The first 4 bytes are the header's length (uint32); the header is UTF-8, padded with blanks so that the data begin at a
multiple of 8 bytes; each column is padded to one. The header::

    {"entry": 12, "columns": [{"name": "step", "type": "f8", "length": 600}, …], "meta": {…}}

nan stands for a number that is missing.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from pbt.errors import UNREADABLE, Invalid

MEDIA = "application/vnd.pbt.columns"
CODES = {"f4": "f", "f8": "d", "i4": "i", "u1": "B", "u2": "H"}
"""Types, and the codes by which `array` has them."""
_ALIGNED = 8


class Column(NamedTuple):
    """A named column; `type` is one of `CODES`."""

    name: str
    type: str
    values: Any


class Columns(NamedTuple):
    """What `decode` found: columns by name."""

    entry: int
    columns: dict[str, Sequence[float]]
    meta: dict[str, Any]


def encode(entry: int, columns: Iterable[Column], meta: dict[str, Any]) -> bytes:
    """The body of an answer, as of a journal's entry number."""
    parts = [(c.name, c.type, _array(c.type, c.values)) for c in columns]
    said = {
        "entry": entry,
        "columns": [{"name": name, "type": kind, "length": len(values)} for name, kind, values in parts],
        "meta": meta,
    }
    header = msgspec.json.encode(said)
    header += b" " * (-(4 + len(header)) % _ALIGNED)
    body = [struct.pack("<I", len(header)), header]
    for _, _, values in parts:
        data = values.tobytes()
        body += [data, b"\0" * (-len(data) % _ALIGNED)]
    return b"".join(body)


def decode(body: bytes) -> Columns:
    """The columns in the body of an answer.

    Raises:
        Invalid: it holds none, or was cut.
    """
    try:
        (length,) = struct.unpack_from("<I", body)
        said = msgspec.json.decode(body[4 : 4 + length])
        at = 4 + length
        found: dict[str, Sequence[float]] = {}
        for column in said["columns"]:
            values: array[float] = array(CODES[column["type"]])
            size = values.itemsize * column["length"]
            values.frombytes(body[at : at + size])
            if len(values) != column["length"]:
                raise ValueError("cut")
            if sys.byteorder == "big":
                values.byteswap()
            found[column["name"]] = values
            at += size + -size % _ALIGNED
        return Columns(said["entry"], found, said["meta"])
    except (*UNREADABLE, struct.error, KeyError, TypeError, ValueError) as error:
        raise Invalid(f"these are no columns ({error}): is the server of another version?") from None


def _array(kind: str, values: Any) -> array[float]:
    made: array[float] = values if isinstance(values, array) else array(CODES[kind], values)
    if made.typecode != CODES[kind]:
        made = array(CODES[kind], made)
    if sys.byteorder == "big":
        made = array(made.typecode, made)
        made.byteswap()
    return made
