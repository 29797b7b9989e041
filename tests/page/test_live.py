"""The page over time: hidden tabs, servers that go and come back, signing in, and `pbt ui`."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.page.conftest import Look
from tests.support.browsers import Tab, until
from tests.support.population import Script
from tests.support.requests import serve
from tests.support.scripts import PBT, environment
from tests.support.worlds import KEY, FolderWorld

pytestmark = pytest.mark.slow
HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""


def test_a_hidden_tab_holds_no_stream_and_catches_up_when_it_is_seen_again(look: Look) -> None:
    reader = look.world.populations.reader
    tab = look.tab("/digits")
    tab.page.get_by_text("live").wait_for()
    assert reader.streams == 1
    tab.page.evaluate(HIDE, True)
    until(lambda: reader.streams == 0)
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    look.script.report(0, 55.0)
    tab.page.wait_for_timeout(2500)
    assert asked == []
    tab.page.evaluate(HIDE, False)
    tab.page.locator(".fact.best").get_by_text("55").wait_for()
    assert reader.streams == 1


def test_a_page_asks_for_each_view_once_and_rests_while_nothing_happens(look: Look) -> None:
    asked: list[str] = []
    tab = look.tab("/")
    tab.page.on("request", lambda request: asked.append(request.url.partition("/digits/")[2]))
    tab.page.get_by_role("link", name="digits").click()
    tab.page.get_by_text("live").wait_for()
    tab.page.wait_for_timeout(2500)
    views = [one.partition("?")[0] for one in asked if one]
    assert sorted(views) == ["views/lines", "views/memory", "views/series", "views/summary"]


def test_a_stale_view_is_asked_for_once_a_second_however_much_happens(look: Look) -> None:
    tab = look.tab("/digits")
    tab.page.get_by_text("live").wait_for()
    asked: list[float] = []
    tab.page.on("request", lambda r: asked.append(time.monotonic()) if "views/series" in r.url else None)
    end = time.monotonic() + 3.2
    while time.monotonic() < end:
        look.round()
        tab.page.wait_for_timeout(20)
    assert 2 <= len(asked) <= 5


def test_a_server_that_is_killed_and_started_again_is_found_without_a_reload(running: Any, tmp_path: Path) -> None:
    world = FolderWorld(tmp_path)
    script = Script(world, members=4)
    script.round(1.0, 2.0, 3.0, 4.0)
    process, url = serve(tmp_path, "--no-key")
    port = url.rpartition(":")[2]
    tab = Tab(running, url.rstrip("/")).go("/population")
    tab.page.get_by_text("live").wait_for()
    tab.page.evaluate("() => { window.same = true }")
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    tab.page.get_by_text("The server does not answer.").wait_for()
    tab.picture("server-gone")
    assert tab.page.locator(".fact.best").get_by_text("4").is_visible()
    script.report(0, 99.0)
    command = [*PBT, "serve", str(tmp_path), "--no-key", "--port", port]
    again = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
    try:
        tab.page.locator(".fact.best").get_by_text("99").wait_for(timeout=40_000)
        tab.page.get_by_text("The server does not answer.").wait_for(state="detached")
        assert tab.page.evaluate("() => window.same") is True
    finally:
        again.terminate()
        again.wait(15)
        tab.close()
        world.close()


def test_who_has_a_key_signs_in_stays_and_signs_out(looking: Callable[..., Look]) -> None:
    look = looking(key=KEY)
    tab = look.tab("/digits")
    field = tab.page.get_by_label("Key")
    field.wait_for()
    assert tab.axe() == []
    tab.picture("sign-in")
    field.fill("wrong")
    field.press("Enter")
    tab.page.get_by_text("this is no key of this server").wait_for()
    tab.page.wait_for_timeout(1100)
    field.fill(KEY)
    field.press("Enter")
    tab.page.get_by_text("Best score").wait_for()
    assert KEY not in tab.page.url and KEY not in tab.page.content()
    tab.page.reload()
    tab.page.get_by_text("Best score").wait_for()
    tab.page.get_by_text("live").wait_for()
    tab.page.get_by_role("button", name="Sign out").click()
    tab.page.get_by_label("Key").wait_for()


def test_pbt_ui_shows_folders_signed_in_and_leaves_them_as_they_were(running: Any, tmp_path: Path) -> None:
    worlds = []
    for name in ("one", "my run #2 ü"):
        (tmp_path / name).mkdir()
        world = FolderWorld(tmp_path / name)
        Script(world, members=3).round(1.0, 2.0, 3.0)
        world.close()
        worlds.append(world)
    (tmp_path / "one" / "population").rename(tmp_path / "one" / "my run #2 ü")
    folders = [tmp_path / "one", tmp_path / "my run #2 ü" / "population"]
    before = listing(tmp_path)
    command = [*PBT, "ui", *map(str, folders), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(PYTHONUNBUFFERED=1))
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    base, path, code = re.fullmatch(r"(http://127\.0\.0\.1:\d+)(/)#code=([\w-]{40,})", address).groups()  # type: ignore[union-attr]
    tab = Tab(running, base).go(f"{path}#code={code}")
    tab.page.get_by_role("link", name="my-run-2").wait_for()
    assert tab.page.url == f"{base}/"
    tab.page.get_by_role("link", name="population", exact=True).click()
    tab.page.get_by_text("Best score").wait_for()
    other = Tab(running, base).go(f"{path}#code={code}")
    other.page.get_by_text("was used already").wait_for()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert listing(tmp_path) == before
    for one in (tab, other):
        one.close()


def listing(folder: Path) -> list[str]:
    """All files, but for those that SQLite makes while a journal is read."""
    names = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return sorted(name for name in names if not name.endswith(("-wal", "-shm")))
