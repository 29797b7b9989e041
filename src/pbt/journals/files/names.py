"""Files of entries and their names, in a folder that several machines share.

A file's name is the number of the first entry that was appended with it. A name, once there, stays for
ever: a writer that believes itself at the end can then never link its file into the middle.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from pbt.disk.sharing import make_folder, open_shared
from pbt.errors import SettingsError

ASIDE = ".tmp"
"""How names of files end that nobody reads."""


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


def write_file(path: Path, body: bytes) -> int:
    """A new file with `body`, durable; its descriptor, which the caller closes."""
    fd = open_shared(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        left = memoryview(body)
        while left:
            left = left[os.write(fd, left) :]
        os.fsync(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def remove(path: Path) -> None:
    """Delete a file that was set aside, if that is possible."""
    with contextlib.suppress(OSError):
        path.unlink()


def sync_folder(folder: Path) -> None:
    """Make names durable. Some network file systems know no such request: their servers do it by themselves."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
    finally:
        os.close(fd)


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
        os.close(write_file(source, b"a link?"))
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
