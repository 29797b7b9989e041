"""Promise 8: same seed, same journal up to here, same report: same decision, wherever the journal lies."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.coordinator.coordinator import Coordinator
from pbt.journals.memory import MemoryJournal
from pbt.journals.sqlite import SQLiteJournal
from pbt.liveness.liveness import SameProcess
from pbt.opening import folder as folders
from pbt.population.entries import Entry, Report, encode
from pbt.population.fold import refold
from pbt.settings import wanted
from tests.support.population import SPACE, Script
from tests.support.postgres import installed
from tests.support.worlds import WORLDS

PLAIN: dict[str, Any] = {"quantile": 0.25, "resample": 0.25}


def play(kind: str, tmp_path: Path, strategy: Any) -> list[bytes]:
    """A hundred reports from a seed; the journal without times, nonces and the kind of sign of life."""
    world = WORLDS[kind](tmp_path)
    s = Script(world, steps=40, strategy=strategy, seed=11)
    rng = random.Random(5)
    for member in range(4):
        s.join(member)
    for _ in range(100):
        member = rng.randrange(4)
        if not s.answers[member].stop:
            s.report(member, rng.choice([rng.gauss(0, 1), math.nan, 1, 1.0]))
    entries = s.entries
    assert refold(entries) == world.population
    world.close()
    return [_plain(e) for e in entries]


def _plain(entry: Entry) -> bytes:
    from msgspec.structs import replace

    event = entry.event
    if hasattr(event, "nonce"):
        event = replace(event, nonce="", sign="")
    return encode(replace(entry, time=0.0, event=event))


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [{"name": "pbt", **PLAIN}, "tests.deferring:Deferring"])
def test_all_ways_of_running_decide_alike(tmp_path: Path, strategy: Any) -> None:
    journals = {}
    kinds = [kind for kind in WORLDS if kind != "postgres" or installed()]
    for kind in kinds:
        (tmp_path / kind).mkdir()
        journals[kind] = play(kind, tmp_path / kind, strategy)
    assert {"memory", "folder", "files", "server"} <= set(kinds)
    assert all(journals[kind] == journals["memory"] for kind in kinds)
    assert any(b'"copy"' in body for body in journals["memory"])


def test_train_decides_as_a_folder_does(tmp_path: Path) -> None:
    """pbt.train's own reports, said again by workers to a coordinator on a folder."""
    space = {"lr": pbt.Float(0.01, 1, log=True)}
    result = pbt.train(
        lambda rng: 0.0,
        lambda x, h, rng: x + h["lr"] * rng.random(),  # type: ignore[operator]
        lambda x, rng: x,
        space,
        members=4,
        steps=20,
        maximize=True,
        interval=2,
        seed=3,
        strategy={"name": "pbt", **PLAIN},
    )
    world = WORLDS["folder"](tmp_path)
    s = Script(world, space=space, steps=20, interval=2, seed=3, strategy={"name": "pbt", **PLAIN})
    for member in range(4):
        s.join(member)
    for entry in result.journal:
        for report in getattr(entry.event, "reports", ()):
            s.send(report)
    assert [_plain(e) for e in s.entries] == [_plain(e) for e in result.journal]
    world.close()


def test_memory_and_sqlite_journals_are_equal_byte_for_byte(tmp_path: Path) -> None:
    journals: list[Any] = [MemoryJournal(), SQLiteJournal(folders.prepare(tmp_path / "p"))]
    for journal in journals:
        ticks = iter(range(1000))
        coordinator = Coordinator(journal, SameProcess(), clock=lambda ticks=ticks: float(next(ticks)))  # type: ignore[misc]
        coordinator.create(wanted(space=SPACE, members=3, steps=30, maximize=True, seed=5))
        answers = {m: coordinator.join(f"n{m}", member=m) for m in range(3)}
        rng = random.Random(2)
        for _ in range(60):
            a = answers[rng.randrange(3)]
            if a.stop or a.member is None:
                continue
            report = Report(
                member=a.member, lease=a.lease, seq=a.seq + 1, decided=a.decisions, step=a.step + 1,
                score=rng.random(), checkpoint=f"{a.member}/{a.lease}-{a.seq + 1}",
            )  # fmt: skip
            (answers[a.member],) = coordinator.report(report)
    assert list(journals[0].read(0)) == list(journals[1].read(0))
    assert len(journals[0].read(0)) > 50
    journals[1].close()
