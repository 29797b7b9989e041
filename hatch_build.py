"""Builds the page into the package, so that neither wheel nor source distribution needs Node to be installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface[Any]):
    """Runs before hatchling collects files."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page where it is absent; an editable installation goes without, and says so in the browser.

        Raises:
            RuntimeError: there is no npm to build it with, or that failed.
        """
        root = Path(self.root)
        if version == "editable" or (root / "src" / "pbt" / "page" / "index.html").exists():
            return
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError(
                "the page of pbt serve and pbt ui is not built, and there is no npm to build it with: install Node "
                "20.19 or newer, or install a released package, or this checkout as editable (pip install -e .), "
                "which does without the page"
            )
        for arguments in (["ci"], ["run", "build"]):
            done = subprocess.run([npm, "--prefix", str(root / "ui"), *arguments], check=False)
            if done.returncode != 0:
                raise RuntimeError(f"npm {' '.join(arguments)} has failed in {root / 'ui'}: its output says why")
