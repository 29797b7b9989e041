"""Family, schedule and health in a browser: drawn, walked by keyboard, clicked, copied, taken home."""

from __future__ import annotations

import json
import re

import pytest

from pbt.client.remote import Remote
from pbt.population.entries import Steered
from pbt.settings import wanted
from tests.page.conftest import MEMBERS, SPACE, Look
from tests.page.test_page import chart
from tests.server.test_views import get
from tests.support.browsers import Tab

pytestmark = pytest.mark.slow
PATHS = {
    "tree": "/digits?view=family&lit=3", "clades": "/digits?view=family&tab=clades",
    "slots": "/digits?view=family&tab=slots&colour=h/batch", "schedule": "/digits?view=schedule",
    "health": "/digits?view=health",
}  # fmt: skip


def drawn(tab: Tab, most_blank: float = 0.99) -> None:
    """Wait until the first chart is drawn, which it is once it is seen."""
    tab.page.locator(".plot").first.scroll_into_view_if_needed()
    tab.page.wait_for_function(
        """most => {
            const c = document.querySelector('.layers canvas');
            if (!c || !c.width) return false;
            const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            return data.filter((x, i) => i % 4 === 3 && !x).length < most * data.length / 4;
        }""",
        arg=most_blank,
    )


def point(tab: Tab, wanted: str = "pointing", step: int = 9) -> tuple[float, float]:
    """Somewhere in the first chart where the pointer says that there is something."""
    box = chart(tab)
    for x in range(int(box["width"]) - 80, 70, -37):
        for y in range(12, int(box["height"]) - 90, step):
            at = box["x"] + x, box["y"] + y
            tab.page.mouse.move(*at)
            if wanted in (tab.page.locator(".plot").first.get_attribute("class") or ""):
                return at
    raise AssertionError("there is nothing to point at")


@pytest.mark.parametrize("view", PATHS)
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(look: Look, view: str, dark: bool) -> None:
    tab = look.tab(PATHS[view], dark=dark)
    drawn(tab)
    tab.picture(f"{view}-{'dark' if dark else 'light'}")
    assert tab.axe() == []


@pytest.mark.parametrize("view", PATHS)
def test_it_fits_a_phone(look: Look, view: str) -> None:
    tab = look.tab(PATHS[view], phone=True)
    drawn(tab)
    assert tab.page.evaluate("() => document.documentElement.scrollWidth") <= 390
    tab.picture(f"{view}-phone")
    assert tab.axe() == []


def test_the_tree_is_walked_by_keyboard_and_opens_the_reason(look: Look) -> None:
    tab = look.tab("/digits?view=family")
    drawn(tab)
    spoken = tab.page.locator("main p.hidden[role=status]")
    assert spoken.inner_text() == ""
    tab.page.locator(".plot").first.focus()
    said = set()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft"):
        tab.page.keyboard.press(key)
        tab.page.wait_for_timeout(100)
        said.add(spoken.inner_text())
    assert len(said) >= 3
    assert all(re.match(r"Member \d+, step \d+ to \d+", words) for words in said)
    tab.page.keyboard.press("l")
    member = re.match(r"Member (\d+)", spoken.inner_text())
    assert member is not None
    assert tab.query("lit") == member[1]
    tab.page.keyboard.press("Enter")
    tab.page.get_by_role("dialog").get_by_text(f"Member {member[1]}").first.wait_for()
    assert re.fullmatch(rf"\d+\.{member[1]}", tab.query("why") or "")


def test_a_click_in_the_tree_opens_how_it_began(look: Look) -> None:
    tab = look.tab("/digits?view=family")
    drawn(tab)
    at = point(tab)
    words = tab.page.locator("main p.hidden[role=status]").inner_text()
    tab.page.mouse.click(*at)
    tab.page.get_by_role("dialog").wait_for()
    member = re.match(r"Member (\d+)", words)
    assert member is not None
    assert (tab.query("why") or "").endswith(f".{member[1]}")


def test_what_died_out_at_a_step_is_listed_with_its_end(look: Look) -> None:
    tab = look.tab("/digits?view=family")
    drawn(tab)
    box = chart(tab)
    tab.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 40)
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("heading", name=re.compile(r"Died out at step \d+")).wait_for()
    step = tab.query("gone")
    told = dialog.locator("tbody tr")
    told.first.wait_for()
    found = json.loads(get(look.world, f"/digits/views/extinct?step={step}")[1])
    assert told.count() == found["total"] > 0
    assert tab.axe() == []
    tab.picture("died-out")
    dialog.get_by_role("link", name=re.compile("took over member")).first.click()
    dialog.get_by_role("heading", name=re.compile(r"Member \d+ took over from member \d+")).wait_for()
    tab.page.keyboard.press("Escape")
    dialog.get_by_role("heading", name=f"Died out at step {step}").wait_for()
    tab.page.keyboard.press("Escape")
    assert dialog.count() == 0
    tab.page.locator(".plot").first.focus()
    tab.page.keyboard.press("ArrowRight")
    tab.page.keyboard.press("ArrowLeft")
    tab.page.keyboard.press("d")
    dialog.get_by_role("heading", name=re.compile("Died out at step")).wait_for()


@pytest.mark.parametrize("colour", ["clade", "h/lr", "h/batch", "h/%3Cb%3Eact%3C%2Fb%3E%20%C3%BC%23"])
def test_the_tree_is_coloured_by_what_is_chosen(look: Look, colour: str) -> None:
    tab = look.tab(f"/digits?view=family&colour={colour}")
    drawn(tab)
    chosen = tab.page.get_by_label("Colour")
    assert chosen.input_value() != ""
    assert len(tab.page.locator(".legend .key").all()) >= 2
    chosen.select_option("")
    tab.page.wait_for_function("() => !location.search.includes('colour')")


def test_clades_tell_whose_they_are(look: Look) -> None:
    tab = look.tab("/digits?view=family")
    tab.page.get_by_role("button", name="Clades").click()
    drawn(tab)
    assert tab.query("tab") == "clades"
    at = point(tab, step=40)
    tab.page.mouse.click(*at)
    tab.page.get_by_role("dialog").wait_for()
    tab.page.keyboard.press("Escape")
    rows = tab.page.locator(".clades tbody tr")
    assert 2 <= rows.count() <= 12
    rows.first.get_by_role("button").click()
    tab.page.get_by_role("dialog").wait_for()


def test_an_arc_among_members_opens_its_exploit(look: Look) -> None:
    tab = look.tab("/digits?view=family&tab=slots")
    drawn(tab)
    tab.page.get_by_label("By member: table and files").click()
    tab.page.get_by_role("button", name="Show as a table").click()
    cells = tab.page.locator(".data tbody tr").last.locator("td").all_inner_texts()
    box = chart(tab)
    y = box["height"] / 2
    for x in range(60, int(box["width"]) - 60, 2):
        tab.page.mouse.click(box["x"] + x, box["y"] + y)
        if tab.query("why"):
            break
    tab.page.get_by_role("dialog").get_by_text("took over from member").first.wait_for()
    assert len(cells) == 4
    tab.page.keyboard.press("Escape")
    tab.page.get_by_label("Sort").select_option("score")
    tab.page.wait_for_url(re.compile("by=score"))


def test_what_is_pointed_at_is_lit_in_the_whole_page(look: Look) -> None:
    tab = look.tab("/digits?view=family&tab=slots")
    drawn(tab)
    box = chart(tab)
    for x in range(80, 1000, 40):  # where no arc is
        tab.page.mouse.click(box["x"] + x, box["y"] + 16)
        tab.page.wait_for_timeout(100)
        if tab.query("lit"):
            break
    tab.page.get_by_role("button", name="Tree").click()
    tab.page.get_by_role("link", name=f"member {tab.query('lit')}").wait_for()


def test_the_schedule_is_copied_as_the_command_prints_it(look: Look) -> None:
    from pbt.schedules.schedule import Schedule
    from pbt.schedules.texts import TEXTS

    tab = look.tab("/digits?view=schedule")
    text = tab.page.locator(".take pre")
    text.wait_for()
    here = Schedule.load(look.world.folder / "digits")
    for form, name in (("python", "Python"), ("toml", "TOML"), ("json", "JSON")):
        tab.page.get_by_role("button", name=name, exact=True).click()
        assert text.inner_text() == TEXTS[form](here)
        with tab.page.expect_download() as download:
            tab.page.get_by_role("button", name="Download", exact=True).click()
        assert download.value.path().read_text() == TEXTS[form](here)
    assert tab.page.locator(".pieces tbody tr").count() == len(list(here))
    member = tab.page.get_by_label("or member")
    member.fill("3")
    member.press("Enter")
    tab.page.wait_for_url(re.compile("of=3"))
    tab.page.get_by_text("lineage of member 3").first.wait_for()
    member.fill("99")
    member.press("Enter")
    tab.page.get_by_text(f"Members have numbers from 0 to {MEMBERS - 1}").wait_for()


def test_health_tells_what_happened_as_it_happens(look: Look) -> None:
    tab = look.tab("/digits?view=health")
    tab.page.get_by_text("scores were not finite").first.wait_for()
    count = tab.page.locator(".incidents li").count()
    assert count >= 1
    look.script.coordinator.tell(Steered({"steps": 2000}, by="<i>me</i>", nonce="n", why="for more"))
    tab.page.get_by_text("Each member is to do 2,000 steps, by <i>me</i>: for more.").wait_for(timeout=8000)
    assert tab.page.locator(".incidents li").count() == count + 1
    assert tab.page.get_by_text(f"{MEMBERS} run").is_visible()
    tab.page.get_by_role("button", name="Show as a table").click()
    assert tab.page.locator(".waits tbody tr").count() > 3


def test_a_family_without_reports_says_so(look: Look) -> None:
    remote = Remote(f"{look.base}/fresh", None)
    remote.create(wanted(space=SPACE, members=3, steps=10, maximize=True))
    for view, words in (("family", "No member has reported yet"), ("schedule", "There is no schedule yet")):
        tab = look.tab(f"/fresh?view={view}")
        tab.page.get_by_text(words).wait_for()
    tab = look.tab("/fresh?view=health")
    tab.page.get_by_text("Nothing out of the ordinary").wait_for()
    assert tab.axe() == []
