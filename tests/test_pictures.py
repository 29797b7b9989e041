"""`pbt plot`: a picture of any population, whatever became of it, and a sentence where there can be none."""

from __future__ import annotations

import importlib.util
import itertools
import math
import os
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.opening import folder as folders
from pbt.population.entries import Entry, encode, real, score_of
from pbt.population.schedule import schedule
from pbt.server.keys import Key
from tests.security import READ
from tests.support.population import Recorded, Script
from tests.support.scripts import PBT, ROOT, environment, pbt_run
from tests.support.worlds import KEY, ServerWorld

pytest.importorskip("matplotlib")

from pbt.views.history import History, band_in_force, band_of_points, pieces_of, thinned
from pbt.views.pictures import FAMILY, draw
from pbt.views.table import number_text

LR = pbt.Float(1e-4, 1, log=True)


def trained(
    members: int = 8, rounds: int = 20, space: dict[str, Any] | None = None, maximize: bool = True,
    score: Callable[[float, random.Random], float] = lambda x, rng: x + rng.gauss(0, 0.1), **more: Any,
) -> list[Entry]:  # fmt: skip
    result = pbt.train(
        lambda rng: 0.0, lambda x, h, rng: x + float(h.get("lr", 0.1)), score, space or {"lr": LR}, members=members,
        steps=2 * rounds, interval=2, maximize=maximize, seed=3, **more,
    )  # fmt: skip
    return result.journal


def texts(path: Path) -> list[str]:
    """The words in an SVG file, in order."""
    return ["".join(e.itertext()) for e in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def history_of(entries: list[Entry]) -> History:
    return History.read(Recorded(entries))


def drawn(tmp_path: Path, entries: list[Entry], title: str = "a title", **more: Any) -> list[str]:
    draw(history_of(entries), tmp_path / "p.svg", title, **more)
    return texts(tmp_path / "p.svg")


def folder_of(entries: list[Entry], folder: Path) -> Path:
    folders.prepare(folder, "sqlite")
    folders.coordinator(folder).journal.append(0, [encode(entry) for entry in entries])
    return folder


def test_numbers_near_one_are_not_one() -> None:
    shown = [number_text(x) for x in (0.99, 0.992, 0.99995, 0.9999999999999999, 1.0, 0.123456)]
    assert shown == ["0.99", "0.992", "0.99995", "0.9999999999999999", "1", "0.1235"]


def test_a_scale_near_one_has_ticks_that_differ(tmp_path: Path) -> None:
    near_one = {"lr": LR, "discount": pbt.Float(0.9, 0.99999, log="1-x"), "b": pbt.Float(0.5, 0.5, log="1-x")}
    said = drawn(tmp_path, trained(space=near_one))
    ticks = [t for t in said if t.startswith("0.9")]
    assert {"0.999", "0.9999"} <= {*ticks}
    assert len(ticks) == len({*ticks})


@pytest.mark.slow
def test_a_picture_says_what_it_shows(tmp_path: Path) -> None:
    space = {"lr": LR, "batch": pbt.Ordinal([16, 32]), "act": pbt.Choice(["relu", "tanh"]), "decay": 0.5}
    entries = trained(space=space)
    said = drawn(tmp_path, entries)
    history = history_of(entries)
    best = history.population.best
    assert best is not None
    assert "a title" in said
    assert f"8 members · {history.population.reports} reports · {history.exploits} exploits · finished" in said
    assert "score, as reported (higher is better)" in said
    assert any(t.startswith(f"best saved: {best.score:.4g}, member {best.member} at step {best.step}") for t in said)
    assert any(t.startswith("lineage of the best") for t in said)
    for words in ("all 8 members", "lr", "batch", "act", "relu", "tanh", "16", "32", "25 to 75 % of all"):
        assert words in said
    assert "not explored: decay=0.5" in said
    assert "step" in said


@pytest.mark.slow
def test_the_command_writes_what_it_is_asked_for(tmp_path: Path) -> None:
    where = folder_of(trained(), tmp_path / "some #1 100% ü")
    before = {p: p.stat().st_mtime_ns for p in where.rglob("*") if not p.name.startswith("journal.db-")}
    done = pbt_run(["plot", where], tmp_path)
    assert done.returncode == 0, done.stderr
    data = (tmp_path / "some #1 100% ü.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) > 30_000
    assert "some #1 100% ü.png" in done.stdout
    assert {p: p.stat().st_mtime_ns for p in before} == before
    for option, name, begins in (("--to", "x.svg", b"<?xml"), ("--out", "x.PDF", b"%PDF")):  # as it was called before
        done = pbt_run(["plot", where, option, name], tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name).read_bytes().startswith(begins)
    assert any("some #1 100% ü" in text for text in texts(tmp_path / "x.svg"))


@pytest.mark.slow
def test_the_same_journal_gives_the_same_bytes(tmp_path: Path) -> None:
    history = history_of(trained(rounds=6))
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        draw(history, tmp_path / name, "p")
    for kind in ("svg", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


@pytest.mark.slow
def test_a_server_is_drawn_with_the_key_that_only_reads(tmp_path: Path) -> None:
    world = ServerWorld(tmp_path)
    world.app.request_check.key = Key(KEY, reading=READ)
    try:
        script = Script(world, members=3)
        for scores in ((1, 2, 3), (4, 5, 6), (7, 8, 9)):
            script.round(*scores)
        done = pbt_run(["plot", world.url], tmp_path, PBT_KEY=READ)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "digits.png").exists()
        done = pbt_run(["plot", world.url, "--to", "p.svg"], tmp_path, PBT_KEY=READ)
        assert done.returncode == 0, done.stderr
        assert any("unfinished" in text for text in texts(tmp_path / "p.svg"))
    finally:
        world.close()


@pytest.mark.slow
@pytest.mark.parametrize("maximize", [True, False])
def test_best_and_direction_are_the_populations(tmp_path: Path, maximize: bool) -> None:
    entries = trained(maximize=maximize, score=lambda x, rng: (x if maximize else -x) + rng.gauss(0, 0.1))
    said = drawn(tmp_path, entries)
    assert f"score, as reported ({'higher' if maximize else 'lower'} is better)" in said


@pytest.mark.slow_but_first
@pytest.mark.parametrize("members", [1, 2, 64, 65, 200])
def test_any_number_of_members_is_drawn(tmp_path: Path, members: int) -> None:
    said = drawn(tmp_path, trained(members=members, rounds=8))
    if members == 1:
        assert "the best one, member 0" in said
        assert not [t for t in said if "25 to 75" in t or "all 1" in t]
    elif members <= 64:
        assert f"all {members} members" in said
    else:
        assert f"median of {members} members" in said


@pytest.mark.slow_but_first
@pytest.mark.parametrize("many", [1, 12, 38])
def test_any_number_of_hyperparameters_is_drawn(tmp_path: Path, many: int) -> None:
    said = drawn(tmp_path, trained(rounds=4, space={f"h{i}": LR for i in range(many)}))
    assert {f"h{i}" for i in range(min(many, 36))} <= set(said)
    assert ("not shown: 2 more hyperparameters" in said) == (many == 38)


@pytest.mark.slow
def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    names = ["$x_1$", "a#b%c", "_hidden", "ü ö", "<&>", "\\frac{", "学習率", "n" * 300]
    space: dict[str, Any] = {name: pbt.Float(0, 1) for name in names}
    space["act"] = pbt.Choice(["$relu$", "_t", 1, True, 1.5, None, "line\nbreak\x00", "v" * 900])
    said = drawn(tmp_path, trained(rounds=4, space=space), "runs/$a_b$ #1 100% ü\udcff\n")
    for name in [*names[:-1], "$relu$", "_t", "1", "True", "1.5", "–"]:
        assert name in said
    assert "runs/$a_b$ #1 100% ü\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}" in said
    assert any(re.fullmatch("n+…n+", text) for text in said)


def test_a_value_that_is_true_is_not_the_number_one(tmp_path: Path) -> None:
    from pbt.views.panels import Panel

    history = history_of(trained(rounds=2, space={"x": pbt.Choice([True, 1, "1"])}))
    panel = Panel(history, "x", [])
    assert [panel.height(v) for v in (True, 1, "1")] == [0, 1, 2]


def test_scores_that_are_not_finite_are_marked_and_do_not_flatten_the_rest(tmp_path: Path) -> None:
    values = itertools.count()

    def score(x: float, rng: random.Random) -> float:
        return (math.nan, math.inf, -math.inf, 1e300, -1e300)[n % 5] if (n := next(values)) < 20 else x

    entries = trained(score=score)
    told = [score_of(r) for e in entries if e.event.__class__.__name__ == "Reported" for r in e.event.reports]  # type: ignore[union-attr]
    bad = sum(not math.isfinite(real(s)) for s in told)
    assert bad
    assert f"not finite: {bad} reports" in drawn(tmp_path, entries)


def test_only_scores_that_are_not_finite(tmp_path: Path) -> None:
    script = Script(members=3)
    for _ in range(4):
        script.round(math.nan, math.inf, -math.inf)
    said = drawn(tmp_path, script.entries)
    assert any(t.startswith("not finite: ") for t in said)
    assert not [t for t in said if "best" in t]
    assert "no finite score yet" in said


def test_a_last_score_before_an_exploit_is_the_members_own() -> None:
    script = Script(members=4)
    script.round(1, 2, 3, 4)
    script.round(-9, 6, 7, 8)
    history = history_of(script.entries)
    assert history.exploits
    assert [s for segment in history.lineage.segments for s in segment.scores if segment.member == 0][1] == (2, -9.0)


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("after", "says"),
    [
        ([(0, 1)], "after its best: member 0 is at step 3, to be trained on"),
        ([(0, 1), (0, 1)], "after its best: member 0 ended at step 4, its last"),
        ([], "so far: member 0 is at step 2, to be trained on"),
    ],
)
def test_why_the_line_of_the_best_stops_is_said(tmp_path: Path, after: list[tuple[int, float]], says: str) -> None:
    script = Script(members=4, steps=4, strategy="pbt", quorum=5)
    script.round(1, 2, 3, 4)
    script.report(0, 50)
    for member, score in after:
        script.report(member, score)
    said = drawn(tmp_path, script.entries)
    assert says in said
    assert any(t.startswith("best saved so far: 50, member 0 at step 2") for t in said)


def test_who_had_the_best_and_took_over_others_weights(tmp_path: Path) -> None:
    script = Script(members=4)
    script.round(1, 2, 3, 4)
    script.report(0, 50)
    for scores in ((2, 3, 4), (3, 4, 5)):
        for member, score in zip((1, 2, 3), scores, strict=True):
            script.report(member, score)
    answer = script.report(0, -5)
    assert answer.checkpoint is not None
    assert answer.checkpoint.member != 0
    said = drawn(tmp_path, script.entries)
    assert f"after its best: member 0 took over member {answer.checkpoint.member}'s weights at step 3" in said


def test_checkpoints_whose_names_are_used_again_have_a_lineage(tmp_path: Path) -> None:
    script = Script(members=3, checkpoints="foreign")
    for n in range(12):
        for member in range(3):
            script.report(member, n + member if n < 6 else -n, checkpoint=f"model-{member}.pt")
    history = history_of(script.entries)
    best = history.population.best
    assert best is not None
    segment, end = history.way()[-1]
    assert (segment.member, end) == (best.member, best.step)
    assert schedule(history.lineage, best)[-1][1] == best.hyperparameters
    assert drawn(tmp_path, script.entries)


def test_nothing_reported_is_a_sentence(tmp_path: Path) -> None:
    script = Script(members=2)
    script.join(0)
    folder_of(script.entries, tmp_path / "p")
    done = pbt_run(["plot", "p"], tmp_path)
    assert done.returncode == 1
    assert "nothing to draw yet: no member has reported a score" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "p.png").exists()


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nowhere"], 1, "holds no population"),
        (["p", "--to", "x.jpeg"], 1, "pictures are written as .png, .svg, .pdf"),
        (["p", "--to", "x"], 1, "pictures are written as .png, .svg, .pdf"),
        (["p", "--to", "none/x.png"], 1, "there is no folder none"),
        (["p", "--to", "folder.png"], 1, "is a folder"),
        (["p", "--to", "full.png"], 1, "can not be written: No space left"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_can_not_be_drawn_is_a_sentence(tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    folder_of(trained(rounds=2), tmp_path / "p")
    (tmp_path / "folder.png").mkdir()
    os.symlink("/dev/full", tmp_path / "full.png")
    done = pbt_run(["plot", *arguments], tmp_path)
    assert done.returncode == code, done.stdout
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_without_matplotlib_the_command_says_how_to_get_it(tmp_path: Path) -> None:
    code = "import sys; sys.modules['matplotlib'] = None; from pbt.cli.main import main; main(['plot', 'p'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install 'pbtrain[plot]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_somebodys_own_matplotlibrc_changes_nothing(tmp_path: Path) -> None:
    folder_of(trained(rounds=3), tmp_path / "p")
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfigure.facecolor: black\nbackend: TkAgg\n")
    done = pbt_run(["plot", "p", "--to", "a.png"], tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / "matplotlibrc").unlink()
    assert pbt_run(["plot", "p", "--to", "b.png"], tmp_path).returncode == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.slow
def test_a_population_in_training_is_drawn_while_it_is(tmp_path: Path) -> None:
    where = tmp_path / "p"
    member = pbt.join(where, space={"lr": LR}, members=2, steps=50, maximize=True, interval=2)
    for step in itertools.islice(member.steps(), 11):
        member.report(step, save=lambda folder: (folder / "x").touch())
    done = pbt_run(["plot", where, "--to", "p.svg"], tmp_path)
    assert done.returncode == 0, done.stderr
    said = texts(tmp_path / "p.svg")
    assert any("unfinished, at step 0 to 11 of 50" in text for text in said)
    assert "after its best: member 0 is at step 11, to be trained on" in said  # step 11 was saved by nobody
    member.close()


@pytest.mark.slow
def test_a_long_journal_is_drawn_without_all_of_its_points(tmp_path: Path) -> None:
    points = [(float(n), math.sin(n) if n != 77_777 else 9.0) for n in range(100_000)]
    thin = thinned(points, 1000)
    assert len(thin) <= 1100
    assert (77_777.0, 9.0) in thin
    assert list(thin) == sorted(thin)
    entries = trained(members=3, rounds=3000)
    draw(history_of(entries), tmp_path / "p.svg", "p")
    assert (tmp_path / "p.svg").stat().st_size < 3_000_000


@pytest.mark.slow
def test_progress_is_told_where_reading_takes_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder_of(trained(members=100, rounds=12), tmp_path / "p")
    code = (
        "import pbt.cli.progress as p; p._PATIENCE = p._EVERY = 0.0\n"
        "from pbt.cli.main import main; main(['plot', 'p', '--to', 'p.svg'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1,000 journal entries read" in done.stderr
    assert "read" not in pbt_run(["plot", "p", "--to", "p.svg"], tmp_path).stderr


def test_bands_are_quantiles_of_what_was_in_force() -> None:
    np = pytest.importorskip("numpy")
    history = history_of(trained(members=9, rounds=10))
    pieces = pieces_of(history.lineage.segments, "lr", float)  # type: ignore[arg-type]
    band = band_in_force(pieces, history.last, [0.25, 0.75])
    for at, step in enumerate(band.steps):
        values = [v for a, b, v in pieces if a <= step < b]
        assert list(band.values[:, at]) == pytest.approx(list(np.quantile(values, [0.25, 0.75])))
    points = np.array([(s % 7, s) for s in range(100)], dtype=float)
    found = band_of_points(points, [0.5])
    assert list(found.steps) == list(range(7))
    assert found.values[0, 3] == np.median([s for s in range(100) if s % 7 == 3])


def test_forgotten_checkpoints_are_never_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = trained(members=6, rounds=30)
    whole = history_of(entries)
    monkeypatch.setattr("pbt.views.history.FORGET_EVERY", 1)
    pruned = history_of(entries)
    assert [(s.member, s.start, s.end) for s, _ in pruned.way()] == [(s.member, s.start, s.end) for s, _ in whole.way()]
    assert len(pruned.lineage.wrote) <= 2 * 6 + 1 < len(whole.lineage.wrote)


@pytest.mark.parametrize(
    "members", [1, 8, pytest.param(70, marks=pytest.mark.slow), pytest.param(400, marks=pytest.mark.slow)]
)
def test_the_family_is_drawn_whatever_its_size(tmp_path: Path, members: int) -> None:
    said = drawn(tmp_path, trained(members=members, rounds=9 if members > 9 else 30), parts=FAMILY)
    assert "Family of the living members" in said
    assert "Clades" in said
    assert any(text.startswith(f"{members:,} member{'s' if members > 1 else ''}") for text in said)
    assert any(text.startswith("×") for text in said) is False or members > 45
    if members == 8:
        assert {*map(str, range(8))} <= {*said}
    if members == 400:
        assert any("in wedges" in text for text in said)
    first = (tmp_path / "p.svg").read_bytes()
    drawn(tmp_path, trained(members=members, rounds=9 if members > 9 else 30), parts=FAMILY)
    assert (tmp_path / "p.svg").read_bytes() == first


@pytest.mark.parametrize("score", [math.nan, math.inf, 1.0])
def test_a_family_without_any_difference_is_drawn_too(tmp_path: Path, score: float) -> None:
    script = Script(members=3, steps=10)
    script.round(1.0, score, score)
    script.round(score, score, score)
    assert "Clades" in drawn(tmp_path, script.entries, parts=FAMILY)


def test_the_command_names_the_familys_file(tmp_path: Path) -> None:
    folder_of(trained(), tmp_path / "first")
    run = [*PBT, "plot", "first", "--family"]
    done = subprocess.run(run, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True)
    assert "wrote first-family.png" in done.stdout
    assert (tmp_path / "first-family.png").stat().st_size > 10_000


def test_a_notebook_shows_what_plot_gives(tmp_path: Path) -> None:
    run = pbt.load(folder_of(trained(members=3, rounds=4), tmp_path / "first"))
    pictures = [run.plot(), run.lineage.plot(tmp_path / "family.svg")]
    for picture in pictures:
        assert picture.png.startswith(b"\x89PNG")
        assert vars(type(picture))["_repr_png_"](picture) == picture.png
        assert "Picture" in repr(picture)
    assert pictures[0].png != pictures[1].png
    assert "Clades" in texts(tmp_path / "family.svg")
    with pytest.raises(pbt.PBTError, match="pictures are written as"):
        run.plot(tmp_path / "family.gif")


def test_help_teaches(tmp_path: Path) -> None:
    shown = subprocess.run([*PBT, "plot", "--help"], env=environment(), capture_output=True, text=True, check=True)
    assert "matplotlib" in shown.stdout
    assert "first.svg" in shown.stdout


@pytest.mark.slow
def test_the_documents_pictures_can_be_drawn_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scipy")
    spec = importlib.util.spec_from_file_location("draw", ROOT / "docs" / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    draw = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw)
    monkeypatch.setattr(draw, "HERE", tmp_path)
    draw.drift()
    draw.replays()
    assert all((tmp_path / name).stat().st_size > 10_000 for name in ("pb2.png", "follow.png"))
