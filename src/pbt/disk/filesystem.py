"""Which file system a folder lies on, and which of them are networks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

NETWORK = frozenset(
    [
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "afs", "afpfs", "9p"),
        *("glusterfs", "orangefs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.ceph", "fuse.juicefs"),
        *("fuse.rclone",),
    ]
)
"""File systems that other machines may write to."""


def file_system(path: Path) -> str:
    """The type of the file system below `path`, as the kernel names it; "" where that is not known."""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    kinds = {}
    for line in lines:
        left, _, right = line.partition(" - ")
        mount = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), left.split(" ")[4])
        kinds[mount] = right.split(" ")[0]
    real = path.resolve()
    return next((kinds[str(p)] for p in (real, *real.parents) if str(p) in kinds), "")
