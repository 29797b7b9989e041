"""Folders of a group, for tests that become another user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")


def group_folder(home: Path) -> Path:
    folder = home / "group"
    folder.mkdir()
    os.chown(folder, 0, NOBODY)
    folder.chmod(0o2775)
    return folder
