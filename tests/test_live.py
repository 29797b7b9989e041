"""What `pbt run` shows while it trains, in terminals of every size."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import Any

import pytest
from rich.console import Console

import pbt
from pbt.coordinator.follower import Follower
from pbt.views.live import LiveView
from pbt.views.pace import Pace
from tests.support.population import Script

SPACE = {
    "learning_rate": pbt.Float(1e-4, 1, log=True),
    "momentum": pbt.Float(0, 1),
    "optimizer": pbt.Choice(["sgd[/]", "[red]adam"]),
    "batch": pbt.Ordinal([32, 64]),
}


class Watched:
    """A population that is trained round by round, and a clock that a test moves."""

    def __init__(self, members: int = 4, **given: Any) -> None:
        self.script = Script(members=members, **({"steps": 10, "interval": 2, "space": SPACE} | given))
        self.members = members
        self.now = 0.0
        self.follower = Follower(self)
        self.pace = Pace(lambda: self.now)
        self.follower.listen(self.pace.hear)
        for member in range(members):
            self.script.join(member)
        self.follower.catch_up()

    def read(self, after: int) -> Iterable[bytes]:
        return self.script.world.bodies[after:]

    def round(self, seconds: float) -> str:
        """Every member reports, the lower its id the better; the words once the seconds are over."""
        self.now += seconds
        for member in range(self.members):
            self.script.report(member, 1000.5 - member)
        self.follower.catch_up()
        return self.pace.words(self.follower.population)


def test_the_pace_is_that_of_training_not_of_setting_up() -> None:
    watched = Watched()
    watched.pace.begin()
    assert watched.pace.words(watched.follower.population) == "0:00 elapsed · 0 exploits"
    watched.now = 100.0  # importing takes its time
    watched.pace.words(watched.follower.population)
    assert watched.round(0.0) == "1:40 elapsed · 0 exploits"
    for _ in range(3):
        told = watched.round(10.0)
    assert told.startswith("2:10 elapsed · about 60 s to go · 24 reports/min"), told


def test_what_happened_before_is_no_pace_of_this_run() -> None:
    watched = Watched(steps=200)
    for _ in range(8):
        watched.round(1.0)
    earlier = watched.pace.exploits
    assert earlier > 0
    watched.now = 1000.0
    watched.pace.begin()
    assert watched.pace.words(watched.follower.population) == f"0:00 elapsed · {earlier} exploits"
    assert watched.pace.just_took_over() == frozenset()


def test_nothing_is_promised_where_no_steps_are_known() -> None:
    watched = Watched(steps=None, goal=1e9)
    watched.pace.begin()
    watched.pace.words(watched.follower.population)
    for _ in range(3):
        told = watched.round(3600.0)
    assert "to go" not in told
    assert "4.0 reports/h" in told


def test_who_took_over_is_marked_until_it_reports() -> None:
    watched = Watched(steps=200)
    watched.pace.begin()
    while not watched.pace.just_took_over():
        watched.round(1.0)
    assert 3 in watched.pace.just_took_over()
    watched.now += 60
    assert 3 in watched.pace.just_took_over()
    watched.round(0.0)
    assert 3 not in watched.pace.just_took_over() or watched.pace.exploits > 1


@pytest.mark.parametrize(("width", "height"), [(120, 30), (80, 24), (60, 24), (40, 20), (80, 12)])
def test_the_table_fits_and_no_number_is_cut(width: int, height: int) -> None:
    watched = Watched(members=12)
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=True, color_system=None)
    screen = LiveView(console, watched.follower, lambda: "3 of 4 workers")
    with screen:
        for _ in range(4):
            watched.round(1.0)
        out.seek(0)
        out.truncate()
        screen.show()
        drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue()).replace("\r", "").splitlines()
    assert len(drawn) <= height
    assert all(len(line) <= width for line in drawn)
    assert any(line.split()[:2] == ["0", "4"] and "training" in line for line in drawn)
    assert any("elapsed" in line for line in drawn)
    rows = [line for line in drawn if "training" in line]
    assert not any("…" in line for line in rows), rows
    if width >= 100:
        assert "[red]adam" in "".join(rows) or "sgd[/]" in "".join(rows)
    if len(rows) < 12 or width < 80:
        assert any(line.startswith("… and ") for line in drawn)


def test_no_color_is_written_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    watched = Watched()
    out = io.StringIO()
    with LiveView(Console(file=out, width=80, height=24, force_terminal=True), watched.follower, lambda: "no workers"):
        watched.round(1.0)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", out.getvalue())


def test_a_terminal_that_can_not_move_its_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    watched = Watched()
    out = io.StringIO()
    with LiveView(Console(file=out, width=80, force_terminal=True), watched.follower, lambda: "no workers"):
        watched.round(1.0)
    (line,) = out.getvalue().splitlines()
    assert "\x1b" not in line
    assert line.startswith("step 1 · 4 reports · best 1000 · no workers · 0:00 elapsed")
