"""The page in a browser: every view and state, seen by people, by keyboard and by a screen reader."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.page.conftest import HOSTILE, MEMBERS, Look
from tests.support.browsers import Tab, until

pytestmark = pytest.mark.slow
PATHS = {
    "landing": "/", "population": "/digits?lit=3,5", "members": "/digits?view=members",
    "member": "/digits?view=member&member=3", "changes": "/digits?view=changes",
}  # fmt: skip


def drawn(tab: Tab, chart: int = 0) -> int:
    """Pixels of a chart that are not blank."""
    script = """n => {
        const c = document.querySelectorAll('.layers')[n].querySelector('canvas');
        return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((x, i) => i % 4 === 3 && x).length;
    }"""
    return int(tab.page.evaluate(script, chart))


def seen(tab: Tab, pixels: int) -> None:
    """Scroll to each chart of a score and five hyperparameters; each is drawn once it is seen."""
    for n in range(6):
        tab.page.locator(".plot").nth(n).scroll_into_view_if_needed()
        until(lambda n=n: drawn(tab, n) > pixels)  # type: ignore[misc]
    tab.page.evaluate("() => scrollTo(0, 0)")


def chart(tab: Tab, n: int = 0) -> dict[str, float]:
    box: dict[str, float] = tab.page.locator(".plot").nth(n).bounding_box()
    return box


def test_the_list_shows_how_populations_stand_and_what_happens_meanwhile(look: Look) -> None:
    tab = look.tab()
    row = tab.page.get_by_role("row").filter(has_text="digits")
    row.wait_for()
    assert "training" in row.inner_text()
    assert row.locator("svg.spark path").get_attribute("d")
    assert re.search(rf"\b{MEMBERS}\b", row.inner_text())
    tab.picture("landing")
    look.script.report(0, 777.0)
    row.get_by_text("777").wait_for(timeout=6000)
    row.get_by_role("link").click()
    tab.page.get_by_text("Best score").wait_for()
    assert tab.page.url.endswith("/digits")
    tab.page.go_back()
    row.wait_for()


def test_the_population_is_drawn_zoomed_and_comes_back(look: Look) -> None:
    tab = look.tab("/digits")
    tab.page.wait_for_selector(".plot")
    seen(tab, 2000)
    tab.picture("population")
    box = chart(tab)
    y = box["y"] + 100
    tab.page.mouse.move(box["x"] + 300, y)
    assert tab.page.locator(".reading").first.inner_text().startswith("step ")
    assert chart(tab) == box  # nothing moves under the pointer
    tab.page.mouse.down()
    tab.page.mouse.move(box["x"] + 600, y, steps=4)
    tab.page.mouse.up()
    tab.page.wait_for_url(re.compile("from="))
    low, high = int(tab.query("from") or 0), int(tab.query("to") or 0)
    assert 0 < low < high < 24
    assert tab.page.get_by_label("First step").input_value() == str(low)
    tab.page.reload()
    tab.page.wait_for_selector(".plot")
    assert tab.page.get_by_label("Last step").input_value() == str(high)
    tab.page.go_back()
    tab.page.wait_for_url(re.compile("digits$"))
    assert tab.page.get_by_label("First step").input_value() == "0"


def test_every_chart_is_worked_by_keyboard(look: Look) -> None:
    tab = look.tab("/digits?lit=2")
    plot = tab.page.locator(".plot").first
    plot.focus()
    tab.page.keyboard.press("+")
    tab.page.wait_for_url(re.compile("from="))
    before = tab.query("from")
    tab.page.keyboard.press("Shift+ArrowRight")
    tab.page.wait_for_timeout(400)
    assert int(tab.query("from") or 0) > int(before or 0)
    tab.page.keyboard.press("ArrowRight")
    assert tab.page.locator(".reading").first.inner_text() != ""
    tab.page.keyboard.press("Escape")  # puts out the lit member first
    tab.page.wait_for_url(re.compile("^((?!lit).)*$"))
    assert tab.query("from") is not None
    tab.page.keyboard.press("Escape")
    tab.page.wait_for_url(re.compile("^((?!from).)*$"))
    assert "median" in (plot.get_attribute("aria-label") or "").lower()


def test_a_member_is_lit_and_a_click_on_its_exploit_opens_the_reason(look: Look) -> None:
    tab = look.tab("/digits")
    field = tab.page.get_by_label("Light a member")
    for member in range(MEMBERS):
        if tab.query("lit") is None or tab.query("lit").count(",") < 7:  # type: ignore[union-attr]
            field.fill(str(member))
            field.press("Enter")
    tab.page.wait_for_timeout(600)
    assert tab.query("lit") == "0,1,2,3,4,5,6,7"
    field.fill("9")
    field.press("Enter")
    tab.page.get_by_text("lit already").wait_for()
    assert open_an_exploit(tab)
    panel = tab.page.get_by_role("dialog")
    panel.get_by_text("took over from member").wait_for()
    assert re.fullmatch(r"\d+\.\d+", tab.query("why") or "")
    tab.page.keyboard.press("Escape")
    panel.wait_for(state="detached")


def open_an_exploit(tab: Tab) -> bool:
    """Click where the pointer says that there is something, until a reason is open."""
    box = chart(tab)
    for x in range(70, 1100, 12):
        for y in range(20, 290, 7):
            tab.page.mouse.move(box["x"] + x, box["y"] + y)
            if "pointing" in (tab.page.locator(".plot").first.get_attribute("class") or ""):
                tab.page.mouse.click(box["x"] + x, box["y"] + y)
                if tab.query("why"):
                    return True
    return False


def test_the_reason_is_told_with_ranks_values_and_the_journals_words(look: Look) -> None:
    entry, member = look.exploit()
    tab = look.tab(f"/digits?why={entry}.{member}")
    panel = tab.page.get_by_role("dialog")
    panel.get_by_text(f"Member {member} took over from member").wait_for()
    strip = panel.get_by_role("img").first.get_attribute("aria-label") or ""
    assert f"Member {member} ranked" in strip
    assert "below the cut" in strip
    assert panel.get_by_text("lr", exact=True).is_visible()
    assert '"start": "copy"' in panel.locator("pre").inner_text()
    assert panel.locator(".changes svg circle.before").count() == 5
    tab.picture("reason")
    assert tab.axe() == []
    panel.get_by_role("link", name=f"Member {member}", exact=True).click()
    tab.page.get_by_role("heading", name=f"Member {member}", exact=True).wait_for()


def test_of_a_long_table_only_what_is_seen_is_asked_for_and_drawn(looking: Callable[..., Look]) -> None:
    look = looking(members=700, rounds=1)
    tab = look.tab("/digits?view=members&sort=id&order=asc")
    rows = tab.page.locator(".members tbody tr:not(.space)")
    tab.page.get_by_role("link", name="Member 0", exact=True).wait_for()
    assert rows.count() <= 60
    tab.page.evaluate("() => document.querySelector('.members').scrollTo(0, 1e6)")
    tab.page.get_by_role("link", name="Member 699", exact=True).wait_for()
    assert rows.count() <= 80
    assert tab.page.locator("table[aria-rowcount='701']").count() == 1
    tab.page.evaluate("() => document.querySelector('.members').scrollTo(0, 38 * 340)")
    tab.page.get_by_role("link", name="Member 345", exact=True).wait_for()


def test_the_list_holds_300_populations(looking: Callable[..., Look]) -> None:
    look = looking(rounds=3)
    folder = look.world.folder
    look.world.populations.served("digits").close()
    for n in range(299):
        shutil.copytree(folder / "digits", folder / f"copy-{n}")
    tab = look.tab("/")
    tab.page.get_by_role("heading", name="Populations").wait_for()
    until(lambda: tab.page.locator(".list tbody tr").count() == 300, 30)
    tab.picture("landing-300")
    tab.page.get_by_label("Search populations").fill("copy-29")
    until(lambda: tab.page.locator(".list tbody tr").count() == 10)
    assert tab.axe() == []


def test_the_table_of_members_is_sorted_filtered_and_lights(look: Look) -> None:
    tab = look.tab("/digits?view=members")
    rows = tab.page.locator(".members tbody tr")
    rows.nth(MEMBERS - 1).wait_for()
    scores = [float(x.replace("−", "-")) for x in rows.locator("td.strong").all_inner_texts() if x != "nan"]
    assert scores == sorted(scores, reverse=True)
    tab.page.get_by_role("button", name="Member", exact=True).click()
    tab.page.wait_for_function("() => document.querySelector('.members tbody th').innerText === '0'")
    assert tab.page.locator("th[aria-sort=ascending]").inner_text().startswith("Member")
    tab.picture("members")
    rows.nth(2).get_by_role("button").click()
    assert tab.query("lit") == "2"
    tab.page.get_by_label("Filter members").fill("7")
    tab.page.wait_for_function("() => document.querySelectorAll('.members tbody tr').length === 1")
    rows.get_by_role("link").click()
    tab.page.get_by_role("heading", name="Member 7").wait_for()


def test_what_members_reported_stands_in_the_order_of_the_table(look: Look) -> None:
    tab = look.tab("/digits?view=members&sort=h/lr&order=desc")
    rows = tab.page.locator(".members tbody th")
    rows.first.wait_for()
    until(lambda: drawn(tab) > 1000)
    tab.page.get_by_label("Over steps: table and files").click()
    tab.page.get_by_role("button", name="Show as a table").click()
    shown = tab.page.locator(".data tbody tr td:first-child")
    assert shown.all_inner_texts() == rows.all_inner_texts()
    tab.page.get_by_role("button", name="Member", exact=True).click()
    until(lambda: shown.first.inner_text() == rows.first.inner_text() == "0")
    tab.page.get_by_label("Filter members").fill("7")
    until(lambda: shown.all_inner_texts() == ["7"])
    tab.page.get_by_label("Filter members").fill("none")
    tab.page.get_by_text("No member matches").wait_for()
    assert tab.page.locator(".plot").count() == 0


def test_a_members_page_has_its_curve_its_schedule_and_every_decision(look: Look) -> None:
    tab = look.tab("/digits?view=member&member=3")
    items = tab.page.locator(".decisions li")
    items.first.wait_for()
    decided = sum(d.member == 3 for entry in look.script.entries for d in entry.decisions)
    assert items.count() == decided
    seen(tab, 1000)
    tab.picture("member")
    items.first.get_by_role("link").click()
    tab.page.get_by_role("dialog").wait_for()
    tab.go("/digits?view=member&member=99")
    tab.page.get_by_text("There is no such member").wait_for()


def test_what_a_strategy_remembers_is_shown(looking: Callable[..., Look]) -> None:
    look = looking(strategy="scout")
    tab = look.tab("/digits")
    card = tab.page.get_by_role("region", name="Sources and probes", exact=True)
    card.scroll_into_view_if_needed()
    assert card.get_by_role("heading").inner_text() == "Sources and probes"
    learnt = tab.page.get_by_role("region", name="What has been learnt, as a table")
    assert re.search(r"a probe wins.*\d", learnt.inner_text(), re.S)
    tab.picture("memory")
    assert tab.axe() == []


def test_text_of_users_is_shown_and_never_run(look: Look) -> None:
    entry, member = look.exploit()
    for path in ("/digits", "/digits?view=members", f"/digits?why={entry}.{member}", "/digits?view=member&member=3"):
        tab = look.tab(path)
        tab.page.get_by_text("<b>act</b> ü#").filter(visible=True).first.wait_for()
        assert tab.page.evaluate("() => window.hacked") is None
        assert tab.page.locator("main img, main b, main script").count() == 0
    tab = look.tab(f"/digits?why={entry}.{member}")
    tab.page.locator("pre").wait_for()
    written = tab.page.locator("pre").inner_text()
    assert any(text.replace('"', '\\"') in written for text in HOSTILE)


@pytest.mark.parametrize("view", PATHS)
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(look: Look, view: str, dark: bool) -> None:
    tab = look.tab(PATHS[view], dark=dark)
    tab.page.wait_for_timeout(800)
    assert tab.axe() == []
    tab.picture(f"{view}-{'dark' if dark else 'light'}")


@pytest.mark.parametrize("view", PATHS)
def test_it_fits_a_phone(look: Look, view: str) -> None:
    tab = look.tab(PATHS[view], phone=True)
    tab.page.wait_for_timeout(800)
    assert tab.page.evaluate("() => document.documentElement.scrollWidth") <= 390
    tab.picture(f"{view}-phone")
    assert tab.axe() == []


def test_a_chart_is_taken_home_as_table_and_files(look: Look) -> None:
    tab = look.tab("/digits?lit=3")
    tab.page.wait_for_timeout(600)
    files: dict[str, Any] = {}
    for kind in ("CSV", "PNG", "SVG"):
        tab.page.get_by_label("Score: table and files").click()
        with tab.page.expect_download() as download:
            tab.page.get_by_role("button", name=f"Download {kind}").click()
        assert download.value.suggested_filename == f"digits-score.{kind.lower()}"
        files[kind] = download.value.path().read_bytes()
    lines = files["CSV"].decode().splitlines()
    assert lines[0].startswith("step,best lineage,5 %") and lines[0].endswith("member 3")
    assert len(lines) == 1 + 25  # steps 0 to 24
    assert files["PNG"].startswith(b"\x89PNG") and len(files["PNG"]) > 10_000
    assert files["SVG"].startswith(b"<svg") and b"<path" in files["SVG"] and b">Score</text>" in files["SVG"]
    tab.page.get_by_label("Score: table and files").click()
    tab.page.get_by_role("button", name="Show as a table").click()
    assert tab.page.locator(".data tbody tr").count() == 25


def test_states_without_data_are_told(look: Look) -> None:
    tab = look.tab("/nobody")
    tab.page.get_by_text("no population 'nobody' on this server").wait_for()
    tab = look.tab("/digits?view=typo")
    tab.page.get_by_text("There is no view typo").wait_for()
    ways = tab.page.locator(".ways").get_by_role("link")
    assert ways.all_inner_texts() == ["digits", "All populations"]
    ways.first.click()
    tab.page.get_by_text("Best score").wait_for()
    tab = look.tab("/digits?why=1.999")
    tab.page.get_by_text("decides nothing on member 999").wait_for()


def test_what_scrolls_says_where_there_is_more_and_keeps_the_names(look: Look) -> None:
    tab = look.tab("/digits?view=members", phone=True)
    table = tab.page.locator(".members")
    tab.page.wait_for_selector(".members[data-more='right']")
    assert tab.page.locator(".tabs").get_attribute("data-more") in ("left", "left right", "right")
    name, state = (table.get_by_role(role).nth(n) for role, n in (("rowheader", 0), ("columnheader", 3)))
    before, right = name.bounding_box(), state.bounding_box()
    assert state.inner_text() == "State" and right["x"] + right["width"] <= 390
    table.evaluate("(it) => it.scrollTo(300, 0)")
    tab.page.wait_for_selector(".members[data-more='left right']")
    assert name.bounding_box() == before
    table.evaluate("(it) => it.scrollTo(1e6, 0)")
    tab.page.wait_for_selector(".members[data-more='left']")
