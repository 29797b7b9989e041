"""Changes from the page: shown before they are written, with who and why; conflicts; and nothing of it for readers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from pbt.population.changes import Assign, Pause, Pin, Steer
from pbt.population.entries import encode
from tests.page.conftest import Look
from tests.support.browsers import Tab, until
from tests.support.worlds import KEY

pytestmark = pytest.mark.slow


def form(tab: Tab, kind: str | None = None) -> Tab:
    """Open the form, and choose a kind of change."""
    tab.page.get_by_role("button", name="Change…").click()
    tab.page.get_by_role("dialog").wait_for()
    if kind is not None:
        field(tab, "Change").select_option(kind)
    return tab


def field(tab: Tab, label: str) -> Any:
    """A field of the form, by how its label begins."""
    return tab.page.get_by_role("dialog").get_by_label(re.compile(f"^{re.escape(label)}"))


def effect(tab: Tab, words: str) -> None:
    tab.page.locator(".effect").get_by_text(re.compile(words)).wait_for()


def write(tab: Tab) -> int:
    """Agree; the number of the entry."""
    tab.page.get_by_role("button", name="Write it into the journal").click()
    said = tab.page.get_by_text(re.compile(r"Recorded as entry [\d,]+\."))
    said.wait_for()
    return int(re.sub(r"\D", "", said.inner_text()))


def test_a_value_is_set_seen_in_the_log_and_taken_back(look: Look) -> None:
    before = look.script.population.members[3].hyperparameters["lr"]
    tab = form(look.tab("/digits?view=member&member=3"))
    field(tab, "lr").fill("0.125")
    field(tab, "Why").fill("<b>too hot</b> ü")
    field(tab, "Your name").fill("Ada")
    effect(tab, "Member 3 .* changes lr .* → 0.125")
    tab.page.get_by_text("The entry").click()
    tab.page.locator(".entry pre").get_by_text(re.compile("by Ada .page.: <b>too hot")).wait_for()
    exact = json.loads(tab.page.locator(".entry pre").inner_text())
    tab.picture("change")
    assert tab.axe() == []
    number = write(tab)
    tab.picture("change-written")
    entry = look.script.entries[number - 1]
    assert json.loads(encode(entry))["decisions"] == exact["decisions"]
    assert exact["event"].items() <= json.loads(encode(entry))["event"].items()
    assert (entry.event.by, entry.event.why) == ("Ada (page)", "<b>too hot</b> ü")
    assert look.script.population.members[3].hyperparameters["lr"] == 0.125
    tab.page.get_by_role("link", name="All changes").click()
    row = tab.page.locator(".log li").first
    row.get_by_text("too hot").wait_for()
    assert "Ada (page)" in row.inner_text()
    tab.picture("changes")
    assert tab.axe() == []
    row.get_by_role("button", name="Take it back").click()
    effect(tab, "Member 3 .* changes lr 0.125 →")
    assert field(tab, "Your name").input_value() == "Ada", "it is remembered"
    write(tab)
    assert look.script.population.members[3].hyperparameters["lr"] == before


def test_the_form_is_worked_by_keyboard_and_closes_with_escape(look: Look) -> None:
    tab = form(look.tab("/digits"))
    assert tab.page.evaluate("document.activeElement.getAttribute('role')") == "dialog"
    assert tab.query("change") is not None
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("dialog").wait_for(state="detached")
    until(lambda: tab.page.evaluate("document.activeElement.textContent") == "Change…")
    form(tab, "pause")
    field(tab, "Members").fill("2, 5")
    effect(tab, "Members 2, 5 train to their next report that is due")
    tab.page.keyboard.press("Enter")
    tab.page.get_by_text("Recorded as entry").wait_for()
    assert look.script.population.paused == (2, 5)


def test_what_has_moved_is_refused_with_what_moved_and_shown_anew(look: Look) -> None:
    tab = form(look.tab("/digits"))
    field(tab, "Members").fill("4")
    field(tab, "lr").fill("0.125")
    effect(tab, "→ 0.125")
    look.script.coordinator.steer(Steer(Assign((4,), {"layers": 3 if layers(look, 4) != 3 else 4}), nonce="other"))
    tab.page.get_by_role("button", name="Write it into the journal").click()
    tab.page.get_by_text("Nothing was written: member 4 has been decided on since").wait_for()
    tab.picture("change-conflict")
    assert tab.axe() == []
    write(tab)


def layers(look: Look, member: int) -> int:
    return int(look.script.population.members[member].hyperparameters["layers"])


def test_what_can_not_be_is_said_while_it_is_filled_in(look: Look) -> None:
    tab = form(look.tab("/digits"))
    button = tab.page.get_by_role("button", name="Write it into the journal")
    assert button.is_disabled()
    field(tab, "Members").fill("x")
    effect(tab, "Members are numbers")
    field(tab, "Members").fill("99")
    field(tab, "lr").fill("7")
    effect(tab, "no member 99")
    field(tab, "Members").fill("1")
    effect(tab, "lies outside")
    assert button.is_disabled()


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (
            "clone",
            {"Weights of member": "2", "For member": "7"},
            "takes over member 2's weights",
        ),
        ("fork", {"Checkpoint": "best", "For member": "7", "lr": "0.25"}, "takes over .* lr .* → 0.25"),
        ("pin", {"Checkpoint": "best"}, "is kept until it is unpinned"),
        ("steps", {"Steps of each member": "2000"}, "Each member is trained to step 2,000"),
        ("stop", {"Members": "1"}, "Member 1 .* is not trained any further"),
    ],
)
def test_every_kind_of_change_is_made(look: Look, kind: str, fields: dict[str, str], words: str) -> None:
    tab = form(look.tab("/digits"), kind)
    for label, text in fields.items():
        field(tab, label).fill(text)
    effect(tab, words)
    n = len(look.script.entries)
    assert write(tab) == n + 1


def test_bounds_and_choices_are_chosen_from_what_there_is(look: Look) -> None:
    tab = form(look.tab("/digits"), "bound")
    field(tab, "Hyperparameter").select_option("lr")
    field(tab, "To").fill("0.5")
    effect(tab, "lr is explored from 0.0001 to 0.5")
    write(tab)
    tab.page.get_by_role("button", name="Close").last.click()
    form(tab, "set")
    field(tab, "Members").fill("6")
    batch = look.script.population.members[6].hyperparameters["batch"]
    field(tab, "batch").select_option(str(32 if batch != 32 else 64))
    effect(tab, "changes batch")
    write(tab)
    assert tab.page.evaluate("window.hacked") is None


def test_pins_and_pauses_are_listed_and_a_checkpoint_is_forked_from_its_reason(look: Look) -> None:
    for n, change in enumerate((Pause((1, 2)), Pin("best"), Pin("4"))):
        look.script.coordinator.steer(Steer(change, "a scheduler", "for the test", str(n)))
    tab = look.tab("/digits?view=changes")
    tab.page.get_by_role("heading", name="Pinned").wait_for()
    tab.picture("changes-pinned")
    tab.page.get_by_role("button", name="Fork…").first.click()
    field(tab, "For member").fill("8")
    effect(tab, "Member 8 .* takes over")
    write(tab)
    tab.page.get_by_role("button", name="Close").last.click()
    tab.page.get_by_role("button", name="Resume…").click()
    effect(tab, "Members 1, 2 go on")
    write(tab)
    entry, member = look.exploit()
    tab.go(f"/digits?why={entry}.{member}")
    tab.page.get_by_role("button", name=re.compile("^Fork checkpoint")).click()
    assert json.loads(tab.page.evaluate("new URLSearchParams(location.search).get('change')"))["kind"] == "fork"


def test_readers_see_the_log_and_no_form(looking: Callable[..., Look]) -> None:
    from pbt.server.keys import Key
    from tests.security import READ

    look = looking(key=KEY)
    look.world.app.request_check.key = Key(KEY, reading=READ)
    look.script.coordinator.steer(Steer(Pause((1,)), "Ada (page)", "look", "n"))
    tab = look.tab("/digits?view=changes")
    tab.page.get_by_label("Key").fill(READ)
    tab.page.get_by_role("button", name="Sign in").click()
    tab.page.get_by_text("Member 1 paused").wait_for()
    assert tab.page.get_by_role("button", name="Change…").count() == 0
    assert tab.page.get_by_role("button", name="Take it back").count() == 0
    tab.go('/digits?change={"kind":"pause"}')
    tab.page.get_by_text("Best score").wait_for()
    assert tab.page.get_by_role("dialog").count() == 0


def test_with_the_key_a_session_writes_with_its_token(looking: Callable[..., Look]) -> None:
    look = looking(key=KEY)
    tab = look.tab("/digits")
    tab.page.get_by_label("Key").fill(KEY)
    tab.page.get_by_role("button", name="Sign in").click()
    form(tab, "pause")
    effect(tab, "All 12 members")
    write(tab)
    assert len(look.script.population.paused) == 12


@pytest.mark.parametrize("more", [{"phone": True}, {"dark": True}])
def test_it_fits_a_phone_and_the_dark(look: Look, more: dict[str, bool]) -> None:
    tab = form(look.tab("/digits?view=member&member=3", **more))
    field(tab, "lr").fill("0.125")
    effect(tab, "→ 0.125")
    tab.picture(f"change-{next(iter(more))}")
    assert tab.axe() == []
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
