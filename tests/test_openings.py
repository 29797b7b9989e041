"""What further strategies need, each shown by one of a dozen lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import pbt
from pbt.opening import folder as folders
from pbt.population.entries import Decision, Why, decode, encode
from pbt.population.population import Population
from pbt.population.rules import cut, parents, quorum, rank, ranked_by, ranked_in
from pbt.strategies.births import birth
from tests.deferring import Deferring
from tests.support.population import Script
from tests.support.worlds import World


class Groups(pbt.PBT, frozen=True):
    """Two sub-populations, by even and odd ids, each with a ranking of its own."""

    def decide(self, population: Population, memory: Any, due: Sequence[int]) -> list[Decision]:
        return [self._one(population, population.members[id]) for id in due]

    def _one(self, population: Population, m: Any) -> Decision:
        if m.unborn:
            return replace(birth(population, m.id, 1), role="even" if m.id % 2 == 0 else "odd")
        ranked = ranked_in(population, m.role)
        undone = sum(not o.done for o in population.members if o.role == m.role)
        k, place = cut(len(ranked), self.quantile), rank(population, m, ranked)
        why = Why(place, len(ranked), k, place > len(ranked) - k and len(ranked) >= quorum(population, undone))
        found = parents(population, m, self.quantile, ranked) if why.low else []
        return self.exploit(population, m, found[0], why) if found else self.go_on(population, m, why)


class Evaluator(pbt.PBT, frozen=True):
    """Member 0 only judges: whatever it scores, it is not the run's best and does not end it."""

    def decide(self, population: Population, memory: Any, due: Sequence[int]) -> list[Decision]:
        found = super().decide(population, memory, due)
        born = population.members[0].unborn
        return [replace(d, role="evaluator", contends=False) if d.member == 0 and born else d for d in found]


class Shrinking(pbt.PBT, frozen=True):
    """At step 2 member 1 takes over member 0's weights, shrunk, and has two teachers."""

    def decide(self, population: Population, memory: Any, due: Sequence[int]) -> list[Decision]:
        found = {d.member: d for d in super().decide(population, memory, due)}
        kept = [m.checkpoint for m in population.members]
        if 1 in found and population.members[1].step == 2 and all(kept):
            found[1] = Decision(1, 4, start="shrink", parents=tuple(kept), hyperparameters={"lr": 0.5})
        return list(found.values())


class Rounds(pbt.PBT, frozen=True):
    """Decides for everybody at once."""

    needs_barrier: ClassVar[bool] = True


def of(kind: type) -> str:
    return f"tests.test_openings:{kind.__name__}"


def test_two_groups_have_rankings_parents_and_quorums_of_their_own() -> None:
    s = Script(members=8, strategy=Groups(quantile=0.25))
    s.round(80, 8, 70, 7, 60, 6, 50, 5)
    s.round(81, 9, 71, 7.5, 61, 6.5, 51, 5.5)
    exploits = [d for e in s.entries for d in e.decisions if d.start == "copy"]
    assert {d.member % 2 for d in exploits} == {0, 1}
    assert all(d.parents[0].member == d.member % 2 and d.why.of <= 4 for d in exploits), "the best of its own group"
    assert s.population.members[7].role == "odd"


def test_a_ranking_by_any_fitness() -> None:
    s = Script(members=4, strategy=pbt.PBT(quantile=0))
    s.round(1, 2, 3, 4)
    ranked = ranked_by(s.population, {0: 9.0, 1: float("nan"), 2: 5.0, 3: 1.0})
    assert [id for _, id in ranked] == [0, 2, 3, 1]
    low = s.population.members[3]
    assert rank(s.population, low, ranked) == 3
    assert [c.member for c in parents(s.population, low, 0.5, ranked)] == [0, 2]


def test_a_member_that_does_not_contend_is_never_best_and_reaches_no_goal() -> None:
    s = Script(members=3, strategy=of(Evaluator), goal=50)
    s.round(100, 2, 3)
    assert not s.population.finished
    assert s.population.best.member == 2
    assert s.answers[0].role == "evaluator"
    s.report(1, 51)
    assert s.population.reached
    assert s.population.best.member == 1


def test_a_worker_obeys_a_start_of_its_strategys_own_and_its_teachers_stay_loadable(tmp_path: Path) -> None:
    def save(member: pbt.Member, step: int) -> Any:
        return lambda folder: (folder / "who").write_text(f"{member.id} {step}")

    settings: dict[str, Any] = {
        "space": {"lr": pbt.Float(0.1, 1)}, "members": 3, "steps": 9, "interval": 2, "maximize": True,
        "strategy": of(Shrinking), "quorum": 9,
    }  # fmt: skip
    members = [pbt.join(tmp_path / "p", **settings) for _ in range(3)]
    assert [m.start for m in members] == ["fresh"] * 3
    for m in (members[0], members[2], members[1]):
        for step in (1, 2):
            outcome = m.report(float(m.id), step=step, save=save(m, step))
    assert outcome.exploit
    child = members[1]
    assert child.start == "shrink"
    assert [(p / "who").read_text() for p in child.parents] == ["0 2", "1 2", "2 2"]
    assert str(child.checkpoint) == str(child.parents[0])
    for step in (3, 4, 5, 6, 7, 8):
        for m in (members[0], members[2], child):
            m.report(float(m.id), step=step, save=save(m, step))
    assert child.start == "on"
    assert [(p / "who").read_text() for p in child.parents] == ["1 2", "2 2"], "its teachers are kept"
    kept = {p.name for p in (tmp_path / "p" / "checkpoints" / "2").iterdir()}
    assert len(kept) == 3  # its newest, the one before, and the one that teaches
    for m in members:
        m.close()
    again = pbt.join(tmp_path / "p", member=1)
    assert (again.start, len(again.parents)) == ("on", 2)
    again.close()


@pytest.mark.slow
def test_explorations_of_one_entry_come_with_their_reasons(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbt.server.served.HOLD", 0.05)
    s = Script(world, members=4, synchronous=True, strategy=Deferring(quantile=0.5))
    for member in range(4):
        s.join(member)
    for member in range(3):
        assert s.send(s.draft(member, 4 - member)).wait
    s.send(s.draft(3, 1))
    event = next(e.event for e in s.entries if type(e.event).__name__ == "Explored")
    assert sorted(event.values) == sorted(event.why) == [2, 3]
    why = s.population.members[3].why
    assert (why.rank, why.note) == (4, "the 2th exploit")


def test_a_strategy_says_that_it_decides_for_all_at_once() -> None:
    s = Script(members=2, strategy=of(Rounds))
    assert s.settings.synchronous
    s.join(0)
    s.join(1)
    assert s.send(s.draft(0, 1.0)).wait
    with pytest.raises(pbt.SettingsError, match="at once"):
        Script(members=2, strategy=of(Rounds), synchronous=False)


DOMAINS = [
    pbt.Float(-2, 3), pbt.Float(1e-6, 1e3, log=True), pbt.Float(0.5, 0.9999, log="1-x"), pbt.Int(-3, 9),
    pbt.Float(0.05, 0.85, step=0.2), pbt.Int(1, 4096, log=True), pbt.Ordinal([8, 16, 64]),
    pbt.Choice(["a", "b", True, 1]),
]  # fmt: skip


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
@given(u=st.floats(0, 1, exclude_max=True))
def test_every_domain_maps_to_the_unit_interval_and_back(domain: Any, u: float) -> None:
    value = domain.sample(u)
    there = domain.unit(value)
    assert 0 <= there <= 1
    back = domain.sample(there) if there < 1 else domain.sample(1 - 1e-16)
    assert back == (pytest.approx(value) if type(value) is float else value)


def test_old_journals_know_no_role_and_everybody_contends(tmp_path: Path) -> None:
    old = Path(__file__).parent / "formats" / "1" / "files"
    decisions = [d for body in folders.reader(old).read(0) for d in decode(body).decisions]
    assert all(d.contends is None for d in decisions)


class Objectives(pbt.PBT, frozen=True):
    """Takes several objectives, and judges by the second."""

    several_objectives: ClassVar[bool] = True

    def decide(self, population: Population, memory: Any, due: Sequence[int]) -> list[Decision]:
        second = {
            m.id: m.last.score["second"]
            for m in population.members
            if m.last is not None and isinstance(m.last.score, dict)
        }
        order = " ".join(str(id) for _, id in ranked_by(population, second))  # type: ignore[arg-type]
        return [replace(d, why=replace(d.why, note=order)) for d in super().decide(population, memory, due)]


def test_several_objectives_are_refused_by_whoever_ranks_one_number(world: World) -> None:
    s = Script(world)
    s.join(0)
    n = len(s.entries)
    with pytest.raises(pbt.Invalid, match="score is a mapping, and this population's strategy ranks one number"):
        s.send(replace(s.draft(0, 0.0), score={"first": 1.0, "second": 2.0}))
    assert len(s.entries) == n


def test_several_objectives_by_the_script_and_in_one_process(tmp_path: Path) -> None:
    member = pbt.join(tmp_path / "p", space={"lr": pbt.Float(0, 1)}, members=1, steps=3, maximize=True)
    with member, pytest.raises(pbt.Invalid, match="ranks one number"):
        member.report({"reward": 1.0, "cost": 2.0}, step=1, save=lambda folder: (folder / "w").touch())
    with pytest.raises(pbt.Invalid, match="ranks one number"):
        pbt.train(
            lambda rng: 0, lambda state, h, rng: state, lambda state, rng: {"a": 1.0},  # type: ignore[arg-type, return-value]
            {"lr": pbt.Float(0, 1)}, members=2, steps=4, interval=1, maximize=True,
        )  # fmt: skip


def test_a_strategy_of_several_objectives_ranks_by_any_of_them() -> None:
    s = Script(members=3, strategy=of(Objectives), quorum=9)
    for member, (first, second) in enumerate([(1.0, 5.0), (2.0, 7.0), (3.0, 6.0)]):
        s.join(member)
        draft = s.draft(member, 0.0)
        s.send(replace(draft, score={"first": first, "second": second}))
    assert s.entries[-1].decisions[0].why.note == "1 2 0"
    assert (s.population.best.member, s.population.best.score) == (2, 3.0), "the first objective ranks"
    assert decode(encode(s.entries[-1])) == s.entries[-1]
