"""Each view of the page against the same thing computed from `pbt.load` by brute force."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbt
from pbt.coordinator import snapshot
from pbt.coordinator.transition import fold_all
from pbt.errors import Invalid, NotFound, Uncreated, UnknownMember
from pbt.opening import folder as folders
from pbt.schedules.texts import texts
from pbt.space.numbers import real
from pbt.strategies.registry import build
from pbt.views.asked import Asked
from pbt.views.bins import Binned, Window, quantile
from pbt.views.catalogue import NAMES, View, view
from pbt.views.columns import Column, Columns, decode, encode
from pbt.views.followed import Followed, number_of
from pbt.views.overview import line
from tests.support.population import Script
from tests.support.worlds import FolderWorld

SPACE = {
    "lr #1": pbt.Float(1e-4, 1.0, log=True), "Größe": pbt.Int(1, 8), "act/q05": pbt.Choice(["a", "b", "c"]),
    "batch": pbt.Ordinal([16, 32, 64]), "seed": 3,
}  # fmt: skip
SCORES = {"usual": None, "nan": "nan", "mixed": "now and then"}


def trained(folder: Path, members: int, rounds: int, scores: str = "usual", **given: Any) -> FolderWorld:
    """A population on the disk that has been trained a little."""
    world = FolderWorld(folder)
    script = Script(world, space=SPACE, members=members, steps=100, seed=3, **given)
    rng = random.Random(1)
    for step in range(1, rounds + 1):
        for m in range(members):
            odd = scores == "nan" or (scores == "mixed" and rng.random() < 0.2)
            score = rng.choice(["nan", "inf", "-inf"]) if odd else rng.random() + m / 10
            script.report(m, math.nan if scores == "nan" else float(score), step=None, metrics={"x": float(step)})
    return world


KINDS: dict[str, dict[str, Any]] = {
    "usual": {"members": 6, "rounds": 12, "strategy": {"name": "pbt", "quantile": 0.34}},
    "mixed": {"members": 5, "rounds": 12, "scores": "mixed"},
    "nan": {"members": 3, "rounds": 5, "scores": "nan"},
    "one": {"members": 1, "rounds": 9},
    "minimize": {"members": 4, "rounds": 8, "maximize": False},
    "unreported": {"members": 2, "rounds": 0},
}


class Subject:
    def __init__(self, folder: Path, kind: str) -> None:
        self.world = trained(folder, **KINDS[kind])
        self.followed = Followed(folders.reader(self.world.folder))
        self.followed.catch_up()
        self.run = pbt.load(self.world.folder)

    def view(self, name: str, query: str = "") -> Any:
        found = view(name, "digits", self.followed, Asked(query), frozenset({"pbt"}))
        return decode(found.body) if found.media != "application/json" else msgspec.json.decode(found.body)

    @property
    def last(self) -> int:
        return max((r.step for r in self.run.reports), default=0)


@pytest.fixture(scope="module")
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Subject]]:
    """One of each kind for all tests, which only read."""
    made: dict[str, Subject] = {}

    def of(kind: str) -> Subject:
        return made.get(kind) or made.setdefault(kind, Subject(tmp_path_factory.mktemp(kind), kind))

    yield of
    for subject in made.values():
        subject.world.close()


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest, subjects: Callable[[str], Subject]) -> Subject:
    return subjects(request.param)


@pytest.fixture
def usual(subjects: Callable[[str], Subject]) -> Subject:
    return subjects("usual")


def same(a: Any, b: Any, places: float = 1e-6) -> bool:
    return all((x != x and y != y) or math.isclose(x, y, rel_tol=places) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("query", ["", "width=4", "from=3&to=7&width=2", "from=50&to=90"])
def test_series_are_quantiles_of_what_was_reported(subject: Subject, query: str) -> None:
    found: Columns = subject.view("series", query)
    asked = Asked(query)
    low, high = asked.window(subject.last)
    n = min(asked.number("width", 600), high - low + 1)
    assert found.entry == subject.run.population.count
    assert (found.meta["from"], found.meta["to"]) == (low, high)
    groups: list[list[Any]] = [[] for _ in range(n)]
    for row in subject.run.reports:
        if low <= row.step <= high:
            groups[int((row.step - low) * n / (high - low + 1))].append(row)
    assert list(found.columns["count"]) == [len(g) for g in groups]
    assert list(found.columns["bad"]) == [sum(not math.isfinite(r.score) for r in g) for g in groups]
    finite = [sorted(r.score for r in g if math.isfinite(r.score)) for g in groups]
    for name, q in {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95, "min": 0.0, "max": 1.0}.items():
        assert same(found.columns[name], [_quantile(g, q) for g in finite])
    for name in ("lr #1", "Größe"):
        values = [sorted(float(r.hyperparameters[name]) for r in g) for g in groups]
        assert same(found.columns[f"h/{name}/q50"], [_quantile(g, 0.5) for g in values])
    for i, value in enumerate("abc"):
        shares = [sum(r.hyperparameters["act/q05"] == value for r in g) / len(g) if g else math.nan for g in groups]
        assert same(found.columns[f"h/act/q05/share/{i}"], shares)
    assert set(found.meta["domains"]) == {"lr #1", "Größe", "act/q05", "batch"}
    said = {"kind": "float", "min": 1e-4, "max": 1.0, "log": True, "explore": True}
    assert found.meta["domains"]["lr #1"].items() >= said.items()


def test_sub_populations_and_values_read_back_are_told_apart(tmp_path: Path) -> None:
    world = FolderWorld(tmp_path)
    script = Script(world, space=SPACE, members=8, strategy="mf-pbt", synchronous=True)
    for step in range(1, 4):
        for m in range(8):
            decided = script.answers[m].hyperparameters if m in script.answers else script.join(m).hyperparameters
            used = {"lr #1": decided["lr #1"] * (0.5 if (m, step) == (3, 2) else 1.0)}
            script.report(m, float(m * step), used=used)
    followed = Followed(folders.reader(world.folder))
    followed.catch_up()
    whole = decode(view("series", "x", followed, Asked(""), frozenset()).body)
    assert whole.meta["roles"] == ["every 1", "every 2"]
    assert list(whole.columns["h/lr #1/used"]) == [2.0]
    assert list(whole.columns["h/Größe/used"]) == []
    parts = [decode(view("series", "x", followed, Asked(f"role=every+{n}"), frozenset()).body) for n in (1, 2)]
    counts = [list(p.columns["count"]) for p in parts]
    assert [of[1] for of in counts] == [4, 4]
    assert [sum(of) for of in zip(*counts, strict=True)] == list(whole.columns["count"])
    assert [p.columns["max"][1] for p in parts] == [3.0, 7.0]
    with pytest.raises(Invalid, match="no member has that role"):
        view("series", "x", followed, Asked("role=none"), frozenset())
    world.close()


def _quantile(ordered: list[float], q: float) -> float:
    import numpy as np

    return float(np.quantile(ordered, q)) if ordered else math.nan


def test_the_best_lineage_is_that_of_the_run(subject: Subject) -> None:
    found: Columns = subject.view("series")
    best = subject.run.best
    if best is None:
        assert len(found.columns["best_step"]) == len(found.columns["best/Größe/step"]) == 0
        return
    assert found.columns["best_step"][-1] == best.step
    assert same([found.columns["best_score"][-1]], [best.score])
    for name in ("lr #1", "act/q05"):
        steps, values = found.columns[f"best/{name}/step"], found.columns[f"best/{name}/value"]
        domain = subject.run.settings.space.domains[name]
        for step in range(best.step):
            held = next(v for s, v in reversed(list(zip(steps, values, strict=True))) if s <= step)
            at = next(v for s, v in reversed(best.schedule) if s <= step)
            assert held == number_of(domain, at[name])


@pytest.mark.parametrize("query", ["", "width=3&height=4", "from=2&to=5&height=7"])
def test_density_counts_every_finite_report_once(subject: Subject, query: str) -> None:
    found: Columns = subject.view("density", query)
    low, high = Asked(query).window(subject.last)
    scores = [r.score for r in subject.run.reports if low <= r.step <= high and math.isfinite(r.score)]
    width, rows = found.meta["width"], found.meta["height"]
    assert len(found.columns["count"]) == width * rows
    assert sum(found.columns["count"]) == len(scores)
    if not scores:
        assert found.meta["low"] is None
        return
    assert (found.meta["low"], found.meta["high"]) == (min(scores), max(scores))
    expected = [0] * (width * rows)
    spread = max(scores) - min(scores)
    for r in subject.run.reports:
        if low <= r.step <= high and math.isfinite(r.score):
            row = min(rows - 1, int((r.score - min(scores)) * rows / spread)) if spread else 0
            expected[row * width + int((r.step - low) * width / (high - low + 1))] += 1
    assert sum(abs(a - b) for a, b in zip(expected, found.columns["count"], strict=True)) <= 2  # rounding at an edge


def test_lines_are_what_members_reported_with_their_exploits(subject: Subject) -> None:
    ids = [m.id for m in subject.run.members][:3]
    found: Columns = subject.view("lines", f"members={','.join(map(str, ids))}")
    for id in ids:
        told = [r.score for r in subject.run.reports if r.member == id and math.isfinite(r.score)]
        assert same([y for y in found.columns[f"m/{id}/score"] if y == y], told)
        exploits = [d for d in subject.run.decisions if d.member == id and d.parent not in (None, id)]
        assert list(found.columns[f"m/{id}/exploit_parent"]) == [d.parent for d in exploits]
        assert list(found.columns[f"m/{id}/exploit_entry"]) == [d.entry for d in exploits]
        bad = [r.step for r in subject.run.reports if r.member == id and not math.isfinite(r.score)]
        assert list(found.columns[f"m/{id}/bad_step"]) == bad
        for i, d in enumerate(exploits):
            given = [e.entry for e in subject.run.decisions if e.member == id and e.start != "on" and e.entry < d.entry]
            kept = [r for r in subject.run.reports if r.member == id and max(given) < r.entry <= d.entry]
            own = [r for r in kept if math.isfinite(r.score)]
            theirs = [r for r in subject.run.reports if r.checkpoint == d.checkpoint]
            assert same([found.columns[f"m/{id}/exploit_score"][i]], [theirs[0].score])
            assert found.columns[f"m/{id}/exploit_step"][i] == theirs[0].step
            assert same([found.columns[f"m/{id}/exploit_end_score"][i]], [own[-1].score if own else math.nan])
    with pytest.raises(UnknownMember):
        subject.view("lines", "members=99")


def test_summary_and_line_are_as_the_run(subject: Subject) -> None:
    run, found = subject.run, subject.view("summary")
    assert found["entry"] == run.population.count
    assert (found["members"], found["reports"]) == (len(run.members), len(run.reports))
    assert found["exploits"] == sum(d.parent not in (None, d.member) for d in run.decisions)
    assert found["describe"].startswith(("Truncation", "Members", "A member", "The ", "Every")) or found["describe"]
    assert found["step"] == {"min": min(m.step for m in run.members), "max": max(m.step for m in run.members)}
    assert len(found["warnings"]) == (len(run.members) if run.members[0].score == "nan" else len(found["warnings"]))
    assert found["furthest"] == subject.last
    assert found["waiting"] == sum(m.due or bool(m.owed) for m in run.population.members if not m.done)
    assert line("digits", subject.followed).exploits == found["exploits"]
    assert line("digits", subject.followed).furthest == found["furthest"]
    spark = line("digits", subject.followed).spark
    assert len(spark) == min(60, subject.last + 1 if run.reports else 0)
    if run.best is not None:
        assert found["best"]["score"] == run.best.score
        finite = [r.score for r in run.reports if math.isfinite(r.score)]
        assert spark[-1] == pytest.approx(max(finite) if run.settings.maximize else min(finite), rel=1e-5)
    else:
        assert found["best"] is None


@pytest.mark.parametrize("sort", ["id", "step", "score", "age", "state", "h/lr #1", "h/act/q05"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_table_is_sorted_and_paged(subject: Subject, sort: str, order: str) -> None:
    from urllib.parse import quote

    found = subject.view("members", f"sort={quote(sort)}&order={order}&limit=2")
    whole = subject.view("members", f"sort={quote(sort)}&order={order}")
    assert whole["total"] == found["total"] == len(subject.run.members)
    assert [r["id"] for r in whole["rows"][:2]] == [r["id"] for r in found["rows"]]
    assert sorted(r["id"] for r in whole["rows"]) == [m.id for m in subject.run.members]
    if sort == "score":
        scores = [s for r in whole["rows"] if math.isfinite(s := real(r["score"]))]
        assert scores == sorted(scores, reverse=order == "desc")
        assert all(not math.isfinite(real(r["score"])) for r in whole["rows"][len(scores) :])
    for row in whole["rows"]:
        m = subject.run.members[row["id"]]
        told = [r.score for r in subject.run.reports if r.member == m.id]
        assert (row["step"], row["hyperparameters"], row["score"]) == (m.step, m.hyperparameters, m.score)
        assert [math.nan if s is None else real(s) for s in row["spark"]] == pytest.approx(told, rel=1e-5, nan_ok=True)
        assert (row["age"] is None) == (not told)


def test_the_table_is_filtered(usual: Subject) -> None:
    assert [r["id"] for r in usual.view("members", "filter=3")["rows"]] == [3]
    assert usual.view("members", "filter=done")["total"] == 0
    assert usual.view("members", "filter=training")["total"] == 6
    with pytest.raises(Invalid, match="no such hyperparameter"):
        usual.view("members", "sort=h/none")


def test_every_decision_has_its_reason(subject: Subject) -> None:
    last: dict[int, Any] = {}
    for d in subject.run.decisions:
        found = subject.view("reason", f"entry={d.entry}&member={d.member}")
        assert found["decision"].get("start", "on") == d.start
        assert found["step"] == d.step
        assert found["after"] == d.hyperparameters
        assert found["own"] == last.get(d.member)
        assert f"Member {d.member} " in found["sentence"]
        assert found["sentence"].endswith(".")
        if d.why.of:
            ids = found["seen"]["ids"]
            assert len(ids) == d.why.of
            assert ids[d.why.rank - 1] == d.member
            assert d.why.low is (d.member in found["seen"]["low"])
        if d.parent is not None:
            assert d.parent in found["seen"]["parents"]
            assert f"member {d.parent}'s weights" in found["sentence"]
        last[d.member] = d.hyperparameters or last.get(d.member)
    for m in subject.run.members:
        rows = subject.view("decisions", f"member={m.id}")["rows"]
        assert [r["entry"] for r in rows] == [d.entry for d in subject.run.decisions if d.member == m.id]
        assert rows[-1]["sentence"] == subject.view("members", f"filter={m.id}")["rows"][0]["why"]
        assert subject.view("schedule", f"member={m.id}")["pieces"] == [list(p) for p in subject.run.schedule(m.id)]
        said = subject.view("schedule", f"member={m.id}&texts=1")["texts"]
        again = subject.run.schedule(m.id)
        assert again.origin is not None
        assert said == texts(pbt.Schedule(again, again.origin._replace(population="digits")))
    best = subject.run.best
    assert subject.view("schedule")["texts"] is None
    assert subject.view("schedule")["pieces"] == ([] if best is None else [list(p) for p in best.schedule])
    with pytest.raises(NotFound):
        subject.view("reason", "entry=1&member=77")


def test_an_exploit_says_from_whom_and_what_was_changed(usual: Subject) -> None:
    d = next(d for d in usual.run.decisions if d.parent is not None)
    found = usual.view("reason", f"entry={d.entry}&member={d.member}")
    assert f"it ranked {d.why.rank} of 6, one of the last 2, its parent ranked {d.why.parent_rank}" in found["sentence"]
    assert found["before"] == found["decision"]["parents"][0]["hyperparameters"]
    changed = [name for name, value in found["after"].items() if found["before"][name] != value]
    assert changed
    for name in changed:
        assert f"{name} " in found["sentence"]


def test_an_empty_journal_is_an_empty_population(tmp_path: Path) -> None:
    folder = folders.prepare(tmp_path / "empty")
    followed = Followed(folders.reader(folder))
    assert followed.catch_up() == 0
    assert line("empty", followed).state == "empty"
    assert msgspec.json.decode(view("summary", "empty", followed, Asked(""), frozenset()).body)["state"] == "empty"
    for name in NAMES[1:]:
        with pytest.raises(Uncreated):
            view(name, "empty", followed, Asked("entry=1&member=0&members=0"), frozenset())


def test_what_is_read_in_pieces_is_what_is_read_at_once(usual: Subject) -> None:
    slowly = Followed(folders.reader(usual.world.folder))
    while slowly.catch_up(most=3):
        pass
    born = next(d.entry for d in usual.run.decisions if d.member == 1)
    for name in NAMES[1:]:
        query = Asked(f"entry={born}&member=1&members=0,1&step=2")
        a: View = view(name, "x", slowly, query, frozenset())
        b = view(name, "x", usual.followed, query, frozenset())
        if name not in ("members", "health"):  # these say ages
            assert a == b


@pytest.mark.parametrize("every", [5, 10**6])
def test_a_memory_is_told_from_the_snapshot_as_from_the_beginning(
    tmp_path: Path, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "SNAPSHOT_EVERY", every)
    world = FolderWorld(tmp_path)
    script = Script(world, members=4, strategy="scout", seed=5)
    for step in range(1, 7):
        script.round(*(step * (m + 1.0) for m in range(4)))
    reader = folders.reader(world.folder)
    assert (reader.snapshot() is not None) == (every == 5)
    followed = Followed(reader)
    for more in range(3):
        followed.catch_up()
        found = msgspec.json.decode(view("memory", "x", followed, Asked(""), frozenset({"scout"})).body)
        fold = fold_all(None, world.entries, build(world.population.settings))
        shown = build(world.population.settings).show(*fold)
        assert found["tables"] == msgspec.json.decode(msgspec.json.encode(shown))
        assert (found["entry"], found["strategy"], found["note"]) == (len(world.entries), "scout", "")
        script.report(more, 0.1)
    found = msgspec.json.decode(view("memory", "x", followed, Asked(""), frozenset({"pbt"})).body)
    assert found["tables"] == []
    assert "--strategy scout" in found["note"]
    world.close()


def test_a_strategy_is_not_imported_because_a_journal_names_it(usual: Subject) -> None:
    found = view("summary", "x", usual.followed, Asked(""), frozenset({"other"}))
    assert msgspec.json.decode(found.body)["describe"] == "pbt"


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(allow_nan=True) | st.just(1.5)), max_size=60),
    st.integers(0, 30), st.integers(0, 40), st.integers(1, 50), st.integers(1, 9),
)  # fmt: skip
def test_with_and_without_numpy_the_bins_are_the_same(
    points: list[tuple[int, float]], low: int, more: int, most: int, rows: int
) -> None:
    steps, values = array("d", [s for s, _ in points]), array("d", [y for _, y in points])
    window = Window.of(low, low + more, most)
    fast, plain = Binned(window, steps), Binned(window, steps, plain=True)
    assert fast.counts() == plain.counts()
    assert all(same(a, b, 0) for a, b in zip(fast.quantiles(values), plain.quantiles(values), strict=True))
    assert fast.extent(values) == plain.extent(values)
    small = array("d", [min(max(y, -1e6), 1e6) for y in values])
    assert fast.density(small, -10.0, 10.0, rows) == plain.density(small, -10.0, 10.0, rows)
    index = array("d", [s % 4 for s in steps])
    assert all(same(a, b, 0) for a, b in zip(fast.shares(index, 4), plain.shares(index, 4), strict=True))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0, 1))
def test_a_quantile_is_numpys(values: list[float], q: float) -> None:
    import numpy as np

    assert quantile(sorted(values), q) == pytest.approx(float(np.quantile(values, q)), rel=1e-9, abs=1e-9)


@given(st.lists(st.integers(0, 255), max_size=20), st.text(max_size=20), st.integers(0, 2**53))
def test_columns_come_back_as_they_were(values: list[int], name: str, entry: int) -> None:
    given = [Column(name, "u1", values), Column(name + "x", "f8", [float(v) for v in values])]
    body = encode(entry, given, {"ü": name})
    found = decode(body)
    assert (found.entry, found.meta) == (entry, {"ü": name})
    assert [list(c) for c in found.columns.values()] == [values, values]
    assert len(body) % 8 == 0
    for cut in (0, 3, len(body) // 2):
        with pytest.raises(Invalid):
            decode(body[:cut])


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("series", "width=0"), ("series", "width=4001"), ("series", "from=9&to=2"), ("series", "from=-1"),
        ("series", "from=x"), ("density", "height=0"), ("density", "height=1001"), ("lines", "members=a"),
        ("lines", "members=" + ",".join("0" * 51)), ("members", "limit=501"), ("members", "order=up"),
        ("members", "sort=name"), ("reason", "entry=1"), ("reason", "member=1"), ("reason", "entry=0&member=0"),
        ("decisions", ""), ("schedule", "member=worst"), ("series", "width=%ff"), ("series", "width=٣"),
    ],
)  # fmt: skip
def test_what_can_not_be_answered_is_refused(usual: Subject, name: str, query: str) -> None:
    with pytest.raises(Invalid):
        usual.view(name, query)


@pytest.mark.parametrize("plain", [False, True])
def test_a_few_scores_that_are_far_out_leave_the_rows_to_the_others(plain: bool) -> None:
    steps = array("d", [i % 10 for i in range(1000)])
    scores = array("d", [i / 1000 for i in range(1000)])
    binned = Binned(Window.of(0, 9, 10), steps, plain)
    assert binned.extent(scores) == (0.0, 0.999)
    scores[7], scores[8] = -1e6, math.nan
    low, high = binned.extent(scores) or (0, 0)
    assert 0 < low < 0.02
    assert high == 0.999
    rows = binned.density(scores, low, high, 20)
    assert sum(rows) == 999
    assert max(rows) <= 10
