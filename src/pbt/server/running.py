"""Running the application: a socket, uvicorn, and an orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import uvicorn

from pbt.errors import SettingsError
from pbt.opening.folder import path_of
from pbt.server.app import App
from pbt.server.limits import limits
from pbt.server.timeouts import LimitedProtocol
from pbt.server.tls import Certificate
from pbt.wire.noted import note_key

SHUTDOWN_GRACE = 5
"""Seconds for which open requests may finish."""
FAREWELL = 1.0
"""Seconds after which the end of a TLS connection is not waited for any longer: an idle client never confirms it."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        SettingsError: the address can not be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: else each answer takes 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise SettingsError(f"{host}:{port} can not be listened on ({error}): choose another --port") from None
    listening.listen(2048)
    return listening


class _Server(uvicorn.Server):
    """uvicorn, which deletes the key's note and answers held questions before it stops listening."""

    def __init__(self, app: App, config: uvicorn.Config, forget: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._forget = forget

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order."""
        self._forget()
        self._app.populations.release_waiters()
        asyncio.get_running_loop().call_later(FAREWELL, self._abort_closing)
        await super().shutdown(sockets)

    def _abort_closing(self) -> None:
        for connection in list(self.server_state.connections):
            if connection.transport.is_closing():
                connection.transport.abort()


def serve(
    app: App, listening: socket.socket, ready: Callable[[], None], until_closed: bool = False,
    certificate: Certificate | None = None,
) -> None:  # fmt: skip
    """Serve until a signal, or until standard input is closed by the parent.

    Args:
        ready: called when requests are answered.
        until_closed: end when standard input ends.
        certificate: speak TLS, and be this.
    """
    at_once = min(2048, limits().connections // 2)  # connections that are taken up before one is looked at
    config = uvicorn.Config(
        app, http=LimitedProtocol, lifespan="off", log_level="error", access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_GRACE, backlog=at_once, timeout_keep_alive=75, ws="none",
        ssl_certfile=None if certificate is None else certificate.file,
        ssl_keyfile=None if certificate is None else certificate.key,
    )  # fmt: skip
    host, port = listening.getsockname()[:2]
    file = app.request_check.key.file
    forget = note_key(file.read_text().strip(), host, port) if file is not None else lambda: None
    server = _Server(app, config, forget)
    if until_closed:
        threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Before uvicorn listens to signals one must not be lost; what it caught it raises once more at its
        # end, which must not end us before our own.
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, lambda number, frame: setattr(server, "should_exit", True))
    try:
        ready()
        asyncio.run(server.serve(sockets=[listening]))
    finally:
        forget()
        app.populations.close()


def _end_with_parent(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True


def folder_for(folder: str | Path) -> Path:
    """The server's folder, made if need be.

    Raises:
        SettingsError: it can not be, or is not to be written.
    """
    path = path_of(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{path} can not be made: {error.strerror}") from None
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise SettingsError(f"{path} can not be read and written by this user: a server needs both")
    return path
