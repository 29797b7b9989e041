"""The end of a journal that many write: earlier appends that a file repeats, and how far a reader may leap.

Of 32 workers that report once a second each, every one finds 31 new appends at each report: were each file to
be opened, the machines would do little else. So a file carries, before its own append, those that came just
before it, and a reader looks for the last name, going by how fast the journal grew, and opens that file alone.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from pbt.journals.files.frames import Frame

FRAMES, BYTES = 64, 32768
"""How much a file carries at most."""
_LONG_ENOUGH = 0.2
"""Seconds over which growth says something about its rate."""


class Tail:
    """The last appends that this process has seen."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._frames: deque[Frame] = deque(maxlen=FRAMES)
        self._clock = clock
        self._at = clock()
        self._since = self._at
        self._grown = 0
        self._rate = 0.0

    def add(self, frame: Frame) -> None:
        """The journal goes on with this one."""
        self._frames.append(frame)
        self._grown += len(frame.entries)

    def before(self, number: int) -> bytes:
        """The earlier appends to repeat before an append that begins with this entry."""
        carried: list[bytes] = []
        left = BYTES
        for frame in reversed(self._frames):
            left -= len(frame.raw)
            if frame.last != number - 1 or left < 0:
                break
            carried.append(frame.raw)
            number = frame.first
        return b"".join(reversed(carried))

    def stride(self) -> int:
        """How many entries others have probably appended since this was asked last."""
        now = self._clock()
        expected = int(self._rate * (now - self._at))
        self._at = now
        return min(expected, FRAMES // 2)

    def note(self) -> None:
        """Everything that there is was seen."""
        elapsed = self._at - self._since
        if elapsed > _LONG_ENOUGH:
            self._rate = (self._rate + self._grown / elapsed) / 2
            self._since, self._grown = self._at, 0


def newest(there: Callable[[int], bool], expected: int) -> int:
    """How far ahead the last name is, at most twice as far as expected; 1 if none is seen.

    Where an append had several entries some numbers are no names: then a name before the last is found.
    """
    low, high, probe = 1, 2 * expected + 1, expected
    while low < probe < high:
        if there(probe):
            low = probe
        else:
            high = probe
        probe = (low + high) // 2
    return low
