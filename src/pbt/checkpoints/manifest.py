"""One checkpoint's folder on a disk: its saved files, its manifest, and whether both agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from pbt.checkpoints.plain import contents, copy_into, drop_empty, remove, resolve_links, written_to
from pbt.checkpoints.store import MANIFEST, Manifest
from pbt.errors import CheckpointError

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Manifest)
_COMPLETE = "save= must return only once everything is written and closed"


def saved(staging: Path) -> dict[str, int]:
    """Names and sizes of the files that were saved into a staging folder, once there is nothing else in it.

    Links become copies, and empty folders are deleted.

    Raises:
        CheckpointError: the folder is gone, nothing was saved into it, it holds what can not be published, or a file
            in it is still being written.
    """
    if staging.is_symlink() or not staging.is_dir():
        raise CheckpointError(f"{staging}: save into this folder; what was there is gone")
    _check_closed(staging)
    resolve_links(staging)
    _clear_manifest(staging / MANIFEST)
    drop_empty(staging)
    files = contents(staging)
    if not files:
        raise CheckpointError(f"{staging}: nothing was saved into it; save= must write at least one file there")
    return {name: seen.size for name, seen in files.items()}


def _check_closed(path: Path) -> None:
    """No file is open for writing.

    One that only the collector of garbage would close counts as open: collected, it may lose what it has buffered.

    Raises:
        CheckpointError: naming one that is.
    """
    growing = written_to(path)
    if growing is not None:
        raise CheckpointError(f"{growing} in {path} is still open for writing: {_COMPLETE}")


def _clear_manifest(path: Path) -> None:
    """Delete one that came along with the copy of a checkpoint.

    Raises:
        CheckpointError: the name is taken by something of the user's.
    """
    try:
        _decoder.decode(path.read_bytes())
    except FileNotFoundError:
        return
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        raise CheckpointError(f"{path}: {MANIFEST} describes the checkpoint; give what you save another name") from None
    path.unlink()


def times(folder: Path, manifest: Manifest, since: Mapping[str, int] | None = None) -> dict[str, int]:
    """When the files of a folder were written, which are those of its manifest in their sizes.

    Raises:
        CheckpointError: something came, went or grew since it was listed, or was written later than `since` says.
    """
    found = contents(folder)
    found.pop(MANIFEST, None)
    sizes = {name: seen.size for name, seen in found.items()}
    changed = sorted(name for name in {*sizes, *manifest.files} if sizes.get(name) != manifest.files.get(name))
    written = {name: seen.written for name, seen in found.items()}
    changed += [] if since is None else later(written, since)
    if changed:
        raise changing(folder, changed[0])
    return written


def later(now: Mapping[str, int], before: Mapping[str, int]) -> list[str]:
    """Files written since; some mounts round times, so an earlier time proves nothing."""
    return sorted(name for name, at in now.items() if at > before.get(name, at))


def changing(folder: Path, name: str) -> CheckpointError:
    """The error for a checkpoint that changes while it is published."""
    return CheckpointError(f"{name} in {folder} changed while it was being published: {_COMPLETE}")


def adopted(source: Path, staging: Path) -> Path:
    """The staging folder, with a copy of a file or folder that the user saved at a path of his own; none if that fails.

    In a folder of his own a log may be open; a file that is given alone is what he saved.
    """
    try:
        if source.is_file():
            _check_closed(source)
        copy_into(source, staging)
    except BaseException:
        remove(staging)
        raise
    return staging


def encoded(manifest: Manifest) -> bytes:
    """The contents of ``pbt.json``."""
    return _encoder.encode(manifest)


def decoded(body: bytes, id: str, where: object) -> Manifest:
    """The manifest of checkpoint `id` from its bytes.

    Raises:
        CheckpointError: it can not be read, or is that of another checkpoint.
    """
    try:
        manifest = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{where} is not whole: {error}") from None
    if manifest.checkpoint.id != id:
        raise CheckpointError(f"{where} holds checkpoint {manifest.checkpoint.id}, not {id}")
    return manifest


def manifest_of(folder: Path, id: str) -> Manifest:
    """The manifest in a checkpoint's folder.

    Raises:
        CheckpointError: there is none, or that of another checkpoint.
    """
    try:
        body = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointError(f"{folder} is not whole: {error}") from None
    return decoded(body, id, folder)


def check(folder: Path, manifest: Manifest) -> None:
    """Every file of the manifest is there in its size.

    Raises:
        CheckpointError: naming the first that is not.
    """
    for name, size in manifest.files.items():
        try:
            found = (folder / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError) as error:
            raise CheckpointError(f"{folder} is not whole: {error}") from None
        if found != size:
            raise CheckpointError(f"{folder} is not whole: {name} has {found} bytes, not {size}")
