"""Pictures of the page for the documents: ``python docs/shoot.py http://127.0.0.1:7777/cartpole`` from the root.

The server (``pbt serve runs --no-key``) has the population of examples/cartpole_ppo.py. It needs Chromium and
playwright.
"""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent / "pictures"


def exploit(url: str) -> str:
    """ENTRY.MEMBER of the decision that ended the best line of those that died out after step 60."""
    server, _, name = url.rpartition("/")
    with urllib.request.urlopen(f"{server}/api/v1/populations/{name}/views/extinct?step=60") as answer:
        line = json.load(answer)["lines"][0]
    return f"{line['ended']}.{line['member']}"


def main(url: str) -> None:
    """Take them."""
    shots = {
        "page": (f"{url}?lit=3", 1280, 660),
        "family": (f"{url}?view=family&colour=h/lr&why={exploit(url)}", 1440, 700),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (address, width, height) in shots.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
            page.goto(address)
            page.wait_for_timeout(3000)
            page.screenshot(path=HERE / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
