"""A page's stream of events, read in a thread."""

from __future__ import annotations

import http.client
import json
import queue
import threading
from typing import Any

from pbt.wire.addresses import API
from tests.support.worlds import KEY


class Events:
    """Events of a server as they come; `head` is the answer's."""

    def __init__(self, port: int, query: str = "", key: str = KEY) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._connection.request("GET", f"{API}/events{query}", headers={"Authorization": f"Bearer {key}"})
        self.head = self._connection.getresponse()
        self.came: queue.Queue[tuple[int, dict[str, Any]] | str] = queue.Queue()
        self.retry = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        at = 0
        try:
            for line in self.head:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "retry":
                    self.retry = int(value)
                elif field == "id":
                    at = int(value)
                elif field == "data":
                    self.came.put((at, json.loads(value)))
                elif line == b":\n":
                    self.came.put("comment")
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass
        self.came.put("end")

    def next(self, timeout: float = 10) -> Any:
        """The next event, "comment" or "end"."""
        return self.came.get(timeout=timeout)

    def until(self, entry: int) -> dict[str, Any]:
        """The first event at or past a journal's entry."""
        while True:
            found = self.next()
            assert found != "end"
            if found != "comment" and found[0] >= entry:
                return found[1]  # type: ignore[no-any-return]

    def close(self) -> None:
        """The page goes away."""
        import socket

        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._connection.close()
