"""A browser, and a server with populations to look at."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pbt
from tests.support.browsers import Tab, browser
from tests.support.population import Script
from tests.support.worlds import ServerWorld

pytestmark = pytest.mark.slow
HOSTILE = ['<img src=x onerror="window.hacked=1">', "ü#%20&", "'\"><script>window.hacked=1</script>"]
SPACE = {
    "lr": pbt.Float(1e-4, 1.0, log=True), "discount": pbt.Float(0.9, 0.9999, log="1-x"), "layers": pbt.Int(1, 8),
    "batch": pbt.Ordinal([16, 32, 64]), "<b>act</b> ü#": pbt.Choice(HOSTILE), "decay": 1e-4,
}  # fmt: skip
MEMBERS, ROUNDS = 12, 24


@pytest.fixture(scope="session")
def running() -> Iterator[Any]:
    """A browser for all tests of a process."""
    with browser() as found:
        yield found


class Look:
    """A server with a population, digits, whose script goes on as the test says."""

    def __init__(
        self, folder: Path, running: Any, key: str | None = None, members: int = MEMBERS, rounds: int = ROUNDS,
        strategy: str = "pbt",
    ) -> None:  # fmt: skip
        self.world = ServerWorld(folder, key=key)
        self.base = f"http://127.0.0.1:{self.world.port}"
        self.script = Script(self.world, space=SPACE, members=members, steps=1000, strategy=strategy)
        self._running = running
        self._chance = random.Random(0)
        self.tabs: list[Tab] = []
        for _ in range(rounds):
            self.round()

    def round(self) -> None:
        """Every member reports; one score now and then is not finite."""
        step = self.script.answers[0].step if self.script.answers else 0
        scores = [1 - math.exp(-step / 12) * (1 + 0.05 * i) + self._chance.gauss(0, 0.03) for i in range(MEMBERS)]
        if step % 9 == 5:
            scores[3] = math.nan
        self.script.round(*scores)

    def tab(self, path: str = "/", **more: bool) -> Tab:
        """A page of a new visitor."""
        self.tabs.append(Tab(self._running, self.base, **more))
        return self.tabs[-1].go(path)

    def exploit(self) -> tuple[int, int]:
        """Entry and member of some exploit."""
        return next(
            (number, d.member)
            for number, entry in reversed(list(enumerate(self.script.entries, 1)))
            for d in entry.decisions
            if d.source is not None and d.source.member != d.member
        )

    def close(self) -> None:
        """Nothing went wrong on any page."""
        for tab in self.tabs:
            tab.close()
        self.world.close()


@pytest.fixture
def looking(running: Any, tmp_path: Path) -> Iterator[Callable[..., Look]]:
    """Makes a `Look`."""
    made: list[Look] = []

    def make(**more: Any) -> Look:
        made.append(Look(tmp_path, running, **more))
        return made[-1]

    yield make
    for look in made:
        look.close()


@pytest.fixture
def look(looking: Callable[..., Look]) -> Look:
    """A server that asks for no key."""
    return looking()
