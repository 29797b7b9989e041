"""Domains keep values inside, in their own scale; malformed files give one clear error."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbt
from pbt.population.chance import Chance
from pbt.space.domains import Constant, Domain
from pbt.space.space import Space
from pbt.strategies.explore import redraw
from tests.support.population import Script

FACTORS = (0.8, 1.25)
LAST = math.nextafter(1.0, 0.0)
units = st.floats(0, 1, exclude_max=True)


KINDS = ["float", "step", "log", "1-x", "int", "logint", "ordinal", "choice", "constant"]


@st.composite
def domains(draw: st.DrawFn, kinds: list[str] = KINDS) -> Domain:
    kind = draw(st.sampled_from(kinds))
    if kind in ("float", "log", "1-x"):
        low, high = {"float": (-1e6, 1e6), "log": (1e-12, 1e6), "1-x": (-1e6, 0.9999999)}[kind]
        bounds = sorted(draw(st.lists(st.floats(low, high).map(lambda x: x + 0.0), min_size=2, max_size=2)))
        first = draw(st.none() | st.lists(st.floats(*bounds), min_size=2, max_size=2).map(sorted))
        return pbt.Float(*bounds, log={"float": False, "log": True}.get(kind, "1-x"), first=first)  # type: ignore[arg-type]
    if kind == "step":
        low, step = draw(st.integers(-1000, 1000)), draw(st.sampled_from([0.1, 0.25, 1 / 3, 7.0, 1e-3]))
        return pbt.Float(low / 8, low / 8 + step * draw(st.floats(1, 100)), step=step)
    if kind in ("int", "logint"):
        low = draw(st.integers(1 if kind == "logint" else -1000, 1000))
        high = low + draw(st.integers(0, 1000))
        first = draw(st.none() | st.lists(st.integers(low, high), min_size=2, max_size=2).map(sorted))
        return pbt.Int(low, high, log=kind == "logint", first=first)  # type: ignore[arg-type]
    if kind == "constant":
        return Constant(draw(st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text('abcé中"', max_size=5))))
    values = draw(
        st.lists(st.one_of(st.integers(-50, 50), st.text('abcé中"', max_size=3)), min_size=1, unique=True, max_size=6)
    )
    first = draw(st.none() | st.lists(st.sampled_from(values), min_size=1, unique=True))
    return (pbt.Ordinal if kind == "ordinal" else pbt.Choice)(values, first=first)


@given(domains(), units, st.lists(units, max_size=30))
def test_a_value_never_leaves_its_domain_however_long(domain: Domain, u: float, draws: list[float]) -> None:
    value = domain.sample(u)
    assert value in domain
    for draw in draws:
        value, operation = domain.perturb(value, draw, FACTORS)
        assert value in domain
        assert operation
    assert domain.clip(value) == value
    assert 0 <= domain.unit(value) <= 1


@given(domains(), units)
def test_the_first_value_lies_in_its_range(domain: Domain, u: float) -> None:
    value, first = domain.birth(u), None if isinstance(domain, Constant) else domain.first
    assert value in domain
    if first is None:
        assert value == domain.sample(u)
    elif isinstance(domain, pbt.Float | pbt.Int):
        assert first[0] <= value <= first[1]  # type: ignore[operator]
    else:
        assert value in first


@given(domains(["float", "log", "1-x"]), units)
def test_unit_is_the_inverse_of_sample(domain: pbt.Float, u: float) -> None:
    value = domain.sample(u)
    again = domain.sample(min(domain.unit(value), LAST))
    assert abs(again - value) <= 1e-9 * max(1.0, domain.max - domain.min)
    assert domain.clip(domain.clip(u)) == domain.clip(u)


@given(domains(["step", "int", "logint", "ordinal", "choice", "constant"]), units)
def test_unit_lies_in_the_quantiles_of_its_value(domain: Domain, u: float) -> None:
    value = domain.sample(u)
    assert domain.sample(domain.unit(value)) == value


@given(domains())
def test_domains_survive_json(domain: Domain) -> None:
    space = Space({"x": domain})
    again = msgspec.json.decode(msgspec.json.encode(space), type=Space)
    assert again == space
    assert hash(again) == hash(space)
    assert msgspec.json.encode(again) == msgspec.json.encode(space)


def test_a_domain_is_immutable_and_shows_itself() -> None:
    lr = pbt.Float(1e-4, 1e-1, log=True)
    with pytest.raises(AttributeError):
        lr.min = 0.0  # type: ignore[misc]
    assert lr == pbt.Float(1e-4, 0.1, log=True)
    assert lr != pbt.Float(1e-4, 0.1)
    assert repr(lr) == "Float(min=0.0001, max=0.1, log=True)"
    with pytest.raises(TypeError):
        Space.of({"lr": lr})["lr"] = lr  # type: ignore[index]


def test_log_sampling_is_uniform_in_the_logarithm() -> None:
    lr = pbt.Float(1e-4, 1.0, log=True)
    assert lr.sample(0.5) == pytest.approx(1e-2)
    assert pbt.Float(0, 10).sample(0.25) == pytest.approx(2.5)


def test_a_discount_is_drawn_and_perturbed_by_its_distance_from_one() -> None:
    discount = pbt.Float(0.9, 0.9999, log="1-x")
    assert (discount.sample(0.0), discount.sample(1.0)) == (0.9, 0.9999)
    assert discount.sample(1 / 3) == pytest.approx(0.99)
    assert discount.unit(0.999) == pytest.approx(2 / 3)
    value, operation = discount.perturb(0.99, 0.1, FACTORS)
    assert (value, operation) == (pytest.approx(0.992), "1-x *0.8")
    assert discount.perturb(0.99, 0.9, FACTORS)[0] == pytest.approx(0.9875)
    assert discount.perturb(0.9, 0.9, FACTORS)[0] == 0.9
    assert pbt.Float(0.0, 0.5, log="1-x").perturb(0.0, 0.1, FACTORS)[0] == pytest.approx(0.2), "0 is no trap"


def test_values_of_a_step_are_what_the_decimals_say() -> None:
    dropout = pbt.Float(0, 0.5, step=0.1)
    assert [dropout.sample(k / 6 + 0.01) for k in range(6)] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert 0.1 + 0.2 in dropout
    assert dropout.clip(0.1 + 0.2) == 0.3
    assert dropout.clip(0.34) == 0.3
    assert dropout.clip(7) == 0.5
    assert 0.31 not in dropout
    assert 0.6 not in dropout
    assert pbt.Float(-0.05, 1, step=0.4).clip(1) == 0.75, "the last one that does not pass max"
    assert pbt.Float(0, 1, step=0.10000000149011612).sample(LAST) == 1.0, "0.1 of 32 bits"
    assert pbt.Float(4, 4.1, step=0.1).sample(LAST) == 4.1
    assert pbt.Float(0, 1, step=0.1, first=(0.15, 0.42)).birth(0.0) == 0.2
    assert pbt.Float(0, 1, step=0.1, first=(0.15, 0.42)).birth(LAST) == 0.4


def test_a_step_is_no_trap() -> None:
    domain = pbt.Float(0.1, 0.9, step=0.1)
    up, down = 0.9, 0.1
    assert domain.perturb(0.1, up, FACTORS) == (0.2, "*1.25")
    assert domain.perturb(0.2, down, FACTORS)[0] == 0.1
    assert domain.perturb(0.4, up, FACTORS)[0] == 0.5
    assert domain.perturb(0.9, up, FACTORS)[0] == 0.9
    assert pbt.Float(-1, 1, step=0.5).perturb(-0.5, up, FACTORS)[0] == -1.0
    assert pbt.Float(-1, 1, step=0.5).perturb(-0.5, down, FACTORS)[0] == 0.0
    assert domain.perturb(0.4, 0.0, (1.0,))[0] == 0.4, "a factor of 1 moves nothing"


@given(domains(["step"]), units, units)
def test_a_value_of_a_step_moves_away_from_the_bounds(domain: pbt.Float, u: float, draw: float) -> None:
    value = domain.sample(u)
    moved, operation = domain.perturb(value, draw, FACTORS)
    if operation != "resample" and domain.min < value < domain.sample(LAST):
        assert moved != value
        assert (moved > value) == (value * (0.8 if "0.8" in operation else 1.25) > value)


def test_integers_move_when_rounding_would_freeze_them() -> None:
    layers = pbt.Int(1, 8)
    up, down = 0.9, 0.1
    assert layers.perturb(1, up, FACTORS)[0] == 2
    assert layers.perturb(2, up, FACTORS)[0] == 3
    assert layers.perturb(2, down, FACTORS)[0] == 1
    assert layers.perturb(4, up, FACTORS)[0] == 5
    assert layers.perturb(4, down, FACTORS)[0] == 3
    assert layers.perturb(8, up, FACTORS)[0] == 8
    assert pbt.Int(-5, 5).perturb(-1, up, FACTORS)[0] == -2
    assert pbt.Int(-5, 5).perturb(-2, down, FACTORS)[0] == -1


@given(units)
def test_zero_is_not_a_trap(u: float) -> None:
    assert pbt.Float(0, 1).perturb(0.0, u, FACTORS) == (pbt.Float(0, 1).sample(u), "resample")
    assert pbt.Int(-3, 3).perturb(0, u, FACTORS)[1] == "resample"


def test_ordinals_move_one_place_and_reflect() -> None:
    batch = pbt.Ordinal([32, 64, 128])
    assert batch.perturb(64, 0.9, FACTORS) == (128, "+1")
    assert batch.perturb(128, 0.9, FACTORS) == (64, "-1")
    assert batch.perturb(32, 0.1, FACTORS) == (64, "+1")


def test_choices_go_to_another_value() -> None:
    activation = pbt.Choice(["relu", "tanh", "gelu"])
    assert {activation.perturb("tanh", u / 10, FACTORS)[0] for u in range(10)} == {"relu", "gelu"}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: pbt.Float(2, 1), "min 2 is above max 1"),
        (lambda: pbt.Float(0, 1, log=True), "log scale needs a min above 0"),
        (lambda: pbt.Float(0.9, 1, log="1-x"), "max below 1"),
        (lambda: pbt.Float(0.1, 0.9, log="1+x"), 'True, False or "1-x"'),  # type: ignore[arg-type]
        (lambda: pbt.Int(1, 9, log="1-x"), "True or False"),  # type: ignore[arg-type]
        (lambda: pbt.Float(0, 1, first=(0.5, 2)), "inside the bounds, 0 to 1"),
        (lambda: pbt.Float(0, 1, first=(0.5, 0.2)), "inside the bounds"),
        (lambda: pbt.Float(0, 1, first=0.5), r"as \(low, high\)"),  # type: ignore[arg-type]
        (lambda: pbt.Float(0, 1, first=(0, float("nan"))), "an end of first is nan"),
        (lambda: pbt.Int(0, 8, first=(1.5, 2)), "whole number"),  # type: ignore[arg-type]
        (lambda: pbt.Choice(["a", "b"], first=["c"]), "none of the values"),
        (lambda: pbt.Ordinal([1, 2], first=[]), "at least one value"),
        (lambda: pbt.Float(0, 1, step=0), "step is 0: a number above 0"),
        (lambda: pbt.Float(0, 1, step=float("nan")), "step is nan"),
        (lambda: pbt.Float(0, 1, step=2), "larger than the range"),
        (lambda: pbt.Float(0, 1, step=1e-12), "too small"),
        (lambda: pbt.Float(0.1, 1, log=True, step=0.1), "linear scale"),
        (lambda: pbt.Float(0, 1, step=0.5, first=(0.6, 0.9)), "no multiple of the step"),
        (lambda: pbt.Float(float("nan"), 1), "finite"),
        (lambda: pbt.Float("a", 1), "finite number"),  # type: ignore[arg-type]
        (lambda: pbt.Int(1.5, 2), "integers"),  # type: ignore[arg-type]
        (lambda: pbt.Choice([]), "at least one value"),
        (lambda: pbt.Choice("relu"), "list"),  # type: ignore[arg-type]
        (lambda: pbt.Choice(["a", "a"]), "same value twice"),
        (lambda: pbt.Ordinal([[1, 2]]), "give it a name"),  # type: ignore[list-item]
        (lambda: pbt.Choice(["x" * 10_000_000]), "too long"),
        (lambda: Space.of({}), "empty"),
        (lambda: Space.of({"lr": object()}), "neither a domain"),
        (lambda: Space.of({" lr": 1.0}), "can not name"),
        (lambda: Space.of(3), "a space is a dict"),  # type: ignore[arg-type]
    ],
)
def test_impossible_domains_say_why(make: object, says: str) -> None:
    with pytest.raises(pbt.SpaceError, match=says):
        make()  # type: ignore[operator]


TOML = """
decay = 1e-4
[lr]
min = 1e-4
max = 1e-1
log = true
[discount]
min = 0.9
max = 0.999
log = "1-x"
[layers]
type = "int"
min = 1
max = 4
first = [1, 2]
explore = false
[batch]
ordinal = [32, 64, 128]
[dropout]
min = 0
max = 0.5
step = 0.1
[activation]
choice = ["relu", "tanh"]
first = ["relu"]
"""


def test_a_space_is_read_from_toml(tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(TOML)
    assert pbt.read_space(tmp_path / "space.toml") == Space.of(
        {
            "decay": 1e-4,
            "lr": pbt.Float(1e-4, 1e-1, log=True),
            "discount": pbt.Float(0.9, 0.999, log="1-x"),
            "layers": pbt.Int(1, 4, explore=False, first=(1, 2)),
            "batch": pbt.Ordinal([32, 64, 128]),
            "dropout": pbt.Float(0, 0.5, step=0.1),
            "activation": pbt.Choice(["relu", "tanh"], first=["relu"]),
        }
    )


def test_a_space_is_read_from_the_originals_csv(tmp_path: Path) -> None:
    (tmp_path / "h.csv").write_text(
        "name,min,max,scale\nlr, 0.0001, 0.1, log\n\nmomentum,0,0.99,linear\ngamma,0.9,0.999,1-x\n"
    )
    assert pbt.read_space(tmp_path / "h.csv") == Space.of(
        {
            "lr": pbt.Float(1e-4, 0.1, log=True),
            "momentum": pbt.Float(0, 0.99),
            "gamma": pbt.Float(0.9, 0.999, log="1-x"),
        }
    )


@pytest.mark.parametrize(
    ("name", "content", "line", "says"),
    [
        ("a.csv", b"name,min,max\nlr,0,1\n", 1, "no column scale"),
        ("a.csv", b"name,min,max,scale\nlr,1,0,linear\n", 2, "min 1 is above max 0"),
        ("a.csv", b"name,min,max,scale\nlr,0,1,log\n", 2, "above 0"),
        ("a.csv", b"name,min,max,scale\nlr,0,1,linear\nlr,0,1,linear\n", 3, "line 2 already"),
        ("a.csv", b"name,min,max,scale\nlr,nan,1,linear\n", 2, "finite"),
        ("a.csv", b"name,min,max,scale\nlr,x,1,linear\n", 2, "write a number"),
        ("a.csv", b"name,min,max,scale\nlr,0,1,1-x\n", 2, "below 1"),
        ("a.toml", b"[lr]\nmin = 0\nmax = 1\nlog = '1-x'\n", 1, "below 1"),
        ("a.csv", b"name,min,max,scale\nlr,0,1,cubic\n", 2, "log or linear"),
        ("a.csv", b"name,min,max,scale\nlr,0,1\n", 2, "3 cells"),
        ("a.csv", b"name,min,max,scale\n,0,1,linear\n", 2, "name is empty"),
        ("a.csv", b'name,min,max,scale\n"lr,0,1,linear\n', 2, "quoting"),
        ("a.csv", b"", None, "no hyperparameter"),
        ("a.csv", b"name,min,max,scale\n", None, "no hyperparameter"),
        ("a.csv", b"name,min,max,scale\nl\xe9r,0,1,linear\n", 2, "UTF-8"),
        ("a.toml", b"[lr]\nmin = 1\n", 1, "no max"),
        ("a.toml", b"x = 1\n[lr]\nmin = 2\nmax = 1\n", 2, "above max"),
        ("a.toml", b"[lr]\nmin = 0\nmax = 1\nlog = true\n", 1, "above 0"),
        ("a.toml", b"[lr]\nmin = nan\nmax = 1\n", 1, "finite"),
        ("a.toml", b"[lr]\nmin = 0\nmax = 1\nlogg = true\n", 1, "means nothing"),
        ("a.toml", b"[lr]\nmin = 0\nmax = 1\nlog = 'yes'\n", 1, "true or false"),
        ("a.toml", b"[lr]\ntype = 'int'\nmin = 0\nmax = 8\nstep = 2\n", 1, "'step' means nothing"),
        ("a.toml", b"[lr]\ntype = 'double'\nmin = 0\nmax = 1\n", 1, '"float" or "int"'),
        ("a.toml", b"[lr\n", None, "line 1"),
        ("a.toml", b"[lr]\nmin=0\nmax=1\n[lr]\nmin=0\nmax=1\n", None, "line 4"),
        ("a.toml", b"", None, "no hyperparameter"),
        ("a.toml", b"\xff\xfe[lr]", 1, "UTF-8"),
        ("a.yaml", b"", None, "toml or a .csv"),
    ],
)
def test_a_malformed_file_gives_one_error_with_file_line_and_remedy(
    tmp_path: Path, name: str, content: bytes, line: int | None, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(pbt.SpaceError) as caught:
        pbt.read_space(tmp_path / name)
    message = str(caught.value)
    assert str(tmp_path / name) in message
    assert line is None or f"line {line}" in message
    assert says in message


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(pbt.SpaceError, match=r"none\.csv: No such file"):
        pbt.read_space(tmp_path / "none.csv")


def test_perturbation_has_no_drift() -> None:
    assert math.prod(pbt.PBT().factors) == 1.0


@pytest.mark.parametrize("strategy", ["pbt", "plans"])
def test_members_are_born_in_the_first_range_and_explore_beyond_it(strategy: str) -> None:
    space = {"lr": pbt.Float(1e-4, 1, log=True, first=(1e-3, 1e-2)), "n": pbt.Ordinal([1, 2, 3], first=[3])}
    s = Script(space=space, members=20, steps=6, strategy=strategy)
    for _ in range(6):
        s.round(*range(20))
    decisions = [d for e in s.entries for d in e.decisions]
    born = [d.hyperparameters for d in decisions if d.start == "fresh"]
    explored = [d.hyperparameters for d in decisions if d.start != "fresh" and d.hyperparameters]
    assert len(born) == 20
    assert all(1e-3 <= h["lr"] <= 1e-2 and h["n"] == 3 for h in born if h)
    assert any(h["lr"] > 0.02 for h in explored)
    assert any(h["n"] < 3 for h in explored)


def test_what_is_redrawn_is_another_configuration_where_there_is_one() -> None:
    space = Space.of({"opt": pbt.Choice(["adam", "sgd"]), "width": pbt.Ordinal([1, 2], explore=False), "c": 3})
    old = {"opt": "adam", "width": 1, "c": 3}
    drawn = [redraw(space, old, Chance(seed, 0, 4)) for seed in range(100)]
    assert all(values == {**old, "opt": "sgd"} for values in drawn)
    only = Space.of({"opt": pbt.Choice(["adam"])})
    assert redraw(only, {"opt": "adam"}, Chance(1, 0, 4)) == {"opt": "adam"}
