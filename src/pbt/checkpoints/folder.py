"""Checkpoints in a folder that all workers see: ``checkpoints/<member>/<lease>-<seq>``.

Nothing is copied at an exploit: a child reads its parent's folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from pbt.checkpoints.ids import parsed
from pbt.checkpoints.manifest import adopted, changing, check, encoded, later, manifest_of, saved, times
from pbt.checkpoints.plain import protect, remove
from pbt.checkpoints.store import MANIFEST, Manifest, Named, check_unnamed
from pbt.disk.sharing import make_folder, share_folder
from pbt.disk.whole import sync
from pbt.population.entries import Checkpoint

_SYNCS = 3


class FolderStore:
    """A `CheckpointStore` below ``folder/checkpoints``."""

    def __init__(self, folder: Path) -> None:
        self._root = folder / "checkpoints"

    def staging(self, member: int, lease: int) -> Path:
        """``checkpoints/<member>/.<lease>-s<n>``, n counting up, so that no two savings share a folder."""
        home = self._home(member)
        n = 1 + max((int(p.name.partition("-s")[2]) for p in home.glob(f".{lease}-s*")), default=0)
        staging = home / f".{lease}-s{n}"
        staging.mkdir()
        share_folder(staging)
        return staging

    def _home(self, member: int) -> Path:
        home = self._root / str(member)
        if not home.exists():
            make_folder(home)
            sync(self._root)
            sync(self._root.parent)
        return home

    def publish(self, staging: Path, checkpoint: Checkpoint, parent: str | None, named: Named | None = None) -> Path:
        """Write the manifest, fsync files and folders, rename to the id, fsync the parent folder."""
        manifest = Manifest(checkpoint, parent, saved(staging))
        try:
            (staging / MANIFEST).write_bytes(encoded(manifest))
        except BaseException:  # half of one would be taken for a file of the user's
            with suppress(OSError):
                (staging / MANIFEST).unlink(missing_ok=True)
            raise
        return self.seal(staging, manifest, named)

    def seal(self, staging: Path, manifest: Manifest, named: Named | None = None) -> Path:
        """Make a folder that has its manifest already durable, visible under its id, and its files read-only.

        Raises:
            CheckpointError: a file is still being written, or a report has named a checkpoint with this id.
        """
        written = _durable(staging, manifest)
        target = self.path(manifest.checkpoint.id)
        if target.exists():
            check_unnamed(manifest.checkpoint.id, target, named)
            _remove(target)
        staging.rename(target)
        sync(target.parent)
        protect(target)
        try:
            times(target, manifest, written)
        except BaseException:
            target.rename(staging)  # the worker may complete it, and report again
            protect(staging, False)
            raise
        return target

    def path(self, id: str) -> Path:
        """Where a checkpoint lies, if it exists.

        Raises:
            CheckpointError: it is no id.
        """
        member, lease, seq = parsed(id)
        return self._root / str(member) / f"{lease}-{seq}"

    def arriving(self, member: int, lease: int, token: str) -> Path:
        """``checkpoints/<member>/.<lease>-u<token>``: where an upload is received."""
        return self._home(member) / f".{lease}-u{token}"

    def forget_arriving(self, member: int, lease: int) -> None:
        """Delete staging folders of uploads under this lease and earlier ones."""
        for path in self._home(member).glob(".*-u*"):
            if _staged_under(path.name) <= lease:
                remove(path)

    def adopt(self, source: Path, member: int, lease: int) -> Path:
        """A staging folder with a copy of a file or folder of the user's: reflinked where possible.

        Never hard-linked: a later save over the same path would change the checkpoint.
        """
        return adopted(source, self.staging(member, lease))

    def is_staging(self, path: Path) -> bool:
        """Whether the path is one that `staging` gave, which is published by rename."""
        return path.parent.parent == self._root and path.name.startswith(".")

    def fetch(self, id: str) -> Path:
        """The checkpoint's folder, once every file of its manifest is there in its size."""
        if not self._root.is_dir():
            raise OSError(f"{self._root} is out of reach: mount it, then start again")
        path = self.path(id)
        check(path, manifest_of(path, id))
        return path

    def delete(self, id: str) -> None:
        """Delete it; a half-deleted one has lost its manifest first, and so is seen as not whole."""
        _remove(self.path(id))

    def collect(self, member: int, lease: int, seq: int, keep: Iterable[str]) -> None:
        """Delete the member's unreferenced checkpoints. No clock, no scan of other members, idempotent."""
        kept = set(keep)
        for path in _children(self._root / str(member)):
            number = _numbers(path.name)
            if number is not None and number <= (lease, seq) and f"{member}/{path.name}" not in kept:
                _remove(path)
            elif 0 < _staged_under(path.name) < lease:
                remove(path)

    def sweep(self, referenced: Iterable[str], stagings: bool = False) -> None:
        """See `CheckpointStore`."""
        homes = [home for home in _children(self._root) if home.name.isdecimal()]
        found = [path for home in homes for path in _children(home)]
        kept = set(referenced)
        for path in found:
            if _staged_under(path.name):
                if stagings:
                    remove(path)
            elif _numbers(path.name) is not None and f"{path.parent.name}/{path.name}" not in kept:
                _remove(path)

    def ids(self) -> list[str]:
        """All published checkpoints."""
        return [
            f"{home.name}/{path.name}"
            for home in _children(self._root)
            for path in _children(home)
            if _numbers(path.name) is not None
        ]


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _numbers(name: str) -> tuple[int, int] | None:
    lease, _, seq = name.partition("-")
    return (int(lease), int(seq)) if lease.isdecimal() and seq.isdecimal() else None


def _staged_under(name: str) -> int:
    """The lease of a staging folder's name; 0: it is none."""
    lease, dash, _ = name[1:].partition("-")
    return int(lease) if name.startswith(".") and dash and lease.isdecimal() else 0


def _remove(path: Path) -> None:
    with suppress(OSError):
        (path / MANIFEST).unlink(missing_ok=True)
    remove(path)


def _durable(folder: Path, manifest: Manifest) -> dict[str, int]:
    """Sync a folder until nothing was written meanwhile; when its files were written."""
    now = times(folder, manifest)
    for _ in range(_SYNCS):
        for path in (*_walk(folder), folder):
            sync(path)
        before, now = now, times(folder, manifest)
        written = later(now, before)
        if not written:
            return now
    raise changing(folder, written[0])


def _walk(folder: Path) -> Iterator[Path]:
    for base, folders, files in os.walk(folder, topdown=False):
        for name in (*files, *folders):
            yield Path(base, name)
