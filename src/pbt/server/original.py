"""`PBTServer`, with the names and the meaning of the original.

The server runs in a process of its own, started by exec and ended through a pipe: users fork clients
after making it, and a fork must inherit no thread, no SQLite handle and no lock. It is the server of
``pbt serve``; any client works with either.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

from pbt.opening.folder import fresh_folder
from pbt.wire.keys import KEY_ENV, wire_form

_log = logging.getLogger("pbt")


class PBTServer:
    """A server for `PBTClient`s, which lives as long as this object's process, or until `shut_down`.

    Args:
        port: to listen on; 0 takes a free one, which `port` tells.
        auth_key: the key that clients must give, text or bytes. With one the server listens on all interfaces, and the
            wire is in clear; without one on loopback only.
        maximize_metric: whether a higher metric is better.
        verbose: print a line for each new client, save and exploit.
        folder: where the populations live; by default a new one under ``./pbt-runs/``.

    Raises:
        SettingsError: the port can not be had.
    """

    def __init__(
        self,
        port: int,
        auth_key: str | bytes = "",
        maximize_metric: bool = True,
        verbose: bool = True,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        from pbt.server.running import bind, folder_for

        key = auth_key.encode() if isinstance(auth_key, str) else auth_key
        where = folder_for(fresh_folder("server") if folder is None else Path(folder))
        if key:
            warnings.warn(
                "PBTServer listens on all interfaces, and its key travels in clear: use it on networks you trust",
                stacklevel=2,
            )
        listening = bind("0.0.0.0" if key else "127.0.0.1", port)
        self._port: int = listening.getsockname()[1]
        command = [sys.executable, "-m", "pbt.server", str(listening.fileno()), str(where)]
        command += ["--maximize" if maximize_metric else "--minimize"] + (["--verbose"] if verbose else [])
        environment = {**os.environ, KEY_ENV: wire_form(key).decode()}
        if not key:
            environment.pop(KEY_ENV)
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
            command, stdin=subprocess.PIPE, pass_fds=[listening.fileno()], env=environment, start_new_session=True
        )
        listening.close()
        self._owner = os.getpid()
        os.register_at_fork(after_in_child=self._forget)
        if verbose:
            print(f"PBTServer: port {self._port}, everything lies in {where}", flush=True)

    def port(self) -> int:
        """The port on which it listens."""
        return self._port

    def shut_down(self) -> None:
        """End the server; saves stay, and a new server on the same folder goes on from there."""
        process, self._process = self._process, None
        if process is None or os.getpid() != self._owner:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _forget(self) -> None:
        """In a forked child: the pipe's end must not outlive the parent in its children."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.returncode = 0
        self._process = None

    def __enter__(self) -> PBTServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.shut_down()

    def __del__(self) -> None:
        if getattr(self, "_process", None) is not None:
            self.shut_down()
