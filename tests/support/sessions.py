"""A browser, as far as sessions go: it keeps one server's cookie, and sends what browsers send."""

from __future__ import annotations

import http.client
import json
from typing import Any

from pbt.wire.addresses import SESSION
from tests.support.requests import at
from tests.support.worlds import ServerWorld


class Browser:
    """Keeps cookies of 127.0.0.1, and the token that the page was told."""

    def __init__(self, world: ServerWorld) -> None:
        self.port = world.port
        self.cookies: dict[str, str] = {}
        self.csrf = ""
        self.said = ""

    def ask(self, method: str, path: str, body: Any = None, **headers: str | None) -> tuple[int, Any]:
        """A request as the server's own page makes it; `headers` replace what it would send, None leaves out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        sent: dict[str, str | None] = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()) or None,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/json",
        }
        if method not in ("GET", "HEAD"):
            sent |= {"Origin": f"http://127.0.0.1:{self.port}", "x-pbt-csrf": self.csrf}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, at(path), data, {k: v for k, v in sent.items() if v is not None})
        response = connection.getresponse()
        self.said = response.headers.get("set-cookie", "")
        if self.said:
            name, _, value = self.said.partition(";")[0].partition("=")
            self.cookies[name] = value
        text = response.read()
        connection.close()
        return response.status, json.loads(text) if text[:1] in (b"{", b"[") else text

    def sign_in(self, **given: str) -> tuple[int, Any]:
        """Sign in with key= or code=."""
        code, said = self.ask("POST", SESSION, given)
        self.csrf = said.get("csrf", "")
        return code, said
