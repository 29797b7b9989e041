"""Disks for tests: small ones, read-only ones, and ones whose power can be cut. They need root, on Linux."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_SHUTDOWN, _NO_FLUSH = 0x8004587D, 2  # EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH


def _mount(*arguments: object) -> None:
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")


@contextmanager
def ram_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own with room for no more than `size`."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting needs root and the mount command")
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size}", "none", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def read_only(folder: Path, on: bool = True) -> None:
    """Make a mounted disk read-only, or writable again."""
    subprocess.run(["mount", "-o", f"remount,{'ro' if on else 'rw'}", str(folder)], check=True)


class PoweredDisk:
    """An ext4 file system in a file. After `cut` it is as after a power cut: what was not fsynced is gone."""

    def __init__(self, below: Path) -> None:
        if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
            pytest.skip("needs root and mkfs.ext4")
        self._image = below / "disk.img"
        self.folder = below / "disk"
        self.folder.mkdir()
        with self._image.open("wb") as file:
            file.truncate(64 * 1024 * 1024)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(self._image)], check=True)
        _mount("-o", "loop", self._image, self.folder)

    def cut(self) -> None:
        """Cut the power: nothing reaches the disk any more."""
        fd = os.open(self.folder, os.O_RDONLY)
        fcntl.ioctl(fd, _SHUTDOWN, struct.pack("I", _NO_FLUSH))
        os.close(fd)

    def restart(self) -> None:
        """The machine comes up again."""
        self.close()
        _mount("-o", "loop", self._image, self.folder)

    def close(self) -> None:
        """Unmount: at once, or, where a test that failed holds a file, as soon as it does not."""
        gc.collect()
        end = time.monotonic() + 10  # what a killed process held is let go of a little later
        while subprocess.run(["umount", str(self.folder)], capture_output=True, check=False).returncode != 0:
            if time.monotonic() > end:
                subprocess.run(["umount", "-l", str(self.folder)], check=True)
                return
            time.sleep(0.05)
