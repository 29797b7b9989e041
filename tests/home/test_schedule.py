"""`pbt.Schedule`: a value, its files, and what it drives."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from tests.support.population import Script
from tests.support.scripts import pbt_run
from tests.support.worlds import FolderWorld

import pbt
from pbt.schedules.schedule import Origin
from pbt.schedules.texts import TEXTS, texts

PIECES = [(0, {"lr": 0.5, "act": "relu"}), (3, {"lr": 0.1, "act": "tanh"}), (7, {"lr": 0.01, "act": "tanh"})]
FOUND = pbt.Schedule(PIECES, Origin("a #1 ü", 3, 10, 0.75, True))


def test_it_holds_each_value_up_to_the_next_change_and_the_last_from_then_on() -> None:
    assert [FOUND[step]["lr"] for step in (0, 2, 2.9, 3, 6, 7, 10**9)] == [0.5, 0.5, 0.5, 0.1, 0.1, 0.01, 0.01]
    lr = FOUND["lr"]
    assert [lr(step) for step in range(9)] == [0.5] * 3 + [0.1] * 4 + [0.01] * 2
    assert list(FOUND) == PIECES
    assert len(FOUND) == 3
    assert FOUND.names == ("lr", "act")
    assert "3 pieces from step 0 to 7, found by a #1 ü" in repr(FOUND)


def test_who_changes_what_it_gave_changes_only_his_own() -> None:
    FOUND[0]["lr"] = 9.0
    assert FOUND[0]["lr"] == 0.5


@pytest.mark.parametrize("step", [-1, -0.001, math.nan, "0", None, [1]])
def test_a_step_that_is_none_is_refused(step: Any) -> None:
    for asked in (FOUND["lr"], *([FOUND.on_change(print), FOUND.__getitem__] if step != "0" else [])):
        with pytest.raises(pbt.SettingsError, match="step"):
            asked(step)


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        ([], "from 0"),
        ([(1, {"lr": 1})], "first from 0"),
        ([(0, {"lr": 1}), (0, {"lr": 2})], "ascending"),
        ([(0, {"lr": 1}), (4, {"rate": 2})], "'lr' in one of the pieces from steps 0 and 4 alone"),
        ([(0, {})], "no hyperparameters"),
        ([(0.5, {"lr": 1})], "whole number"),
        ([(0, {"lr": [1]})], "no number, string"),
        ([(0, {"lr": math.nan})], "finite"),
        ("abc", "made of its pieces; pbt.Schedule.load\\('abc'\\) reads a file or a population"),
        (5, "the schedule is 5: give \\(from step, hyperparameters\\) pairs"),
        ([5], "has the piece 5"),
        ({0: {"lr": 1}}, "has the piece 0"),
        ([(0, {"lr": 1}, 2)], "has the piece"),
    ],
)
def test_what_is_no_schedule_is_refused(pieces: Any, says: str) -> None:
    with pytest.raises(pbt.PBTError, match=says):
        pbt.Schedule(pieces)
    with pytest.raises(pbt.SettingsError, match="no 'rate'; it has lr, act"):
        FOUND["rate"]


def test_a_callback_hears_of_changes_alone() -> None:
    heard: list[dict[str, Any]] = []
    step = FOUND.on_change(heard.append)
    assert [step(done) for done in range(9)] == [True, *[False] * 2, True, *[False] * 3, True, False]
    assert heard == [{"lr": 0.5, "act": "relu"}, {"lr": 0.1, "act": "tanh"}, {"lr": 0.01}]


@pytest.mark.parametrize("form", ["toml", "json"])
def test_a_file_gives_back_what_was_saved(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a #1 ü.{form}"
    FOUND.save(path)
    again = pbt.Schedule.load(path)
    assert again == FOUND
    assert again.origin == FOUND.origin
    assert path.read_text() == TEXTS[form](FOUND)


NAMES = st.text(min_size=1, max_size=8).filter(lambda n: n == n.strip() and n.isprintable())
TEXT = st.text(max_size=20).filter(lambda t: t.encode(errors="ignore").decode() == t)
VALUES = st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), TEXT)
ORIGINS = st.none() | st.builds(
    Origin,
    st.none() | TEXT,
    st.integers(0, 9),
    st.integers(0, 99),
    st.none() | st.floats(allow_nan=False),
    st.booleans(),
)


@given(st.data())
def test_every_format_says_it_exactly(data: st.DataObject) -> None:
    names = data.draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    steps = [0, *sorted(data.draw(st.sets(st.integers(1, 2**53), max_size=4)))]
    values = VALUES | st.none() if data.draw(st.booleans()) else VALUES
    found = pbt.Schedule([(s, {n: data.draw(values) for n in names}) for s in steps], data.draw(ORIGINS))
    said = texts(found)
    missing = any(value is None for _, given in found for value in given.values())
    assert said.keys() == {"json", "python", *([] if missing else ["toml"])}
    held: dict[str, Any] = {}
    exec(said["python"], held)
    assert held["SCHEDULE"] == list(found.pieces)
    assert [held["hyperparameters"](step) for step in steps] == [found[step] for step in steps]
    for form in said.keys() - {"python"}:
        path = Path(os.environ["XDG_STATE_HOME"], f"found.{form}")
        path.write_text(said[form], newline="")
        again = pbt.Schedule.load(path)
        assert [(s, [(n, type(v), v) for n, v in g.items()]) for s, g in again] == [
            (s, [(n, type(v), v) for n, v in g.items()]) for s, g in found
        ]
        assert again.origin == found.origin


def test_a_score_that_is_not_finite_comes_back(tmp_path: Path) -> None:
    for score in (math.inf, -math.inf, math.nan):
        for form in ("toml", "json"):
            pbt.Schedule(PIECES, Origin(None, 0, 1, score, False)).save(tmp_path / f"a.{form}")
            origin = pbt.Schedule.load(tmp_path / f"a.{form}").origin
            assert origin is not None
            assert repr(origin.score) == repr(score)


def test_a_file_by_hand_may_have_groups_and_no_origin(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[[schedule]]\nstep = 0\nhyperparameters = {optimizer = {lr = 0.1}}\n")
    found = pbt.Schedule.load(path)
    assert (found[5], found.origin) == ({"optimizer.lr": 0.1}, None)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.toml", "[[schedule", "can not be understood"),
        ("a.json", "{", "can not be understood"),
        ("a.json", "[]", "no schedule as pbt schedule writes it"),
        ("a.json", '{"schedule": []}', "from 0"),
        ("a.json", '{"schedule": [{"step": "x", "hyperparameters": {}}]}', "step must be a whole number"),
        ("a.toml", "[[schedule]]\nstep = 0\nhyperparameters = {day = 2026-01-01}\n", "no number, string"),
        ("a.py", "SCHEDULE = []", "pasted and not read"),
        ("a.json", None, "No such file"),
    ],
)
def test_a_file_that_is_none_is_refused_by_its_name(tmp_path: Path, name: str, text: str | None, says: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(pbt.PBTError, match=says) as raised:
        pbt.Schedule.load(tmp_path / name)
    assert str(tmp_path / name) in str(raised.value)
    with pytest.raises(pbt.SettingsError, match=r"\.toml, \.json or \.py"):
        FOUND.save(tmp_path / "a.txt")


def trained(tmp_path: Path) -> FolderWorld:
    world = FolderWorld(tmp_path)
    s = Script(world, members=4, space={"lr": pbt.Float(1e-3, 1, log=True)}, steps=12)
    for n in range(12):
        s.round(*(float(n * (member + 1)) for member in range(4)))
    return world


def test_a_population_gives_its_bests_and_every_members(tmp_path: Path) -> None:
    world = trained(tmp_path)
    run = pbt.load(world.folder)
    assert run.best is not None
    found = pbt.Schedule.load(world.folder)
    assert found == run.best.schedule
    assert found.origin == Origin(Path(world.folder).name, run.best.member, run.best.step, run.best.score, True)
    for m in run.members:
        assert pbt.Schedule.load(world.folder, m.id) == run.schedule(m.id)
    with pytest.raises(pbt.UnknownMember):
        pbt.Schedule.load(world.folder, 77)
    with pytest.raises(pbt.JournalError, match="no population"):
        pbt.Schedule.load(tmp_path / "nowhere")
    world.close()


@pytest.mark.slow
def test_the_command_prints_what_load_reads(tmp_path: Path) -> None:
    world = trained(tmp_path / "a #1 ü")
    wanted = pbt.Schedule.load(world.folder)
    for form in TEXTS:
        done = pbt_run(["schedule", world.folder, "--format", form], tmp_path, PYTHONIOENCODING="utf-8")
        assert done.stdout == TEXTS[form](wanted)
    (tmp_path / "x.json").write_text(
        pbt_run(["schedule", world.folder, "--member", 0, "--format", "json"], tmp_path).stdout
    )
    again = pbt_run(["schedule", "x.json"], tmp_path)
    assert again.stdout == TEXTS["toml"](pbt.Schedule.load(world.folder, 0))
    refused = pbt_run(["schedule", "x.json", "--member", 0], tmp_path)
    assert (refused.returncode, "file of one schedule" in refused.stderr) == (1, True)
    world.close()


@pytest.mark.slow
def test_lambda_lr_gives_an_optimizer_exactly_the_rates() -> None:
    torch = pytest.importorskip("torch")
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": [weights[0]], "lr": 0.3}, {"params": [weights[1]]}], lr=0.7)
    found = pbt.Schedule([(0, {"lr": 0.1}), (3, {"lr": 0.7}), (7, {"lr": 1 / 3})])
    scheduler = found["lr"].lambda_lr(optimizer)
    rates = []
    for _ in range(10):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    assert rates == [[found["lr"](step)] * 2 for step in range(10)]
    saved = scheduler.state_dict()
    assert isinstance(scheduler, torch.optim.lr_scheduler.LambdaLR)
    other = found["lr"].lambda_lr(torch.optim.SGD(weights[:1], lr=5.0))
    other.load_state_dict(saved)
    later = torch.optim.SGD([{"params": [w]} for w in weights], lr=5.0)
    found["lr"].lambda_lr(later, done=5, scales=[1, 0.5])
    assert [group["lr"] for group in later.param_groups] == [0.7, 0.35]
    with pytest.raises(pbt.SettingsError, match="1 scales for 2"):
        found["lr"].lambda_lr(later, scales=[1])
    with pytest.raises(pbt.SettingsError, match="act is 'relu'"):
        FOUND["act"].lambda_lr(later)


@pytest.mark.slow
def test_optax_schedules_are_compiled() -> None:
    jax = pytest.importorskip("jax")
    found = pbt.Schedule([(0, {"lr": 0.1}), (3, {"lr": 0.7}), (7, {"lr": 0.25})])
    schedule = jax.jit(found["lr"].optax())
    wanted = [jax.numpy.float32(found["lr"](step)) for step in range(10)]
    assert [schedule(step) for step in range(10)] == wanted
    assert (schedule(jax.numpy.arange(10)) == jax.numpy.asarray(wanted)).all()
    assert schedule(-3) == wanted[0]
    assert schedule(2**31 - 1) == wanted[-1]
    with pytest.raises(pbt.SettingsError, match="act is 'relu'"):
        FOUND["act"].optax()


def test_a_strategy_takes_a_schedule_as_it_is() -> None:
    from pbt.strategies.follow import Follow

    found = pbt.Schedule([(0, {"lr": 0.1}), (4, {"lr": 0.2})])
    for strategy in ({"name": "follow", "schedule": found}, Follow(schedule=found)):  # type: ignore[arg-type]
        again = pbt.train(
            lambda rng: 0.0, lambda x, h, rng: x + h["lr"], lambda x, rng: x, {"lr": pbt.Float(0, 1)}, members=1,
            steps=8, maximize=True, strategy=strategy,
        )  # fmt: skip
        assert again.best.schedule == found
