"""Plain files and folders: what a checkpoint consists of, once every link in it is a copy; and who may write there."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pbt.checkpoints.ids import checked
from pbt.errors import CheckpointError

_CLONE = 0x40049409
"""FICLONE of linux/fs.h: both files share their blocks until one is written to."""
_WRITE, _WRITE_FOLDER = 0o222, 0o202
"""Permissions that a published file and folder do without. The group's on a folder stay, since in a folder that a
group shares another user's worker deletes what nobody needs any longer."""
_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFLNK: "a link"}
_ALONE = "a checkpoint holds plain files and folders, and links to files"


def contents(folder: Path) -> dict[str, int]:
    """Names and sizes in bytes of all files below a folder.

    Raises:
        CheckpointError: there is something else, or a name that can not be recorded.
    """
    files = {}
    for entry in _entries(folder):
        state, name = entry.stat(follow_symlinks=False), Path(entry.path).relative_to(folder).as_posix()
        checked(name)
        if stat.S_ISREG(state.st_mode):
            files[name] = state.st_size
        elif not stat.S_ISDIR(state.st_mode):
            raise CheckpointError(f"{name} in {folder} is {_kind(state)}: {_ALONE}")
    return files


def resolve_links(folder: Path) -> None:
    """Put copies in the place of links, and of files of which another folder holds a hard link.

    Raises:
        CheckpointError: a link leads to nothing, to a folder outside, or to what is no plain file.
    """
    with suppress(OSError):
        folder.chmod(folder.stat().st_mode | stat.S_IRWXU)  # perhaps a copy of a published one, with its permissions
    links, names = [], Counter[tuple[int, int]]()
    shared: list[tuple[Path, os.stat_result]] = []
    for entry in _entries(folder):
        state = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(state.st_mode):
            links.append(Path(entry.path))
        elif stat.S_ISREG(state.st_mode) and state.st_nlink > 1:
            names[state.st_dev, state.st_ino] += 1
            shared.append((Path(entry.path), state))
    outside = [path for path, state in shared if names[state.st_dev, state.st_ino] < state.st_nlink]
    for path in (*links, *outside):
        aside = path.with_name(f".{secrets.token_hex(8)}")
        with _undone(aside):
            _copy(path, aside, folder.resolve(), ())
        path.unlink()
        aside.rename(path)


def copy_into(source: Path, target: Path) -> None:
    """Copy a file, or what a folder holds, into a folder: links are followed as `resolve_links` does.

    Raises:
        CheckpointError: as `resolve_links`; or the source holds the target, or is not there.
    """
    try:
        real = source.resolve(strict=True)
    except (OSError, RuntimeError):
        real = source
    if real.is_dir():
        if target.resolve().is_relative_to(real):
            raise CheckpointError(f"{source} holds the population's own folder: give the folder of one checkpoint")
        for entry in sorted(os.listdir(real)):
            _copy(real / entry, target / entry, real, (real,))
    elif real.is_file():
        _copy(real, target / source.name, real.parent, ())
    else:
        raise CheckpointError(f"{source}: there is neither a file nor a folder to publish as a checkpoint")


def written_to(folder: Path) -> str | None:
    """The name of a file below a folder that this process still has open for writing; None where none is known of."""
    if not sys.platform.startswith("linux"):
        return None
    import fcntl

    root = f"{folder.resolve()}{os.sep}"
    for fd in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        with suppress(OSError):  # closed meanwhile
            path = os.readlink(f"/proc/self/fd/{fd}")
            if path.startswith(root) and os.path.isfile(path) and fcntl.fcntl(int(fd), fcntl.F_GETFL) & 3:
                return path.removeprefix(root)
    return None


def protect(folder: Path) -> None:
    """Take away the permission to write, where the file system knows of any."""
    for base, _, files in os.walk(folder, topdown=False):
        for name in files:
            _without(Path(base, name), _WRITE)
        _without(Path(base), _WRITE_FOLDER)


def remove(folder: Path) -> None:
    """Delete a folder and all below it, protected or not; one that is gone already is no error."""
    if folder.is_symlink():
        folder.unlink(missing_ok=True)
        return
    with suppress(OSError):
        folder.chmod(stat.S_IRWXU)
    for base, folders, files in os.walk(folder):
        for name in (*folders, *(files if sys.platform == "win32" else ())):
            path = Path(base, name)
            if not path.is_symlink():
                with suppress(OSError):
                    path.chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


def _without(path: Path, permission: int) -> None:
    with suppress(OSError):
        path.chmod(stat.S_IMODE(path.lstat().st_mode) & ~permission)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below a folder, links not followed."""
    with os.scandir(folder) as found:
        here = sorted(found, key=lambda entry: entry.name)
    for entry in here:
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path))


def _kind(state: os.stat_result) -> str:
    return _KINDS.get(stat.S_IFMT(state.st_mode), "a device")


class _undone:  # noqa: N801 (a context manager)
    """Delete a half copy if making it fails."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            with suppress(OSError):
                self._path.unlink() if self._path.is_file() else remove(self._path)


def _copy(source: Path, target: Path, root: Path, above: tuple[Path, ...]) -> None:
    """Copy one file or folder, links followed: those to folders as long as they stay below `root`.

    Args:
        above: folders that are being copied, which must not be met again.
    """
    try:
        real = source.resolve(strict=True)
        state = real.lstat()
    except (OSError, RuntimeError):
        raise CheckpointError(f"{source} is a link to nothing: {_ALONE}") from None
    if stat.S_ISREG(state.st_mode):
        _copy_file(real, target)
    elif not stat.S_ISDIR(state.st_mode):
        raise CheckpointError(f"{source} is or leads to {_kind(state)}: {_ALONE}")
    elif source.is_symlink() and not (real.is_relative_to(root) and real != root):
        raise CheckpointError(f"{source} is a link to the folder {real}, which is not in the checkpoint: save a copy")
    elif real in above or source.parent.resolve().is_relative_to(real):
        raise CheckpointError(f"{source} is a link to a folder that holds it: {_ALONE}")
    else:
        target.mkdir()
        for name in sorted(os.listdir(real)):
            _copy(real / name, target / name, root, (*above, real))


def _copy_file(source: Path, target: Path) -> None:
    """Blocks are shared where the file system can, else copied; never a hard link, which a later save would change."""
    with source.open("rb") as old, target.open("xb") as new:
        try:
            import fcntl

            fcntl.ioctl(new.fileno(), _CLONE, old.fileno())
        except (ImportError, OSError):
            shutil.copyfileobj(old, new, 1 << 20)
