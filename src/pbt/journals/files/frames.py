"""The format of a file of entries: frames, one for each append, each with its length, its key and a checksum.

A frame is a line of text, ``pbt1 FIRST COUNT BYTES KEY CHECKSUM``, and that many bytes of entries, each as
its length, a line end, the entry, a line end. A segment is the frames of several appends, one after another:
whatever part of it is read, its whole frames are true.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pbt.errors import JournalError

WRITER = 8
"""Bytes of a key that name the writer."""
_FORMAT = b"pbt1"
_LONGEST_LINE = 160


class Frame(NamedTuple):
    """The entries of one append.

    Attributes:
        first: the number of the first one.
        key: drawn by its writer, to know it again; it begins with the writer's own name.
        raw: the frame as it lies in the file.
    """

    first: int
    key: bytes
    entries: tuple[bytes, ...]
    raw: bytes

    @property
    def writer(self) -> bytes:
        """The writer's name: random bytes, too."""
        return self.key[:WRITER]

    @property
    def last(self) -> int:
        """The number of its last entry."""
        return self.first + len(self.entries) - 1


def framed(first: int, key: bytes, entries: Sequence[bytes]) -> bytes:
    """One append as bytes."""
    payload = b"".join([b"%d\n%s\n" % (len(entry), entry) for entry in entries])
    start = _start(first, len(entries), len(payload), key)
    return b"%s %s\n%s" % (start, _checksum(start, payload), payload)


def unframed(data: bytes) -> list[Frame]:
    """The whole frames at the beginning of `data`, up to where it is damaged, if it is.

    Raises:
        JournalError: a newer version wrote it.
    """
    frames: list[Frame] = []
    at = 0
    while at < len(data):
        frame = _frame_at(data, at)
        if frame is None or (frames and frame.first != frames[-1].last + 1):
            break
        frames.append(frame)
        at += len(frame.raw)
    return frames


def scattered(data: bytes) -> Iterator[Frame]:
    """Every whole frame in `data`, also behind a damaged one."""
    at = 0
    while at >= 0:
        frame = _frame_at(data, at)
        if frame is not None:
            yield frame
            at += len(frame.raw)
        else:
            at = data.find(_FORMAT + b" ", at + 1)


def _frame_at(data: bytes, at: int) -> Frame | None:
    end = data.find(b"\n", at, at + _LONGEST_LINE)
    words = data[at:end].split(b" ") if end >= 0 else []
    if words and words[0] != _FORMAT and words[0][:3] == b"pbt" and words[0][3:].isdigit():
        raise JournalError("the journal was written by a newer pbt: pip install -U pbtrain")
    if len(words) != 6 or words[0] != _FORMAT or not all(word.isdigit() for word in words[1:4]):
        return None
    first, count, size = (int(word) for word in words[1:4])
    payload = data[end + 1 : end + 1 + size]
    try:
        key = bytes.fromhex(words[4].decode())
    except ValueError:
        return None
    if len(payload) != size or words[5] != _checksum(_start(first, count, size, key), payload):
        return None
    return Frame(first, key, _entries(payload, count), data[at : end + 1 + size])


def _entries(payload: bytes, count: int) -> tuple[bytes, ...]:
    entries, at = [], 0
    for _ in range(count):
        end = payload.index(b"\n", at)
        size = int(payload[at:end])
        entries.append(payload[end + 1 : end + 1 + size])
        at = end + 2 + size
    return tuple(entries)


def _start(first: int, count: int, size: int, key: bytes) -> bytes:
    return b"%s %d %d %d %s" % (_FORMAT, first, count, size, key.hex().encode())


def _checksum(start: bytes, payload: bytes) -> bytes:
    return hashlib.blake2b(start + b"\n" + payload, digest_size=16).hexdigest().encode()
