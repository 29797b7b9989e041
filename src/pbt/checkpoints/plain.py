"""The plain files and folders of a checkpoint: links replaced by copies, and file permissions."""

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
from typing import NamedTuple

from pbt.checkpoints.ids import checked
from pbt.disk.sharing import share_folder
from pbt.errors import CheckpointError

_CLONE = 0x40049409
"""FICLONE of linux/fs.h: both files share their blocks until one is written to."""
_WRITE, _EXECUTE = 0o222, 0o111
_PASSES = 4
"""Passes over a source that is being copied, at most; the last one must find no change."""
_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFLNK: "a link"}
_ALONE = "a checkpoint holds plain files and folders, and links to files"


class Seen(NamedTuple):
    """A file's size in bytes, and when it was written, in nanoseconds."""

    size: int
    written: int

    @classmethod
    def of(cls, state: os.stat_result) -> Seen:
        """As the file system says."""
        return cls(state.st_size, state.st_mtime_ns)


def contents(folder: Path) -> dict[str, Seen]:
    """All files below a folder, by name.

    Raises:
        CheckpointError: there is something else, or a name that can not be recorded.
    """
    files = {}
    for entry in _entries(folder):
        state, name = entry.stat(follow_symlinks=False), Path(entry.path).relative_to(folder).as_posix()
        checked(name)
        if stat.S_ISREG(state.st_mode):
            files[name] = Seen.of(state)
        elif not stat.S_ISDIR(state.st_mode):
            raise CheckpointError(f"{name} in {folder} is {_kind(state)}: {_ALONE}")
    return files


def resolve_links(folder: Path) -> None:
    """Put copies in the place of links, and of files of which another folder holds a hard link.

    Raises:
        CheckpointError: a link leads to nothing, to a folder outside, or to something other than a plain file.
    """
    _open_up(folder)
    links, names = [], Counter[tuple[int, int]]()
    shared: list[tuple[Path, os.stat_result]] = []
    for entry in _entries(folder):
        state = entry.stat(follow_symlinks=False)
        if stat.S_ISLNK(state.st_mode):
            links.append(Path(entry.path))
        elif stat.S_ISDIR(state.st_mode):
            _open_up(Path(entry.path))
        elif stat.S_ISREG(state.st_mode) and state.st_nlink > 1:
            names[state.st_dev, state.st_ino] += 1
            shared.append((Path(entry.path), state))
    outside = [path for path, state in shared if names[state.st_dev, state.st_ino] < state.st_nlink]
    for path in (*links, *outside):
        aside = path.with_name(f".{secrets.token_hex(8)}")
        with _undone(aside):
            _Copying(folder.resolve()).copy(path, aside, ())
        path.unlink()
        aside.rename(path)


def drop_empty(folder: Path) -> None:
    """Delete the empty folders below a folder: a checkpoint is names and bytes of files, wherever it is kept."""
    for base, folders, _ in os.walk(folder, topdown=False):
        for name in folders:
            with suppress(OSError):  # not empty, or a link
                Path(base, name).rmdir()


def copy_into(source: Path, target: Path) -> None:
    """Copy a file, or the contents of a folder, into a folder: links are followed as `resolve_links` does.

    A file that changes while it is copied, such as a log, is copied again.

    Raises:
        CheckpointError: as `resolve_links`; or the source holds the target, is not there, or does not come to rest.
    """
    try:
        real = source.resolve(strict=True)
    except (OSError, RuntimeError):
        real = source
    if real.is_dir():
        if target.resolve().is_relative_to(real):
            raise CheckpointError(f"{source} holds the population's own folder: give the folder of one checkpoint")
        copying = _Copying(real)
    elif real.is_file():
        copying = _Copying(real.parent)
    else:
        raise CheckpointError(f"{source}: there is neither a file nor a folder to publish as a checkpoint")
    for _ in range(_PASSES):
        if real.is_file():
            copying.copy(real, target / source.name, ())
        else:
            copying.below(real, target, (real,))
        if not copying.changed():
            return
    raise CheckpointError(f"{source} changes while it is being copied: report it once everything is written and closed")


def written_to(path: Path) -> str | None:
    """The name of a file that this process still has open for writing, below a folder or this very one.

    None where none is known of.
    """
    if not sys.platform.startswith("linux"):
        return None
    import fcntl

    real = str(path.resolve())
    for fd in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        with suppress(OSError):  # closed meanwhile
            file = os.readlink(f"/proc/self/fd/{fd}")
            inside = file == real or file.startswith(f"{real}{os.sep}")
            if inside and os.path.isfile(file) and fcntl.fcntl(int(fd), fcntl.F_GETFL) & 3:
                return file.removeprefix(real).lstrip(os.sep) or path.name
    return None


def protect(folder: Path, on: bool = True) -> None:
    """Take away the permission to write to files, where the file system knows of any; or give it back to their owner.

    Folders stay writable, so that a population can be deleted as any other folder. Where a group shares it, another
    user's worker reads files that were written for their owner alone, and deletes folders that `save` made.
    """
    for base, _, files in os.walk(folder):
        with suppress(OSError):
            share_folder(Path(base))
        home = Path(base).stat()
        for name in files:
            path = Path(base, name)
            with suppress(OSError):
                state = path.lstat()
                mode = stat.S_IMODE(state.st_mode)
                if home.st_mode & stat.S_IWGRP and home.st_gid == state.st_gid:
                    mode |= stat.S_IRGRP
                path.chmod(mode & ~_WRITE if on else mode | stat.S_IWUSR)


def remove(folder: Path) -> None:
    """Delete a folder and all below it, protected or not; one that is gone already is no error."""
    if folder.is_symlink():
        folder.unlink(missing_ok=True)
        return
    _open_up(folder)
    for base, folders, files in os.walk(folder):
        for name in (*folders, *(files if sys.platform == "win32" else ())):
            _open_up(Path(base, name))
    shutil.rmtree(folder, ignore_errors=True)


def _open_up(path: Path) -> None:
    """Give a folder's owner all permissions on it; those of others stay."""
    with suppress(OSError):
        state = path.lstat()
        if not stat.S_ISLNK(state.st_mode) and state.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            path.chmod(stat.S_IMODE(state.st_mode) | stat.S_IRWXU)


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


class _Copying:
    """Copies of files and folders, links followed: those to folders as long as they stay below `root`.

    Every pass copies what is new or has changed since the last one.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._copied: dict[Path, Seen] = {}
        self._met: dict[Path, Seen] = {}

    def changed(self) -> bool:
        """End a pass: delete copies of files that are gone; whether the pass found any change."""
        for target in self._copied.keys() - self._met.keys():
            target.unlink(missing_ok=True)
        changed = self._copied != self._met
        self._copied, self._met = self._met, {}
        return changed

    def below(self, folder: Path, target: Path, above: tuple[Path, ...]) -> None:
        """Copy the contents of a folder into another one."""
        for name in sorted(os.listdir(folder)):
            self.copy(folder / name, target / name, above)

    def copy(self, source: Path, target: Path, above: tuple[Path, ...]) -> None:
        """Copy one file or folder.

        Args:
            above: folders that are being copied, which must not be met again.
        """
        try:
            real = source.resolve(strict=True)
            state = real.lstat()
        except (OSError, RuntimeError):
            if above and not os.path.lexists(source):  # deleted since the folder was listed
                return
            raise CheckpointError(f"{source} is a link to nothing: {_ALONE}") from None
        if stat.S_ISREG(state.st_mode):
            self._met[target] = Seen.of(state)
            if self._copied.get(target) != self._met[target]:
                target.unlink(missing_ok=True)
                copy_file(real, target, state)
        elif not stat.S_ISDIR(state.st_mode):
            raise CheckpointError(f"{source} is or leads to {_kind(state)}: {_ALONE}")
        elif source.is_symlink() and not (real.is_relative_to(self._root) and real != self._root):
            raise CheckpointError(
                f"{source} is a link to the folder {real}, which is not in the checkpoint: save a copy"
            )
        elif real in above or source.parent.resolve().is_relative_to(real):
            raise CheckpointError(f"{source} is a link to a folder that holds it: {_ALONE}")
        else:
            target.mkdir(exist_ok=True)
            self.below(real, target, (*above, real))


def copy_file(source: Path, target: Path, state: os.stat_result) -> None:
    """Blocks are shared where the file system can, else copied; never a hard link, which a later save would change.

    The umask decides who may read the copy; an executable file stays executable, and the modification time is kept.
    """
    with source.open("rb") as old, target.open("xb") as new:
        try:
            import fcntl

            fcntl.ioctl(new.fileno(), _CLONE, old.fileno())
        except (ImportError, OSError):
            shutil.copyfileobj(old, new, 1 << 20)
    with suppress(OSError):
        mode = stat.S_IMODE(target.stat().st_mode)
        target.chmod(mode | state.st_mode & _EXECUTE & mode >> 2)
        os.utime(target, ns=(state.st_mtime_ns, state.st_mtime_ns))
