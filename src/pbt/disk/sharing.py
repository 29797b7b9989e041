"""Files that several users write: files made in a folder that a group may write, the group may write too.

The umask does not decide about that: it is the first user's, and the second one would be shut out of files whose
folder was opened for both. A population is shared by making its folder in one that is the group's (``chmod 2775``).
"""

from __future__ import annotations

import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path

from pbt.errors import SettingsError


def share(fd: int, folder: Path) -> None:
    """Let the group of `folder` write a file that this process has just made in it, if it may write the folder."""
    with suppress(OSError):
        home, made = os.stat(folder), os.fstat(fd)
        more = stat.S_IRWXG if stat.S_ISDIR(made.st_mode) else stat.S_IRGRP | stat.S_IWGRP
        lacks = made.st_mode & more != more
        if lacks and home.st_mode & stat.S_IWGRP and made.st_gid == home.st_gid and made.st_uid == os.geteuid():
            os.fchmod(fd, stat.S_IMODE(made.st_mode) | more)


def open_shared(path: Path, flags: int) -> int:
    """A descriptor of a file, which is made if `flags` say so; it is closed in programs that this one starts."""
    fd = os.open(path, flags | os.O_CLOEXEC, 0o644)
    if flags & os.O_CREAT:
        share(fd, path.parent)
    return fd


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are missing."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_folder(path.parent)
    path.mkdir(exist_ok=True)
    share_folder(path)


def share_folder(path: Path) -> None:
    """`share`, for a folder."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        share(fd, path.parent)
    finally:
        os.close(fd)


def refusal(path: Path, population: Path) -> SettingsError:
    """The error for a user without write permission in a population's folder."""
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return SettingsError(f"{path} lies on a read-only file system: training needs to write there")
    return SettingsError(
        f"{path} can not be written by this user (Permission denied): training needs that. Where several users "
        f"train, its owner opens the folder for their group: chmod -R g+rwX {shlex.quote(str(population))}"
    )


def check_writable(population: Path) -> None:
    """Check write permission for every file that workers write.

    Raises:
        SettingsError: he may not.
    """
    for name in ("", "journal", "journal.db", "leases", "checkpoints"):
        path = population / name
        if path.exists() and not os.access(path, os.W_OK):
            raise refusal(path, population)
