"""The messages between a server and its reading process: MessagePack, each behind its length."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import msgspec

_HEAD = struct.Struct("<I")


class Begin(msgspec.Struct, frozen=True, tag=True):
    """The first message: the server's folder, the database that has the journals ("": none), strategies by name."""

    folder: str
    database: str
    strategies: tuple[str, ...]


class Ask(msgspec.Struct, frozen=True, tag=True):
    """A request for a view; without a population, for the list of all.

    Attributes:
        query: of the address, as it came.
        known: the entry number of which the asker has the view already; -1: none.
    """

    id: int
    population: str = ""
    view: str = ""
    query: str = ""
    known: int = -1


class Watch(msgspec.Struct, frozen=True, tag=True):
    """From now on tell of these populations, or of all."""

    names: tuple[str, ...]
    everything: bool


class Silent(msgspec.Struct, frozen=True, tag=True):
    """Leases, as (member, number), of whose holders the server has not heard for a term: only it hears them."""

    population: str
    leases: frozenset[tuple[int, int]]


class Told(msgspec.Struct, frozen=True, tag=True):
    """An answer; where `status` is an error's, `media` is its code and `body` its text."""

    id: int
    status: int
    media: str
    entry: int
    body: bytes = b""


class Frames(msgspec.Struct, frozen=True, tag=True):
    """A frame of the event stream for each population that has changed."""

    frames: dict[str, bytes]


Message = Begin | Ask | Watch | Silent | Told | Frames
_decoder = msgspec.msgpack.Decoder(Message)
_encode = msgspec.msgpack.Encoder().encode


def packed(message: Message) -> bytes:
    """A message as bytes."""
    body = _encode(message)
    return _HEAD.pack(len(body)) + body


class Incoming:
    """Cuts what arrives into messages."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole with these bytes."""
        self._data += data
        while len(self._data) >= _HEAD.size:
            (length,) = _HEAD.unpack_from(self._data)
            end = _HEAD.size + length
            if len(self._data) < end:
                return
            body = bytes(self._data[_HEAD.size : end])
            del self._data[:end]
            yield _decoder.decode(body)
