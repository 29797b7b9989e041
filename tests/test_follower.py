"""The follower: one fold of a journal for all of its listeners."""

from __future__ import annotations

from typing import Any

import pytest

import pbt
from pbt.coordinator.follower import Follower
from pbt.population.entries import Entry, encode
from pbt.population.fold import refold
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.schedule import schedule
from tests.support.population import Recorded, Script


def trained() -> list[Entry]:
    s = Script(members=4)
    for _ in range(6):
        s.round(1, 2, 3, 4)
    return s.entries


class Growing(Recorded):
    """A journal to which others append, and which counts how often each entry is read."""

    def __init__(self, entries: list[Entry], piece: int) -> None:
        super().__init__(entries)
        self.piece = piece
        self.visible = 0
        self.reads = [0] * len(entries)

    def read(self, after: int) -> list[bytes]:
        self.visible = min(self.visible + self.piece, len(self.reads))
        for i in range(after, self.visible):
            self.reads[i] += 1
        return super().read(after)[: self.visible - after]


@pytest.mark.parametrize("piece", [1, 5, 1000])
def test_all_listeners_hear_every_entry_once_between_the_populations_before_and_after(piece: int) -> None:
    entries = trained()
    journal = Growing(entries, piece)
    follower, heard, again = Follower(journal), [], Lineage()

    def listener(before: Population | None, entry: Entry, after: Population) -> None:
        heard.append((before, entry, after))

    follower.listen(listener)
    follower.listen(again.follow)
    while follower.catch_up():
        pass
    assert journal.reads == [1] * len(entries)
    assert [entry for _, entry, _ in heard] == entries
    assert [before for before, _, _ in heard] == [None, *(after for _, _, after in heard[:-1])]
    assert heard[-1][2] == refold(entries)
    assert again == Lineage.of(entries)


def test_exploits_and_the_schedule_of_the_best_are_those_of_the_decisions() -> None:
    result = pbt.train(
        lambda rng: rng.random(), lambda x, h, rng: x + h["lr"], lambda x, rng: x, {"lr": pbt.Float(0.1, 1)},
        members=8, steps=20, interval=2, seed=3, maximize=True,
    )  # fmt: skip
    lineage, follower = Lineage(), Follower(Recorded(result.journal))
    follower.listen(lineage.follow)
    follower.catch_up()
    sources = [(d.source.member, d.member) for e in result.journal for d in e.decisions if d.source is not None]
    assert lineage.exploits == sum(parent != child for parent, child in sources) > 0
    assert follower.population.best is not None
    assert schedule(lineage, follower.population.best) == list(result.best.schedule)


def test_what_a_lineage_forgets_no_later_entry_asks_for() -> None:
    entries = trained()
    whole, lineage, follower = Lineage.of(entries), Lineage(), Follower(Recorded(entries))
    follower.listen(lineage.follow)
    follower.listen(lambda before, entry, after: lineage.forget(after))
    follower.catch_up()
    best = follower.population.best
    assert best is not None
    assert lineage.ancestry(best) == whole.ancestry(best)
    assert len(lineage.wrote) < len(whole.wrote)


@pytest.mark.parametrize(("damage", "says"), [(b"{", "can not be read"), (None, "does not follow")])
def test_an_entry_that_can_not_be_folded_is_named(damage: Any, says: str) -> None:
    journal = Recorded(trained())
    journal.bodies[2] = damage or encode(Entry(0.0, trained()[-1].event))
    with pytest.raises(pbt.PBTError, match=f"journal entry 3.*{says}"):
        Follower(journal).catch_up()
