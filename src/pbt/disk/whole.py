"""Atomic files, written aside and then linked or renamed; and fsync."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from pbt.disk.sharing import open_shared

PRIVATE = 0o600
"""The mode of a file that its owner alone may read."""


def write_new(path: Path, body: bytes, mode: int | None = None, durable: bool = True) -> int:
    """Write a new file.

    Args:
        mode: its permissions; None: a group that may write its folder may write it, too.
        durable: fsync it.

    Returns:
        Its descriptor, which the caller closes.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    fd = open_shared(path, flags) if mode is None else os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        left = memoryview(body)
        while left:
            left = left[os.write(fd, left) :]
        if durable:
            os.fsync(fd)
    except BaseException:
        os.close(fd)
        raise
    return fd


def make_once(path: Path, body: bytes, mode: int | None = None) -> None:
    """Make a file with `body`, durable; where there is one already, of another process that was first, it stays.

    Raises:
        OSError: there is none, and none could be made.
    """
    aside = _aside(path)
    try:
        os.close(write_new(aside, body, mode))
        os.link(aside, path)
    except OSError:
        if not path.exists():
            raise
    finally:
        aside.unlink(missing_ok=True)
    sync(path.parent)


def replace(path: Path, body: bytes) -> None:
    """Put a file with `body` in the place of `path`; not durable: a crash may lose it, but never cuts it short.

    Raises:
        OSError: it could not be written; the former file stays.
    """
    aside = _aside(path)
    try:
        os.close(write_new(aside, body, durable=False))
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def sync(path: Path, flags: int = 0) -> None:
    """Make a file's bytes, or a folder's names, durable.

    Some network file systems know no such request for folders: their servers do it by themselves.

    Args:
        flags: more flags for the opening.
    """
    fd = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
    finally:
        os.close(fd)


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
