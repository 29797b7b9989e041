"""The page in a browser, on a server's largest population: first picture, script in a frame, memory of the tab.

pbt serve FOLDER --no-key --port 7801
python bench/page.py http://127.0.0.1:7801/NAME
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Page, sync_playwright

WARM = 8
"""Seconds for which the server reads the journal, before anything is measured."""
VIEWS = {
    "population": "view=population", "tree": "view=family", "clades": "view=family&tab=clades",
    "by member": "view=family&tab=slots", "members": "view=members",
}  # fmt: skip
_DRAWN = "() => [...document.querySelectorAll('.layers canvas:first-child')].filter(c => c.width > 300).length >= %d"


def cost(page: Page, act: Callable[[], int]) -> str:
    """What an action costs the page's main thread, by its moves: ms of script, and of everything."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    before = _metrics(session)
    moves = act()
    after = _metrics(session)
    script, task = ((after[name] - before[name]) * 1000 / moves for name in ("ScriptDuration", "TaskDuration"))
    return f"{moves} moves, {script:.1f} ms of script and {task:.1f} ms in all for each"


def private(browser: Any) -> float:
    """MiB that the tab's process has for itself."""
    found = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    sizes = []
    for process in found:
        if process["type"] == "renderer":
            rolled = Path(f"/proc/{process['id']}/smaps_rollup").read_text()
            kept = re.findall(r"^Private_\w+: +(\d+) kB", rolled, re.M)
            sizes.append(sum(map(int, kept)) / 1024)
    return max(sizes)


def _metrics(session: Any) -> dict[str, float]:
    return {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}


def main(url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        sizes: dict[str, int] = {}
        page.on(
            "response", lambda r: sizes.update({r.url.rpartition("/")[2][:40]: int(r.headers.get("content-length", 0))})
        )
        page.goto(url)
        page.wait_for_timeout(WARM * 1000)
        firsts = []
        for _ in range(5):
            began = time.monotonic()
            page.goto(url)
            page.wait_for_selector(".plot")
            page.wait_for_function(_DRAWN % 2)
            firsts.append(time.monotonic() - began)
            page.wait_for_timeout(1500)
        print(f"first picture: median {median(firsts):.2f} s of {', '.join(f'{x:.2f}' for x in firsts)}")
        print(f"largest answers: {sorted(((n, k) for k, n in sizes.items()), reverse=True)[:4]}")
        x = y = 0.0

        def hover() -> int:
            for i in range(200):
                page.mouse.move(x + 80 + 5 * i, y + i % 60)
            return 200

        def zoom() -> int:
            page.keyboard.down("Control")
            for i in range(60):
                page.mouse.wheel(0, -40 if i < 30 else 40)
            page.keyboard.up("Control")
            return 60

        def pan() -> int:
            for i in range(100):
                page.mouse.wheel(25 if i % 50 < 25 else -25, 0)
            return 100

        bare = re.sub(r"\?.*", "", url)
        for title, query in VIEWS.items():
            page.close()  # a tab of its own for each
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            for name, act, steps in (("hover", hover, ""), ("zoom", zoom, ""), ("pan", pan, "&from=100&to=400")):
                page.goto(f"{bare}?{query}{steps}")
                page.wait_for_function(_DRAWN % 1)
                page.wait_for_timeout(2000)
                box = page.locator(".plot").first.bounding_box()
                assert box is not None
                x, y = box["x"], box["y"] + box["height"] / 3
                page.mouse.move(x + 500, y)
                print(f"{title}, {name}: {cost(page, act)}")
            page.wait_for_timeout(1000)
            print(f"{title}: {private(browser):.0f} MiB of the tab's own")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
