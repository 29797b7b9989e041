"""What every strategy must hold: in every journal, restarted after every entry, with ties, nan and sick members."""

from __future__ import annotations

import functools
import math
from typing import Any

import msgspec
import pytest

import pbt
from pbt.coordinator.transition import fold_all
from pbt.population.entries import Explored, Lost, Released, Reported
from pbt.population.recorded import StrategyRecord
from pbt.strategies.registry import KNOWN, ORIGINAL, bare, build
from pbt.strategies.shown import Table
from tests.support.population import Script
from tests.support.worlds import MemoryWorld, World

pytest.importorskip("scipy")

SLOW = pytest.mark.slow
NAMES = sorted(set(KNOWN) - {ORIGINAL})
SPACE = {
    "lr": pbt.Float(1e-3, 1.0, log=True), "momentum": pbt.Float(0, 1), "epochs": pbt.Int(1, 9),
    "width": pbt.Int(1, 64, explore=False), "batch": pbt.Ordinal([16, 32, 64]), "act": pbt.Choice(["a", "b", "c"]),
}  # fmt: skip
TIED = pbt.Space(SPACE, ["batch >= epochs * 4", "lr * epochs <= 2", "momentum <= 0.9 or act == 'b'", "width >= epochs"])
MEMBERS, STEPS = 8, 14
NEEDED = {"follow": {"schedule": [(0, {"lr": 0.5}), (6, {"lr": 0.1, "act": "b"})], "followers": 3}}
"""Parameters without a default."""


def value(hyperparameters: dict[str, Any], step: int, member: int) -> float:
    """Ties in the first rounds; nan of one member in the third; else better near lr = .1."""
    if step <= 2:
        return 1.0
    if step == 3 and member == 2:
        return math.nan
    bonus = {"a": 0.0, "b": 0.2, "c": -0.2}[hyperparameters["act"]]
    return step * (1.0 - abs(math.log10(hyperparameters["lr"]) + 1) + bonus)


class Played:
    """A population trained to its end by one worker for each member, who speak in turn."""

    def __init__(
        self, world: World, strategy: str, restart: bool = False, sick: int | None = None, **more: Any
    ) -> None:
        self.world, self.restart = world, restart
        given = {"space": SPACE, "members": MEMBERS, "steps": STEPS, **more}
        s = self.script = Script(world, strategy={"name": strategy, **NEEDED.get(strategy, {})}, **given)
        for member in range(MEMBERS):
            s.join(member)
        pending: dict[int, Any] = {}
        for _ in range(60 * STEPS):
            if s.population.finished:
                break
            for member in range(MEMBERS):
                self._speak(member, pending, sick)
        assert s.population.finished, "it comes to its end"

    def _speak(self, member: int, pending: dict[int, Any], sick: int | None) -> None:
        s = self.script
        if self.restart:
            s.coordinator = self.world.coordinator()
        known = s.answers[member]
        if known.stop or s.population.finished:
            return
        if known.wait:
            s.send(pending[member])
            return
        if member == sick and s.population.reports > MEMBERS:
            s.coordinator.tell(Released(member, known.lease, failed=True))
            s.join(member)
            return
        step = known.step + 1
        pending[member] = s.draft(member, value(known.hyperparameters, step, member), step)
        s.send(pending[member])


@functools.cache
def usual(name: str) -> Played:
    """A run without anything special, for all tests that look at one."""
    return Played(MemoryWorld(), name)


def told(played: Played) -> list[Any]:
    """Everything but the times."""
    return [(e.event, e.decisions) for e in played.script.entries]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pb2-mix", "mf-pbt", "scout"])
def test_it_trains_to_the_end_in_every_journal(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory, explorations that are owed, a barrier: what strategies do with a journal is in these three."""
    for name_of in ("HOLD", "_LOOK_AGAIN"):  # all members are played by one thread
        monkeypatch.setattr(f"pbt.server.served.{name_of}", 0.02)
    check_the_end(Played(world, name))


@pytest.mark.parametrize("name", NAMES)
def test_it_trains_to_the_end(name: str) -> None:
    check_the_end(usual(name))


def check_the_end(played: Played) -> None:
    p = played.script.population
    assert all(m.step == STEPS for m in p.members)
    assert all(m.hyperparameters in p.settings.space for m in p.members)
    assert p.best.score == max(float(m.score) for m in p.members)
    decisions = [d for e in played.script.entries for d in e.decisions]
    assert all(d.parents[0].step < STEPS for d in decisions if d.source is not None), "nothing after the last step"
    if p.settings.strategy.name != "plans":
        assert any(d.source is not None for d in decisions), "somebody exploits"
        nan = next(d for d in decisions if (d.member == 2 and not math.isfinite(d.why.rank)) or d.start == "copy")
        assert nan.source is not None


@pytest.mark.parametrize("synchronous", [False, pytest.param(True, marks=SLOW)])
@pytest.mark.parametrize("name", [pytest.param(n, marks=SLOW if n.startswith("pb2") else ()) for n in NAMES])
def test_a_restart_after_every_entry_changes_nothing(name: str, synchronous: bool) -> None:
    barrier = synchronous and not bare(StrategyRecord(name, NEEDED.get(name, {}))).needs_barrier
    more = {"synchronous": True} if barrier else {}
    once = Played(MemoryWorld(), name, **more) if more else usual(name)
    anew = Played(MemoryWorld(), name, restart=True, **more)
    assert told(once) == told(anew)
    once.world.check()
    anew.world.check()


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=SLOW if n.startswith("pb2-") else ()) for n in NAMES if n not in NEEDED]
)
def test_constraints_hold_in_every_entry_also_after_restarts_and_cures(name: str) -> None:
    once, anew = (Played(MemoryWorld(), name, restart, sick=3, space=TIED) for restart in (False, True))
    assert told(once) == told(anew)
    given = [d.hyperparameters for e in once.script.entries for d in e.decisions if d.hyperparameters is not None]
    given += [v for e in once.script.entries if isinstance(e.event, Explored) for v in e.event.values.values()]
    assert len(given) > MEMBERS
    assert all(values in TIED for values in given)
    assert len({msgspec.json.encode(values) for values in given}) > MEMBERS, "they are explored all the same"


@pytest.mark.parametrize("name", sorted({*NAMES} - NEEDED.keys()))
def test_a_space_of_choices_alone(name: str) -> None:
    space = {"lr": 0.1, "act": pbt.Choice(["a", "b", "c"]), "width": pbt.Int(1, 8, explore=False)}
    check_the_end(Played(MemoryWorld(), name, space=space))


@pytest.mark.parametrize("name", NAMES)
def test_equal_scores_move_nobody(name: str) -> None:
    entries = usual(name).script.entries
    early = [
        d for e in entries for d in e.decisions
        if isinstance(e.event, Reported) and e.event.reports[0].step <= 2 and d.source is not None
    ]  # fmt: skip
    assert not early, "ties are no reason"


@pytest.mark.parametrize("name", NAMES)
def test_a_sick_member_is_cured_or_stopped_and_the_others_end(name: str) -> None:
    p = Played(MemoryWorld(), name, sick=3).script.population
    assert [m.id for m in p.members if m.failed] == [3]
    assert all(m.step == STEPS for m in p.members if m.id != 3)


@pytest.mark.parametrize("name", NAMES)
def test_it_minimises_as_well_and_ends_at_a_goal(name: str) -> None:
    p = Played(MemoryWorld(), name, maximize=False, goal=-2.0).script.population
    assert p.reached or all(m.step == STEPS for m in p.members)


@pytest.mark.parametrize("name", NAMES)
def test_a_population_of_one(name: str) -> None:
    s = Script(MemoryWorld(), space=SPACE, members=1, steps=5, strategy={"name": name, **NEEDED.get(name, {})})
    for step in range(1, 6):
        s.report(0, float(step))
    assert s.population.finished
    assert s.population.best.score == 5.0


@pytest.mark.parametrize("name", NAMES)
def test_every_decision_keeps_its_reason(name: str) -> None:
    for entry in usual(name).script.entries:
        for d in entry.decisions:
            if d.source is not None:
                assert d.why.rank > 0 or d.why.note, d
        if isinstance(entry.event, Explored):
            assert all(why.operations for why in entry.event.why.values())


@pytest.mark.parametrize("name", NAMES)
def test_what_it_shows_of_its_memory_are_whole_tables(name: str) -> None:
    played = usual(name)
    strategy = build(played.script.population.settings)
    fold = fold_all(None, played.script.entries, strategy)
    shown = strategy.show(*fold)
    assert len({one.name for one in shown}) == len(shown)
    assert bool(shown) == (name not in ("pbt", "plans", "follow"))
    for one in shown:
        assert all(len(row) == len(one.columns) for row in one.rows)
        assert msgspec.json.decode(msgspec.json.encode(one), type=Table) == one
    begun = fold_all(None, played.script.entries[:1], strategy)
    assert len(strategy.show(*begun)) == len(shown), "nothing is known yet"


def test_scout_says_what_became_of_its_probes() -> None:
    notes = [d.why.note for e in usual("scout").script.entries for d in e.decisions]
    begun, ended = (sum(word in note for note in notes) for word in ("probe of member", "under the same hyperp"))
    assert begun > 0
    assert 0 < ended <= begun, notes


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("members", [1, 8])
def test_it_says_what_it_does_in_a_sentence(name: str, members: int) -> None:
    record = StrategyRecord(name, NEEDED.get(name, {}))
    said = bare(record).describe(Script(MemoryWorld(), members=members).population)
    assert len(said.split()) > 5
    assert "\n" not in said


def test_a_tournament_without_a_quantile_is_no_random_search() -> None:
    population = Script(MemoryWorld(), members=4).population
    assert pbt.PBT(quantile=0).describe(population).startswith("random search")
    assert "meets one other" in pbt.PBT(quantile=0, selection="tournament").describe(population)


def test_a_rank_is_one_of_so_many() -> None:
    s = Script(MemoryWorld(), members=3, steps=20, interval=1, seed=4, strategy="scout")
    for step in range(6):
        s.round(1.0 + step, 0.5, math.nan)
    reasons = [d.why for e in s.entries for d in e.decisions if d.why.of]
    assert reasons
    assert all(1 <= why.rank <= why.of for why in reasons)


def test_who_is_first_and_has_lost_its_weights_is_not_called_the_last() -> None:
    s = Script(MemoryWorld(), members=4, steps=20, interval=1, strategy={"name": "mf-pbt", "frequencies": [1]}, seed=4)
    for _ in range(2):
        s.round(9.0, 5.0, 4.0, 3.0)
    while not s.population.members[0].cure:
        s.coordinator.tell(Lost(0, 1, s.population.members[0].checkpoint.id))
    for member in (1, 2, 3):
        s.report(member, 6.0 - member)
    why = next(d.why for d in s.entries[-1].decisions if d.member == 0)
    assert (why.rank, why.of, why.low, why.parent_rank) == (1, 4, False, 2)


@pytest.mark.parametrize("bad", [1e30, 1e200, 1.7e308])
@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("pb2") or n == "scout"])
def test_a_member_that_diverges_leaves_the_model_able_to_tell_others_apart(name: str, bad: float) -> None:
    """Finite, and of another order: a loss of 1e30 must not make all other gains equal."""

    def explored(scale: float) -> list[Any]:
        s = Script(MemoryWorld(), members=8, steps=9, maximize=False, strategy=name, space={"lr": pbt.Float(0, 1)})
        for step in range(1, 9):
            for id in range(8):
                h = (s.answers.get(id) or s.join(id)).hyperparameters
                s.report(id, scale * step if (step, id) == (3, 7) else 10.0 - step * (1 - abs(h["lr"] - 0.3)))
        return [why.more.get("deviation", 1) for e in s.entries if isinstance(e.event, Explored)
                for why in e.event.why.values()]  # fmt: skip

    assert all(map(math.isfinite, explored(bad)))


def test_one_diverged_gain_is_far_and_the_others_keep_their_order() -> None:
    import numpy as np

    from pbt.strategies.surrogate import standardised

    for bad in (-1e30, -1e200, -1.7e308):
        gains = np.array([0.1, 0.4, 0.2, 0.3, 0.35, 0.15, bad])
        seen = standardised(gains)
        assert list(np.argsort(seen)) == list(np.argsort(gains))
        assert seen[1] - seen[0] > 0.01
    assert np.isfinite(standardised(np.array([0.0, 0.0, 0.0, -1.7e308, 1.7e308]))).all()
