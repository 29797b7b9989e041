"""A report opens from the disk, without any server, and shows what the page shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pbt.exports.report import report
from pbt.opening.opening import open_journal
from tests.page.conftest import HOSTILE, MEMBERS, SPACE
from tests.support.browsers import Tab
from tests.support.population import Script
from tests.support.worlds import FolderWorld

pytestmark = pytest.mark.slow


@pytest.fixture
def tab(running: Any, tmp_path: Path) -> Any:
    world = FolderWorld(tmp_path)
    script = Script(world, space=SPACE, members=MEMBERS, steps=1000)
    for step in range(12):
        script.round(*((m + 1.0) * (step + 1) for m in range(MEMBERS)))
    file = tmp_path / "ü #1 <b>.html"
    report(open_journal(str(world.folder)), "digits", file)
    world.close()
    made = Tab(running, file.as_uri())
    made.page.goto(file.as_uri())
    yield made
    made.close()


def test_every_view_is_there_and_is_restored_by_its_address(tab: Tab) -> None:
    page = tab.page
    page.get_by_text("report of").wait_for()
    assert page.get_by_role("button", name="Change").count() == 0
    for name in ("Population", "Family", "Members", "Schedule", "Health", "Changes"):
        page.get_by_role("link", name=name, exact=True).click()
        page.get_by_role("heading", level=1).wait_for(state="attached")
        page.locator(".notice.loading").wait_for(state="detached")
        assert "does not hold" not in page.inner_text("main")
        assert tab.axe() == [], name
    page.go_back()
    page.get_by_role("heading", name="Health").wait_for()
    page.reload()
    page.get_by_role("heading", name="Health").wait_for()
    tab.picture("report")


def test_a_members_page_and_the_reason_of_an_exploit(tab: Tab) -> None:
    page = tab.page
    page.get_by_role("link", name="Members", exact=True).click()
    page.locator(".members a").filter(has_text=re.compile(r"^0$")).click()
    page.get_by_role("heading", name="Member 0").wait_for()
    page.get_by_text("took over").first.click()
    page.get_by_role("dialog").get_by_text("Ranking that it saw").wait_for()
    assert any(text in page.inner_text("body") for text in HOSTILE)
    assert page.evaluate("() => window.hacked") is None


def test_each_sub_population_has_its_scores(running: Any, tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    from tests.algorithms.test_strategies import Played

    world = FolderWorld(tmp_path)
    Played(world, "mf-pbt")
    report(open_journal(str(world.folder)), "groups", tmp_path / "groups.html")
    world.close()
    tab = Tab(running, "")
    tab.page.goto((tmp_path / "groups.html").as_uri())
    for name in ("Score", "Score, every 1", "Score, every 2"):
        tab.page.get_by_role("heading", name=name, exact=True).wait_for()
    tab.page.get_by_role("heading", name="Score, every 2").scroll_into_view_if_needed()
    tab.page.wait_for_timeout(500)
    tab.picture("facets")
    assert tab.axe() == []
    tab.close()
