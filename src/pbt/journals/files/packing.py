"""Packing: many small files of entries become one segment, so that a reader opens one file instead of many.

The segment holds the very frames of the files that it replaces, and hard links of it are renamed over their
names: no name is ever free, and every reader, whenever it opens a name, finds the frame that it looks for.
So packing can be killed anywhere, and done by two at once.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from pbt.disk.whole import sync, write_new
from pbt.errors import PBTError
from pbt.journals.files.frames import Frame, unframed
from pbt.journals.files.names import ASIDE, aside, name, read_file, remove

_log = logging.getLogger("pbt")
BLOCK = 64
"""Entry numbers that a segment covers, and so links that it may have: some file systems allow a hundred."""
SWEEP = 64
"""Blocks between two searches of the folder for temporary files of killed writers."""
OLD = 86400.0
"""Age in seconds of a temporary file after which its writer is taken for dead."""


def blocks(first: int, last: int) -> list[int]:
    """The blocks to pack once entries `first` to `last` were appended: some way behind, where few readers are."""
    crossed = range((first + BLOCK - 1) // BLOCK, last // BLOCK + 1)
    return [number - 2 for number in crossed if number >= 2]


def pack(folder: Path, block: int) -> None:
    """Pack a block: the files of entries number `block` * BLOCK + 1 to (`block` + 1) * BLOCK.

    Packing only saves time and files, so what fails is logged, and left as it is.
    """
    try:
        frames = _frames(folder, block * BLOCK + 1, (block + 1) * BLOCK)
        if len(frames) > 1:
            _replace(folder, frames, sweep=block % SWEEP == SWEEP - 1)
    except (OSError, PBTError) as error:
        _log.debug("%s: block %d stays unpacked: %s", folder, block, error)


def _frames(folder: Path, low: int, high: int) -> list[Frame]:
    """The appends that began in a range of numbers."""
    frames: list[Frame] = []
    number = low
    while number <= high:
        data = read_file(name(folder, number))
        if data is None and not frames:
            number += 1  # an append that began earlier may reach into the range
            continue
        found = [f for f in unframed(data or b"") if number <= f.first <= high]
        if not found or found[0].first != number:
            raise PBTError(f"{name(folder, number)} is not whole")
        frames += found
        number = found[-1].last + 1
    return frames


def _replace(folder: Path, frames: list[Frame], sweep: bool) -> None:
    segment = aside(folder)
    fd = write_new(segment, b"".join(frame.raw for frame in frames))
    try:
        for frame in frames:
            _rename_over(folder, segment, name(folder, frame.first))
        sync(folder)
        if sweep:
            _sweep(folder, os.fstat(fd).st_mtime)
    finally:
        os.close(fd)
        remove(segment)


def _rename_over(folder: Path, segment: Path, target: Path) -> None:
    link = aside(folder)
    try:
        os.link(segment, link)
        os.rename(link, target)
    finally:
        remove(link)  # a rename between two names of one file does nothing


def _sweep(folder: Path, now: float) -> None:
    """Delete temporary files of killed writers; `now` by the clock of the file system, as all its times are."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(ASIDE) and now - entry.stat().st_mtime > OLD:
                remove(Path(entry.path))
