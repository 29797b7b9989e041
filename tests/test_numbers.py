"""Whatever `item()`, `operator.index` or `float` makes a number of is one, everywhere; what can not be is refused."""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum, StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pbt
from pbt.population.entries import Report, score_of
from pbt.settings import wanted
from pbt.space.numbers import mean, named, number, plain, readable, scores, whole
from tests.support.population import Script
from tests.support.scripts import environment, write
from tests.support.worlds import KEY, World


class Indexed:
    """A number by `__index__` alone."""

    def __index__(self) -> int:
        return 3


class Floating:
    """A number by `__float__` alone."""

    def __float__(self) -> float:
        return 3.0


class Item:
    """A number by `item()` alone, as a device array of one element."""

    def __init__(self, value: Any = 3.0) -> None:
        self.value = value

    def item(self) -> Any:
        return self.value


class Array:
    """A number by `__array__` alone."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([3.0])


class Three(IntEnum):
    THREE = 3


class Text(StrEnum):
    A = "a"


def _torch(make: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: make(pytest.importorskip("torch"))


THREES: dict[str, Callable[[], Any]] = {
    "int": lambda: 3,
    "float": lambda: 3.0,
    "enum": lambda: Three.THREE,
    "decimal": lambda: Decimal(3),
    "fraction": lambda: Fraction(3),
    "index": Indexed,
    "floating": Floating,
    "item": Item,
    "item of item": lambda: Item(np.float32(3)),
    "array": Array,
    "numpy int64": lambda: np.int64(3),
    "numpy uint8": lambda: np.uint8(3),
    "numpy float32": lambda: np.float32(3),
    "numpy float64": lambda: np.float64(3),
    "numpy float16": lambda: np.float16(3),
    "numpy longdouble": lambda: np.longdouble(3),
    "numpy array of one": lambda: np.array([3.0]),
    "numpy array without dimensions": lambda: np.array(3),
    "numpy array of one, deep": lambda: np.array([[[3]]]),
    "numpy array of objects": lambda: np.array([3], dtype=object),
    "torch scalar": _torch(lambda torch: torch.tensor(3)),
    "torch of one": _torch(lambda torch: torch.tensor([3.0], requires_grad=True)),
    "torch bfloat16": _torch(lambda torch: torch.tensor(3, dtype=torch.bfloat16)),
    "torch parameter": _torch(lambda torch: torch.nn.Parameter(torch.tensor(3.0))),
}
NO_NUMBERS: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "text": lambda: "3",
    "numpy text": lambda: np.str_("3"),
    "bytes": lambda: b"3",
    "numpy bytes": lambda: np.bytes_(b"3"),
    "bool": lambda: True,
    "numpy bool": lambda: np.bool_(True),
    "complex": lambda: 3j,
    "numpy complex": lambda: np.complex128(3),
    "date": lambda: np.datetime64("2026-01-01"),
    "object": object,
    "mapping": lambda: {"a": 3},
    "enormous": lambda: 10**400,
    "more digits than can be shown": lambda: 10**5000,
}


@pytest.fixture(params=THREES)
def three(request: pytest.FixtureRequest) -> Any:
    return THREES[request.param]()


@pytest.fixture(params=NO_NUMBERS)
def nothing(request: pytest.FixtureRequest) -> Any:
    return NO_NUMBERS[request.param]()


JAX = """
import jax.numpy as jnp
import pbt
from pbt.space.numbers import number, plain, readable, scores, whole

for three in (jnp.float32(3), jnp.array([3]), jnp.array(3.0), jnp.ones((2, 3)).sum() / 2):
    assert plain(three) == number(three) == whole(three, "step") == readable(three, "n") == scores(three) == 3
    assert pbt.Float(0, three).max == 3 and pbt.Int(0, three).max == 3
assert scores(jnp.array([1.0, 2.0])) == (1.0, 2.0)
member = pbt.join("p", {"lr": pbt.Float(jnp.float32(0), jnp.float32(1))}, members=1, steps=jnp.int32(2), maximize=True)
for step in member.steps():
    member.report(jnp.float32(step), metrics={"loss": jnp.array([0.5])}, save=lambda f: (f / "w").write_text("x"))
assert member.finished
"""


def test_a_number_of_jax_is_one(tmp_path: Path) -> None:
    """In a process of its own: JAX warns of every fork after it was imported."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("needs jax")
    script = write(tmp_path, JAX)
    done = subprocess.run(
        [sys.executable, script], env=environment(JAX_PLATFORMS="cpu"), cwd=tmp_path, capture_output=True, text=True,
        timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_number_is_one_in_a_report(three: Any) -> None:
    assert plain(three) == 3
    assert type(plain(three)) in (int, float)
    assert (number(three), type(number(three))) == (3.0, float)
    assert (whole(three, "step"), type(whole(three, "step"))) == (3, int)
    assert readable(three, "used['n']") == 3
    assert scores(three) == 3.0
    assert scores([three, three]) == (3.0, 3.0)


def test_a_number_is_one_in_a_space(three: Any) -> None:
    assert pbt.Float(three, 8) == pbt.Float(3, 8)
    assert pbt.Int(three, three) == pbt.Int(3, 3)
    assert type(pbt.Int(three, 8).min) is int
    assert pbt.Choice([three, "a"]) == pbt.Choice([3, "a"])
    assert pbt.Ordinal((three, 4)).values == (3, 4)
    space = pbt.Space.of({"f": pbt.Float(0, 5), "i": pbt.Int(0, 5), "c": pbt.Choice([1, 3]), "k": three})
    checked = space.check({"f": three, "i": three, "c": three, "k": three}, "initial[0]")
    assert checked == {"f": 3.0, "i": 3, "c": 3, "k": 3}
    assert [type(v) for v in checked.values()][:3] == [float, int, int]


def test_a_number_is_one_in_settings(three: Any) -> None:
    asked = wanted(
        steps=three, members=three, interval=three, seed=three, goal=three, barrier_timeout=three, turn_steps=three
    )
    assert (asked.steps, asked.members, asked.interval, asked.seed, asked.goal) == (3, 3, 3, 3, 3.0)
    assert type(asked.steps) is int
    initial = [{"lr": three}]
    assert wanted(initial=initial).initial == ({"lr": 3},)
    record = wanted(strategy={"name": "pbt", "burn_in": three, "factors": [three, 0.5]}).strategy
    assert record is not None
    assert record.parameters["burn_in"] == 3
    record = wanted(strategy=pbt.PBT(burn_in=three, factors=np.array([0.5, 2.0]))).strategy  # type: ignore[arg-type]
    assert record is not None
    assert (record.parameters["burn_in"], record.parameters["factors"]) == (3, [0.5, 2.0])


def test_what_is_no_number_is_refused_with_a_sentence(nothing: Any) -> None:
    for take in (
        lambda: number(nothing),
        lambda: scores([1.0, nothing]),
        lambda: whole(nothing, "step"),
        lambda: pbt.Float(nothing, 5),
        lambda: pbt.Int(nothing, 5),
    ):
        with pytest.raises(pbt.PBTError, match=r"number|integers|2\*\*53"):
            take()
    if nothing is not None:
        with pytest.raises(pbt.SettingsError, match=r"steps is .*: it "):
            wanted(steps=nothing)


@pytest.mark.parametrize("given", [2.5, math.nan, math.inf, -math.inf, np.float32(2.5), 2**53 + 1, 1e300])
def test_what_is_not_whole_is_refused_with_a_sentence(given: Any) -> None:
    with pytest.raises(pbt.Invalid, match=r"step is .*(whole number|2\*\*53)"):
        whole(given, "step")


@pytest.mark.parametrize(
    "vector",
    [np.array([1.0, 2.0]), np.array([[1], [2]]), range(1, 3), (1, 2), [np.array([1.0]), np.float32(2)],
     np.array([1, 2], dtype=object)],
)  # fmt: skip
def test_a_vector_of_evaluations_is_a_list_of_them(vector: Any) -> None:
    assert scores(vector) == (1.0, 2.0)


def test_a_tensor_of_evaluations_is_a_list_of_them() -> None:
    torch = pytest.importorskip("torch")
    assert scores(torch.tensor([1.0, 2.0])) == (1.0, 2.0)
    with pytest.raises(pbt.Invalid, match=r"score\[0\]"):
        scores(torch.ones(2, 2))


def test_evaluations_that_are_finite_have_a_finite_mean() -> None:
    assert mean((1e308, 1e308)) == 1e308
    assert mean((1e308, "inf")) == "inf"
    assert score_of(Report(member=0, lease=1, seq=1, decided=1, step=1, score=(-1e308, -1e308))) == -1e308


def test_spaces_of_numpy_arrays() -> None:
    assert pbt.Ordinal(2 ** np.arange(4, 8)).values == (16, 32, 64, 128)
    assert pbt.Choice(np.linspace(0, 1, 3)).values == (0.0, 0.5, 1.0)
    assert pbt.Choice([Text.A, np.str_("b")]).values == ("a", "b")
    assert all(type(v) is str for v in pbt.Choice([Text.A, np.str_("b")]).values)
    assert pbt.Float(0.5, 1, log=np.bool_(True)).log is True
    for given in ({"a", "b"}, {"a": 1}, b"ab", np.array(3)):
        with pytest.raises(pbt.SpaceError, match="needs a list"):
            pbt.Choice(given)  # type: ignore[arg-type]
    with pytest.raises(pbt.SpaceError, match="explore is 'no': it must be True or False"):
        pbt.Choice(["a"], explore="no")  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [[1, 1.0], [0, 0.0], [0.0, -0.0], [np.int64(1), 1.0], ["a", np.str_("a")]])
@pytest.mark.parametrize("kind", [pbt.Choice, pbt.Ordinal])
def test_values_that_are_equal_are_refused_when_the_domain_is_made(kind: Any, values: list[Any]) -> None:
    with pytest.raises(pbt.SpaceError, match="same value twice"):
        kind(values)


@pytest.mark.parametrize("kind", [pbt.Choice, pbt.Ordinal])
def test_true_and_one_are_two_values_that_exploration_tells_apart(kind: Any) -> None:
    domain = kind([None, True, 1, 0, False, "x", 0.5])
    for value in domain.values:
        for u in (0.0, 0.3, 0.6, 0.99):
            moved, _ = domain.perturb(value, u, (0.8, 1.25))
            assert moved in domain
            assert (type(moved), moved) != (type(value), value)


@pytest.mark.parametrize("factor", [1e300, 1e-300, np.float64(1e300), 10**300])
def test_a_huge_factor_ends_at_a_bound(factor: float) -> None:
    for domain in (pbt.Int(-(2**53), 2**53), pbt.Float(-1e300, 1e300)):
        for value in (domain.min, domain.max, domain.clip(7)):
            assert domain.perturb(value, 0.0, (factor,))[0] in domain


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    "refused",
    [
        {"metrics": {0: 0.9}},
        {"metrics": {None: 0.9}},
        {"metrics": {("a", 1): 0.9}},
        {"metrics": {"\udcff": 1.0}},
        {"metrics": {"a": {"b": 1.0}}},
        {"metrics": {"a": b"3"}},
        {"metrics": {"a": 10**400}},
        {"metrics": [("a", 1.0)]},
        {"used": {"lr": "\udcff"}},
        {"used": {"lr": 10**30}},
        {"used": {"lr": [1, 2]}},
        {"used": {"nothing": 1}},
        {"score": "3"},
        {"score": {"a": 1.0}},
        {"score": []},
        {"step": 2.5},
        {"step": "2"},
        {"step": 2**60},
    ],
)
@pytest.mark.parametrize("when_away", ["wait", "continue"])
def test_what_can_not_be_recorded_is_refused_at_once_and_never_sent_again(
    place: str, when_away: Any, refused: dict[str, Any]
) -> None:
    member = pbt.join(
        place, {"lr": pbt.Float(0, 1)}, members=1, steps=9, interval=5, maximize=True, when_away=when_away
    )
    with pytest.raises(pbt.Invalid) as caught:
        member.report(**{"score": 1.0, "step": 1, **refused})
    assert "`" not in str(caught.value)
    assert "codec" not in str(caught.value)
    member.report(
        np.array([1.5]), step=np.int64(2), used={"lr": np.array([member["lr"]])}, metrics={"r": np.float32(2)}
    )
    assert member.step == 2
    member.close()


def test_a_strategys_arithmetic_is_recorded_in_the_types_of_the_space() -> None:
    s = Script(space={"n": pbt.Int(1, 8), "lr": pbt.Float(0, 1)}, strategy="tests.test_numbers:Arithmetic")
    answers = s.round(4, 3, 2, 1)
    assert [type(v) for v in answers[3].hyperparameters.values()] == [int, float]
    assert answers[3].hyperparameters == {"n": 3, "lr": 0.5}


class Arithmetic(pbt.PBT, frozen=True):
    """Computes with NumPy."""

    def explored(self, population: Any, m: Any, parent: Any) -> Any:
        return {"n": np.float64(3.0), "lr": np.float32(0.5)}, {}


@pytest.mark.parametrize("world", ["memory", "folder", "server"], indirect=True)
def test_names_in_used_are_those_of_the_space(world: World) -> None:
    s = Script(world)
    with pytest.raises(pbt.Invalid, match="no hyperparameter"):
        s.report(0, 1.0, used={"learning_rate": 1.0})
    assert s.report(0, 1.0, used={"lr": 0.5}).seq == 1


def test_no_parsers_words_are_said_of_a_strategys_parameters() -> None:
    with pytest.raises(pbt.SettingsError) as caught:
        wanted(strategy={"name": "pbt", "quantile": "abc"})
    assert "quantile must be a number, not text" in str(caught.value)
    assert not set("`$") & set(str(caught.value))


@pytest.mark.parametrize("option", ["--steps", "--members", "--interval", "--seed", "--workers"])
def test_a_command_line_takes_whole_numbers_however_they_are_written(option: str, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from pbt.cli.run import command

    says = CliRunner().invoke(command, [option, "2.5", str(tmp_path / "p"), "--", "true"])
    assert says.exit_code == 2
    assert "2.5 is no whole number" in says.output
    from pbt.cli.options import Whole

    assert Whole().convert("1e6", None, None) == 1_000_000


@pytest.fixture(params=["folder", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "folder":
        yield str(tmp_path / "p")
        return
    from tests.support.worlds import ServerWorld

    monkeypatch.setenv("PBT_KEY", KEY)
    world = ServerWorld(tmp_path)
    yield world.url
    world.close()


def test_a_vector_as_metrics_is_refused_with_a_sentence() -> None:
    with pytest.raises(pbt.errors.Invalid, match=r"metrics is .*: it must be a dict"):
        named(np.array([1.0, 2.0]), "metrics", number)
