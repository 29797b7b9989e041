"""Files of entries and their names, in a folder that several machines share.

A file's name is the number of the first entry that was appended with it. A name, once there, stays for
ever: a writer that believes itself at the end can then never link its file into the middle.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from pbt.disk.sharing import make_folder
from pbt.disk.whole import write_new
from pbt.errors import SettingsError

ASIDE = ".tmp"
"""Suffix of temporary files; readers ignore them."""


def name(folder: Path, number: int) -> Path:
    """Where the append that began with this entry lies."""
    return folder / f"{number:012d}"


def aside(folder: Path) -> Path:
    """A new name in the same folder, since some file systems link no file into another."""
    return folder / f".{os.getpid()}-{os.urandom(8).hex()}{ASIDE}"


def read_file(path: Path) -> bytes | None:
    """The whole file; None if there is none."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        chunks = []
        while chunk := os.read(fd, 1 << 20):
            chunks.append(chunk)
        return b"".join(chunks)
    finally:
        os.close(fd)


def remove(path: Path) -> None:
    """Delete a file that was set aside, if that is possible."""
    with contextlib.suppress(OSError):
        path.unlink()


def look_anew(folder: Path) -> None:
    """A client of NFS may remember for half a minute that a name is not there: opening the folder makes it ask."""
    os.close(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))


def prepare(population: Path) -> Path:
    """Make the folder of the entries, and make sure that its file system can link, and refuses to link twice.

    Raises:
        SettingsError: it can not.
    """
    folder = population / "journal"
    make_folder(folder)
    source, target = aside(folder), aside(folder)
    try:
        os.close(write_new(source, b"a link?"))
        os.link(source, target)
        try:
            os.link(source, target)
        except OSError:
            return folder
        raise SettingsError(f"{population}: {_ADVICE.format(why='links a file over another')}")
    except OSError as error:
        raise SettingsError(f"{population}: {_ADVICE.format(why=f'can not link files: {error.strerror}')}") from None
    finally:
        remove(source)
        remove(target)


_ADVICE = (
    "this file system {why}, so that machines can not share a journal on it: "
    "run pbt serve on one machine with a local folder, and give every worker its URL"
)
