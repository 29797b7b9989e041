"""Two hosts of one's own: network namespaces, with a link that can be cut. Needs root, on Linux."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

SERVER, WORKER = "10.77.0.1", "10.77.0.2"


class Hosts:
    """A host for the server and one for workers; they reach each other and nobody else."""

    def __init__(self) -> None:
        if os.geteuid() != 0 or shutil.which("ip") is None:
            pytest.skip("network namespaces need root and the ip command")
        tag = secrets.token_hex(2)
        self._names = {"server": f"pbt-s-{tag}", "worker": f"pbt-w-{tag}"}
        self._link = f"pl{tag}"
        for name in self._names.values():
            if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode != 0:
                pytest.skip("network namespaces can not be made here")
        _ip("link", "add", self._link, "netns", self._names["server"], "type", "veth",
            "peer", "name", self._link, "netns", self._names["worker"])  # fmt: skip
        for host, address in (("server", SERVER), ("worker", WORKER)):
            name = self._names[host]
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", self._link)
            _ip("-n", name, "link", "set", self._link, "up")
            _ip("-n", name, "link", "set", "lo", "up")

    def start(self, host: str, command: Sequence[object], **more: Any) -> subprocess.Popen[str]:
        """Start a process on one of the hosts."""
        words = ["ip", "netns", "exec", self._names[host], *map(str, command)]
        return subprocess.Popen(words, text=True, **more)

    def cut(self, off: bool = True) -> None:
        """Cut the link, or mend it: what is sent meanwhile is lost without a word."""
        _ip("-n", self._names["server"], "link", "set", self._link, "down" if off else "up")

    def close(self) -> None:
        """The hosts are gone."""
        for name in self._names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
