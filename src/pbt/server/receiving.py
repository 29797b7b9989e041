"""A checkpoint that is being sent to the server: its files as they grow in a staging folder, and their hashes."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from pbt.checkpoints.ids import checked, inside
from pbt.checkpoints.manifest import decoded
from pbt.checkpoints.store import MANIFEST, Manifest
from pbt.checkpoints.upload import BLOCK, CHUNK, Commit
from pbt.disk.whole import sync
from pbt.errors import Damaged, Invalid

MANIFEST_LIMIT = 64 * 1024 * 1024
"""Bytes of a manifest."""


class Piece:
    """One file of an upload, and the hash of the bytes received so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = asyncio.Lock()
        self.size = path.stat().st_size if path.exists() else -1
        self.digest = hashlib.sha256() if self.size < 0 else None

    def append(self, block: bytes, offset: int) -> None:
        """Write a block at `offset`, which is the end; at 0 everything begins anew."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_TRUNC if offset == 0 else 0)
        if offset == 0:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.digest = hashlib.sha256()
        fd = os.open(self.path, flags, 0o666)
        try:
            view = memoryview(block)
            while view:
                view = view[os.pwrite(fd, view, offset + len(block) - len(view)) :]
        finally:
            os.close(fd)
        if self.digest is not None:
            self.digest.update(block)
        self.size = offset + len(block)

    def sync(self) -> None:
        """Fsync the file now, so that the commit need not."""
        sync(self.path, os.O_NOFOLLOW)

    def sha256(self) -> str:
        """The hash of all that has come; read back, if the server was started anew in between."""
        if self.digest is None:
            with self.path.open("rb") as file:
                self.digest = hashlib.file_digest(file, "sha256")
        assert self.digest is not None
        return self.digest.hexdigest()


class Upload:
    """One checkpoint that is being sent, in a staging folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = asyncio.Lock()
        self._pieces: dict[str, Piece] = {}

    def piece(self, name: str) -> Piece:
        """One of its files."""
        if name not in self._pieces:
            self._pieces[name] = Piece(inside(self.folder, name))
        return self._pieces[name]

    def arrived(self, name: str) -> int:
        """How many bytes of one of its files are here; -1: there is no such file. Asking begins nothing."""
        return (self._pieces.get(name) or Piece(inside(self.folder, name))).size

    def check(self, commit: Commit) -> Manifest:
        """Check received files against the manifest; delete those that differ, so that they are sent again."""
        manifest = self._manifest(commit)
        damaged = []
        for name, size in manifest.files.items():
            piece = self.piece(checked(name))
            if piece.size != size or piece.sha256() != manifest.sha256.get(name):
                self._throw_away(name)
                damaged.append(name)
        if damaged:
            raise Damaged(f"checkpoint {commit.id}: {damaged[0][:80]!r} did not arrive as it was sent")
        found = {p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if not p.is_dir()}
        if found != {MANIFEST, *manifest.files}:
            raise Invalid(f"checkpoint {commit.id}: files were sent that its manifest does not name")
        return manifest

    def _manifest(self, commit: Commit) -> Manifest:
        piece = self.piece(MANIFEST)
        if not 0 <= piece.size <= MANIFEST_LIMIT or piece.sha256() != commit.sha256:
            self._throw_away(MANIFEST)
            raise Damaged(f"checkpoint {commit.id}: its manifest did not arrive as it was sent")
        return decoded(piece.path.read_bytes(), commit.id, f"the manifest sent for {commit.id}")

    def _throw_away(self, name: str) -> None:
        self._pieces.pop(name).path.unlink(missing_ok=True)


class Body:
    """A request's body, in blocks."""

    def __init__(self, request: Request) -> None:
        self._stream = request.stream()
        self._rest = bytearray()
        self._over = False

    async def block(self) -> bytes:
        """The next `BLOCK` bytes; fewer at the end, or where the connection was cut."""
        try:
            while len(self._rest) < BLOCK and not self._over:
                self._rest += await anext(self._stream)
        except (StopAsyncIteration, ClientDisconnect):
            self._over = True
        block = bytes(self._rest[:BLOCK])
        del self._rest[:BLOCK]
        return block

    async def drain(self) -> None:
        """Read on for a chunk: a client that is still sending does not see the answer."""
        for _ in range(CHUNK // BLOCK):
            if len(await self.block()) < BLOCK:
                return
