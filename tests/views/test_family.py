"""Tree, clades, raster and health against the same computed from a journal's entries one by one, whatever happened."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbt
from pbt.errors import Invalid, UnknownMember
from pbt.population.entries import Checkpoint, Entry, Leased, Lost, Reported, Steered
from pbt.population.fold import apply
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.ranking import key_of
from pbt.views import raster as rasters
from pbt.views.asked import Asked
from pbt.views.bins import Window
from pbt.views.catalogue import view
from pbt.views.clades import choose, shares
from pbt.views.columns import Columns, decode
from pbt.views.followed import Followed
from pbt.views.forest import Forest, presence
from pbt.views.tree import LEAF, TAKEN, TOP, WEDGE, planted
from tests.fold.test_properties import moves, play
from tests.support.lineages import drifted, unranked
from tests.support.population import SPACE, Recorded, Script
from tests.support.worlds import Dying

N = 4
Key = tuple[int, int]
"""A segment: its member, and the entry in which it began."""
histories = st.lists(moves, max_size=60)
strategies = st.sampled_from([pbt.PBT(), pbt.PBT(quantile=0.5, resample=0)])


class Family:
    """Who descends from whom, told from the entries without any of the package's lineage."""

    def __init__(self, entries: list[Entry]) -> None:
        self.parents: dict[Key, Key | None] = {}
        self.current: dict[int, Key] = {}
        self.wrote: dict[str, Key] = {}
        self._saved: dict[Key, int] = {}
        population: Population | None = None
        for number, entry in enumerate(entries, 1):
            before, population = population, apply(population, entry)
            if isinstance(entry.event, Reported):
                for report in entry.event.reports:
                    if report.checkpoint is not None:
                        self.wrote[report.checkpoint] = self.current[report.member]
                        self._saved[self.current[report.member]] = report.step
            for d in entry.decisions:
                if d.start != "on":
                    self._begin(d.member, number, d.source)
            if before is not None:
                self._fall_back(before, entry, population, number)

    def _begin(self, member: int, number: int, source: Checkpoint | None) -> None:
        key = member, number
        self.parents[key] = self.wrote[source.id] if source is not None else None
        self._saved[key] = source.step if source is not None else 0
        self.current[member] = key

    def _fall_back(self, before: Population, entry: Entry, after: Population, number: int) -> None:
        """Who goes on from a checkpoint before its last one, which was lost, has a segment of its own from there on."""
        for old, new in zip(before.members, after.members, strict=True):
            back = isinstance(entry.event, Lost) and new.step < old.step
            leased = isinstance(entry.event, Leased) and entry.event.member == new.id and new.id in self.current
            told = self.current.get(new.id) == (new.id, number)
            m = new if back else old
            if (back or leased) and not told and m.saved_step < self._saved[self.current[new.id]]:
                self._begin(new.id, number, m.checkpoint)

    def path(self, key: Key) -> list[Key]:
        found = [key]
        while (up := self.parents[found[-1]]) is not None:
            found.append(up)
        return found[::-1]


class Played:
    """A population after some history, followed, with its entries."""

    def __init__(self, history: list[Any], strategy: pbt.PBT) -> None:
        script = Script(members=N, steps=12, interval=2, strategy=strategy, maximize=True, space=SPACE)
        alive = Dying()
        script.coordinator.alive = alive
        for move in history:
            play(script, alive, move)
        self.entries = script.entries
        self.followed = Followed(Recorded(self.entries))
        self.followed.catch_up()
        self.population: Population = self.followed.population
        self.family = Family(self.entries)
        self.alive = [m.id for m in self.population.members if not m.failed and m.id in self.family.current]

    def view(self, name: str, query: str = "") -> Any:
        found = view(name, "digits", self.followed, Asked(query), frozenset())
        return decode(found.body) if found.media != "application/json" else msgspec.json.decode(found.body)


def records(found: Columns) -> list[SimpleNamespace]:
    names = ("member", "entry", "parent", "row", "begin", "end", "kind", "living", "score", "clade")
    rows = zip(*(found.columns[name] for name in names), strict=True)
    return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in rows]


def up(told: list[SimpleNamespace], at: int) -> list[int]:
    """The places of a record and all that it descends from, from the root on."""
    found = [at]
    while told[found[-1]].parent >= 0:
        found.append(told[found[-1]].parent)
    return found[::-1]


def collapsed(keys: Iterator[Key]) -> list[Key]:
    return [key for key, _ in itertools.groupby(keys)]


def rows_do_not_overlap(told: list[SimpleNamespace]) -> None:
    for row in {r.row for r in told}:
        own = [r for r in told if r.row == row]
        for before, after in itertools.pairwise(own):
            assert before.end <= after.begin
            assert told[after.parent] is before


@given(histories, strategies)
@settings(max_examples=100)
def test_the_tree_is_the_lineages_of_living_members_and_of_the_best(history: list[Any], strategy: pbt.PBT) -> None:
    played = Played(history, strategy)
    told, family = records(played.view("tree")), played.family
    best = played.population.best
    way = [] if best is None else family.path(family.wrote[best.id])
    leaves = [i for i, r in enumerate(told) if r.kind & LEAF]
    assert Counter(told[i].member for i in leaves) == dict.fromkeys(played.alive, 1)
    for i in leaves:
        path = collapsed((told[j].member, told[j].entry) for j in up(told, i))
        assert path == family.path(family.current[told[i].member])
    lived = {key for m in played.alive for key in family.path(family.current[m])}
    assert {(r.member, r.entry) for r in told} == lived | {*way}
    top = [r for r in told if r.kind & TOP]
    assert [(r.member, r.entry) for r in top] == way
    assert {r.row for r in top} <= {0}
    if best is not None:
        assert top[-1].end == best.step
    descends = Counter(j for i in leaves for j in up(told, i))
    assert [r.living for r in told] == [descends[i] for i in range(len(told))]
    for i, r in enumerate(told):
        assert r.parent < i
        assert r.begin <= r.end
        if r.parent >= 0:
            before = told[r.parent]
            assert before.begin <= r.begin <= before.end
        parent = family.parents[r.member, r.entry]
        if r.kind & TAKEN:
            assert parent is not None
            assert parent[0] != r.member
    rows_do_not_overlap(told)
    assert len({r.row for r in told}) == len(played.alive) + bool(
        way and not any(r.row == 0 for r in _at(told, leaves))
    )


@given(histories, strategies)
@settings(max_examples=100)
def test_lines_that_died_out_are_those_that_the_tree_counts(history: list[Any], strategy: pbt.PBT) -> None:
    played = Played(history, strategy)
    tree, family = played.view("tree"), played.family
    lived = {key for m in played.alive for key in family.path(family.current[m])}
    for step, counted in zip(tree.columns["bin"], tree.columns["extinct"], strict=True):
        found = played.view("extinct", f"step={step:.0f}")
        assert found["total"] == counted == len(found["lines"])
        keys = [key_of(line["score"], played.population.settings.maximize) for line in found["lines"]]
        assert keys == sorted(keys)
        for line in found["lines"]:
            key = line["member"], line["entry"]
            assert line["begin"] <= step <= line["end"]
            assert key not in lived or line["end"] > line["begin"], "a part of it may live on in others"
            own = sorted(k for k in family.parents if k[0] == line["member"])
            after = own[own.index(key) + 1 :]
            assert line["ended"] == (after[0][1] if after else None)
            if not after:
                assert line["member"] not in played.alive
            else:
                heir = family.parents[after[0]]
                assert line["heir"] == (heir[0] if heir else None)
        assert len(played.view("extinct", f"step={step:.0f}&limit=1")["lines"]) == min(1, counted)


def _at(told: list[SimpleNamespace], places: list[int]) -> list[SimpleNamespace]:
    return [told[i] for i in places]


@given(histories, strategies, st.integers(0, 12), st.integers(0, 8), st.integers(1, 20))
@settings(max_examples=60)
def test_shares_of_clades_are_counted_right(
    history: list[Any], strategy: pbt.PBT, low: int, more: int, width: int
) -> None:
    played = Played(history, strategy)
    found = played.view("clades", f"from={low}&to={low + more}&width={width}&most=5")
    segments, clades = played.followed.lineage.segments, found.meta["clades"]
    root_of = {(c["member"], c["entry"]): k for k, c in enumerate(clades)}
    held = {id(s) for s in played.followed.lineage.current.values()}
    columns = [found.columns[f"share/{k}"] for k in range(len(clades) + 1)]
    for at, step in enumerate(round(step, 8) for step in found.columns["step"]):
        counts = Counter[int]()
        for s in segments:
            if s.start <= step < s.end or (step == s.end and id(s) in held):
                keys = reversed(played.family.path((s.member, s.entry)))
                counts[next((root_of[key] for key in keys if key in root_of), len(clades))] += 1
        total = counts.total()
        for k, column in enumerate(columns):
            assert column[at] == pytest.approx(counts[k] / total) if total else math.isnan(column[at])
        if total:
            assert sum(c[at] for c in columns) == pytest.approx(1, abs=1e-6)
    assert sorted(found.meta["order"]) == sorted([*range(len(clades) + 1)] * 2)
    for k, clade in enumerate(clades):
        first, last = (i for i, other in enumerate(found.meta["order"]) if other == k)
        outer = [i for i, other in enumerate(found.meta["order"]) if other == clade["within"] % (len(clades) + 1)]
        assert outer[0] < first < last < outer[1]
    assert sum(c["living"] for c in clades) <= len(played.alive)


@given(histories, strategies)
@settings(max_examples=40)
def test_health_counts_what_happened(history: list[Any], strategy: pbt.PBT) -> None:
    played = Played(history, strategy)
    found = played.view("health")
    later = [d for e in played.entries[1:] for d in e.decisions if played.family.parents.get((d.member, 0), 1)]
    births, decided, exploits = set[int](), 0, 0
    for entry in played.entries:
        for d in entry.decisions:
            decided += d.member in births
            exploits += d.member in births and d.source is not None and d.source.member != d.member
            births.add(d.member)
    assert len(later) >= found["rate"]["decisions"] == decided
    assert found["rate"]["exploits"] == exploits
    kinds = {k["kind"]: k["count"] for k in found["kinds"]}
    tags = Counter(type(e.event).__name__ for e in played.entries)
    by_hand = sum(isinstance(e.event, Steered) and not e.event.by for e in played.entries)
    assert (kinds.get("lost", 0), kinds.get("steered", 0)) == (tags["Lost"], by_hand)
    assert kinds.get("error", 0) == sum(getattr(e.event, "failed", False) for e in played.entries)
    assert [h["entry"] for h in found["incidents"]] == sorted((h["entry"] for h in found["incidents"]), reverse=True)
    p = played.population
    if not p.finished:
        idle = {m.id for m in p.members if m.lease is None or m.lease.ended}
        waiting = {m.id for m in p.members if not m.done and (m.waits or (m.paused and m.id in idle))}
        told = {m for w in found["waiting"] if w["what"] != "a worker" for m in w["members"]}
        assert told == waiting
    held = [m.id for m in p.members if m.lease is not None and not m.lease.ended and not m.done]
    assert found["leases"] == len(held)
    assert sorted(h["member"] for h in found["holdings"]) == held
    assert found["diversity"]["members"] == len(played.alive)
    assert found["checkpoints"]["referenced"] <= found["checkpoints"]["bound"]
    if found["waits"]["count"]:
        assert sum(found["waits"]["reports"]) == found["waits"]["count"]


@pytest.mark.parametrize("by", ["", "lr", "layers", "act"])
@pytest.mark.parametrize("query", ["", "from=2&to=5&width=2", "sort=score&order=desc", "rows=2", "filter=training"])
def test_a_raster_tells_what_was_reported(by: str, query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(members=5, steps=100, strategy=pbt.PBT(quantile=0.4))
    for step in range(1, 8):
        script.round(*[math.nan if (step, m) == (3, 1) else step * (m - 1) + 0.1 for m in range(5)])
    followed = Followed(Recorded(script.entries))
    followed.catch_up()

    def ask() -> Columns:
        return decode(view("raster", "x", followed, Asked(f"{query}&by={by}"), frozenset()).body)

    found = ask()
    meta, cells = found.meta, found.columns["cell"]
    wide, rows = meta["width"], meta["rows"]
    assert len(cells) == wide * rows
    order = list(found.columns["member"])
    assert len(order) == meta["members"]
    values = followed.scores if not by else followed.values[by]
    low, high = Asked(query).window(followed.last_step)
    if by != "act":
        known = list(filter(math.isfinite, values))
        assert (meta["least"], meta["most"]) == (min(known), max(known))
        assert meta["least"] <= meta["low"] <= meta["high"] <= meta["most"]
    cell: dict[tuple[int, int], list[float]] = {}
    for step, value, member in zip(followed.steps, values, followed.who, strict=True):
        if low <= step <= high and member in order:
            at = order.index(member) * rows // len(order), int((step - low) * wide / (high - low + 1))
            cell.setdefault(at, []).append(value)
    for (row, place), told in cell.items():
        fine = [y for y in told if math.isfinite(y)]
        level = cells[row * wide + place]
        if not fine:
            assert level == rasters.ODD
        elif by == "act":
            assert level == fine[-1]
        else:
            ends = (meta["low"], meta["high"])
            y, (a, b) = sum(fine) / len(fine), ends
            if meta["log"]:
                y, a, b = math.log(y), math.log(a), math.log(b)
            assert level == pytest.approx(min(253, max(0, (y - a) / (b - a) * 253)), abs=1.01)
    if "exploit_step" in found.columns:
        taken = Counter(d.member for e in script.entries for d in e.decisions if d.source is not None)
        shown = Counter(found.columns["exploit_member"])
        assert {*shown} <= {*taken}
        if not query:
            assert shown == taken
    monkeypatch.setattr(rasters, "PLAIN", True)
    plain = ask()
    assert max((abs(a - b) for a, b in zip(plain.columns["cell"], cells, strict=True)), default=0) <= 1
    with pytest.raises(Invalid, match="no such hyperparameter"):
        view("raster", "x", followed, Asked("by=none"), frozenset())


def test_a_cell_without_a_report_is_about_the_steps_up_to_the_next() -> None:
    script = Script(members=2, steps=100, interval=5)
    script.report(0, 1.0, step=4)
    script.report(1, 2.0, step=2)
    followed = Followed(Recorded(script.entries))
    followed.catch_up()
    found = decode(view("raster", "x", followed, Asked(""), frozenset()).body)
    assert found.meta["width"] == 5
    assert list(found.columns["cell"]) == [0] * 5 + [253] * 3 + [rasters.NOTHING] * 2


def limited(lineage: Lineage, population: Population, limit: int, window: Window) -> Any:
    forest = Forest(lineage)
    forest.read_on()
    return planted(forest, population, window, limit, member=0)


@pytest.mark.parametrize("limit", [4, 5, 17, 60, 120, 4000])
def test_a_tree_has_no_more_rows_than_asked_for_and_loses_nobody(limit: int) -> None:
    n, rounds = 120, 60
    lineage, population = drifted(n, rounds), unranked(n)
    found = limited(lineage, population, limit, Window.of(0, rounds, 300))
    told = found.records
    assert found.rows <= limit
    assert found.rows == (n if limit >= n else limit)
    assert sum(1 if r.kind & LEAF else r.living if r.kind & WEDGE else 0 for r in told) == n == found.leaves
    assert all(r.parent < i for i, r in enumerate(told))
    assert [r.row for r in told] == sorted(r.row for r in told)
    assert {r.row for r in told if r.kind & TOP} == {0}
    inner = [0] * len(told)
    for i in range(len(told) - 1, -1, -1):
        inner[i] += bool(told[i].kind & LEAF) + (told[i].living if told[i].kind & WEDGE else 0)
        assert told[i].living >= inner[i]  # a wedge hangs on the first piece that one of its chains leaves
        if told[i].parent >= 0:
            inner[told[i].parent] += inner[i]
    if limit >= n:
        assert not any(r.kind & WEDGE for r in told)
        assert [r.living for r in told] == inner


def test_a_window_shows_what_lies_in_it() -> None:
    n, rounds = 40, 50
    lineage, population = drifted(n, rounds), unranked(n)
    whole = limited(lineage, population, 4000, Window.of(0, rounds, 300)).records
    for low, high in ((0, 10), (20, 30), (45, 50)):
        part = limited(lineage, population, 4000, Window.of(low, high, 300)).records
        inside = [r for r in whole if r.end >= low and r.begin <= high]
        assert Counter((r.of.entry, r.of.member, r.begin) for r in part) == Counter(
            (r.of.entry, r.of.member, r.begin) for r in inside
        )
        assert sum(r.parent < 0 for r in part) >= 1


def test_short_pieces_of_a_long_row_are_told_as_one() -> None:
    lineage, population = drifted(10, 900), unranked(10)
    found = limited(lineage, population, 4000, Window.of(0, 900, 20))
    every = limited(lineage, population, 4000, Window.of(0, 900, 300))
    assert len(found.records) < len(every.records)
    assert found.rows == every.rows == 10
    assert sum(bool(r.kind & LEAF) for r in found.records) == 10


def test_clades_divide_the_run_although_all_descend_from_one_founder() -> None:
    lineage = drifted(30, 300)
    forest = Forest(lineage)
    forest.read_on()
    window = Window.of(0, 300, 100)
    chosen = choose(forest, window)
    assert len(chosen.found) == 12
    starts = [lineage.segments[c.root].start for c in chosen.found]
    assert max(starts) > 150
    last = [row[-1] for row in shares(forest, chosen, window)]
    assert max(last) < 0.9
    assert sum(shares(forest, chosen, window)[-1]) / 100 < 0.2  # few belong to none


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans(), st.integers(0, 2)), max_size=30),
    st.integers(0, 20), st.integers(0, 40), st.integers(1, 30),
)  # fmt: skip
def test_with_and_without_numpy_as_many_are_present(
    given_: list[tuple[int, int, bool, int]], low: int, more: int, width: int
) -> None:
    from pbt.views.forest import Spans

    spans = Spans([a for a, *_ in given_], [a + n for a, n, *_ in given_], [c for *_, c, _ in given_])
    groups = [g for *_, g in given_]
    window = Window.of(low, low + more, width)
    found = presence(window, spans, groups, 3)
    assert found == presence(window, spans, groups, 3, plain=True)
    for k in range(3):
        for at, step in enumerate(window.centres):
            at_step = round(step, 8)
            held = [a <= at_step < b or (c and at_step == b) for a, b, c in zip(*spans, strict=True)]
            assert found[k][at] == sum(h and g == k for h, g in zip(held, groups, strict=True))


def test_what_can_not_be_drawn_is_said() -> None:
    played = Played([], pbt.PBT())
    with pytest.raises(UnknownMember):
        played.view("tree", "of=77")
    with pytest.raises(Invalid, match="no such hyperparameter"):
        played.view("tree", "by=none")
    with pytest.raises(Invalid, match="step is missing"):
        played.view("extinct")
    assert played.view("tree", "of=2").meta["of"] == 2
    assert "value" in played.view("tree", "by=lr").columns


@pytest.mark.slow
@pytest.mark.parametrize(("members", "rounds"), [(1000, 1000), (10_000, 100)])
def test_no_answer_about_a_large_family_exceeds_a_megabyte(members: int, rounds: int) -> None:
    from pbt.views.tree import columns_of

    lineage, population = drifted(members, rounds), unranked(members)
    forest = Forest(lineage)
    forest.read_on()
    window = Window.of(0, rounds, 300)
    found = planted(forest, population, window, 4000, member=0)
    by = "lr", population.settings.space.domains["lr"]
    size = sum(len(c.values) * c.values.itemsize for c in columns_of(forest, found, choose(forest, window), by))
    assert size < 1_000_000
