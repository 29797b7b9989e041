"""A browser without a window, on the page that was built."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.page import need_page
from tests.support.scripts import ROOT

PICTURES = ROOT / "build" / "page"
AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str:
    """The path of a browser; the test is skipped where there is none, or no page to look at."""
    need_page()
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("no Chromium is installed here")
    return found


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium, driven by playwright."""
    path = chromium()
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until it is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


class Tab:
    """A page in a browser, which notes what goes wrong on it.

    Attributes:
        page: as playwright has it.
        wrong: errors of scripts, what the policy for content refused, and requests to other servers.
    """

    def __init__(self, running: Any, base: str, dark: bool = False, phone: bool = False) -> None:
        width, height = (390, 844) if phone else (1280, 900)
        self._context = running.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light",
            has_touch=phone, reduced_motion="reduce",
        )  # fmt: skip
        self.base = base
        self.page = self._context.new_page()
        self.page.set_default_timeout(15_000)
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self._console)
        self.page.on("request", self._request)

    def go(self, path: str) -> Tab:
        """Load a path, and wait until there is something to see."""
        self.page.goto(self.base + path)
        self.page.wait_for_selector("h1, h2", state="attached")
        return self

    def picture(self, name: str) -> Path:
        """Look at the page: a file below build/page."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.wait_for_timeout(250)
        self.page.screenshot(path=PICTURES / f"{name}.png")
        return PICTURES / f"{name}.png"

    def axe(self) -> list[str]:
        """What axe-core finds, in words."""
        if not AXE.exists():
            pytest.skip("axe-core is not installed: make page")
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("() => axe.run()")
        return [
            f"{one['id']}: {n['html'][:120]} {n['failureSummary'][:200]}"
            for one in found["violations"]
            for n in one["nodes"]
        ]

    def query(self, name: str) -> str | None:
        """A part of the address's query."""
        found = re.search(rf"[?&]{name}=([^&]*)", self.page.url)
        return None if found is None else found[1]

    def close(self) -> None:
        """Close it; nothing may have gone wrong."""
        self._context.close()
        assert self.wrong == []

    def _console(self, message: Any) -> None:
        expected = "Failed to load resource" in message.text  # a status that the page shows in words
        if message.type == "error" and not expected:
            self.wrong.append(message.text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.wrong.append(f"a request to {request.url}")
