"""One checkpoint's folder on a disk: what was saved into it, what its manifest says, and whether both agree."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from pbt.checkpoints.store import MANIFEST, Manifest
from pbt.errors import CheckpointError

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Manifest)


def saved(staging: Path) -> dict[str, Path]:
    """The files that were saved into a staging folder, by name.

    Raises:
        CheckpointError: the folder is gone, or nothing was saved into it.
    """
    if not staging.is_dir():
        raise CheckpointError(f"{staging}: save into this folder; what was there is gone")
    found = [Path(base, name) for base, _, names in os.walk(staging) for name in names]
    files = {path.relative_to(staging).as_posix(): path for path in sorted(found) if path.is_file()}
    files.pop(MANIFEST, None)
    if not files:
        raise CheckpointError(f"{staging}: nothing was saved into it; save= must write at least one file there")
    return files


def adopted(source: Path, staging: Path) -> Path:
    """The staging folder, with a copy of what the user saved at a path of his own; none if that fails."""
    try:
        if source.is_dir():
            shutil.copytree(source, staging, dirs_exist_ok=True)
        elif source.is_file():
            shutil.copy2(source, staging / source.name)
        else:
            raise CheckpointError(f"{source}: there is neither a file nor a folder to publish as a checkpoint")
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
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
