"""A wire between workers and a server that is cut: connections after a random number of bytes, and all at once."""

from __future__ import annotations

import random
import socket
import threading
import time
from contextlib import suppress


class Wire:
    """Listens on a port of its own and passes bytes on to the server's.

    Args:
        to: the server's port.
        rng: draws where connections are cut.
        odds: probability that a connection will be cut half-way.
        delay: seconds for which whatever passes is held up.
    """

    def __init__(self, to: int, rng: random.Random, odds: float, delay: float = 0.0) -> None:
        self._delay = delay
        self._to = to
        self._rng = rng
        self._odds = odds
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.cuts = 0
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._to), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._open |= {client, server}
                limits = [self._rng.randrange(100, 60_000) if self._rng.random() < self._odds else None for _ in "ab"]
            for source, target, limit in ((client, server, limits[0]), (server, client, limits[1])):
                threading.Thread(target=self._pass, args=(source, target, limit), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, limit: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(65536):
                if limit is not None and passed + len(data) > limit:
                    target.sendall(data[: limit - passed])
                    self.cuts += 1
                    break
                passed += len(data)
                time.sleep(self._delay)
                target.sendall(data)
        self._drop(source, target)

    def _drop(self, *sockets: socket.socket) -> None:
        for one in sockets:
            with self._lock:
                self._open.discard(one)
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                one.close()

    def cut_all(self) -> None:
        """Every connection at once."""
        with self._lock:
            every = list(self._open)
        self.cuts += len(every) // 2
        self._drop(*every)

    def close(self) -> None:
        """No more connections."""
        self._listening.close()
        self.cut_all()
        time.sleep(0.05)
