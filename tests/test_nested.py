"""Hyperparameters in groups: given nested, recorded by dotted names, read either way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pbt
from pbt.population.entries import decode, encode
from pbt.space.names import flat
from pbt.space.space import Space
from pbt.views.table import members_table
from tests.support.population import Script

LR = pbt.Float(1e-4, 1.0, log=True)
SPACE = {"optimizer": {"lr": LR, "name": "adam", "betas": {"first": pbt.Float(0.5, 0.9)}}, "seed": 0}
NAMES = ["optimizer.lr", "optimizer.name", "optimizer.betas.first", "seed"]

names = st.text("ab #%ü=[]", min_size=1, max_size=3).filter(lambda name: name == name.strip())
trees = st.recursive(
    st.dictionaries(names, st.integers(0, 9), min_size=1, max_size=3),
    lambda inner: st.dictionaries(names, st.integers(0, 9) | inner, min_size=1, max_size=3),
    max_leaves=12,
)


@given(trees)
def test_what_is_flattened_is_nested_again(tree: dict[str, Any]) -> None:
    assert pbt.nested(flat(tree)) == tree
    space = Space.of(tree)
    assert pbt.nested(space.sample(lambda _: 0.5)) == tree


def test_groups_are_recorded_by_dotted_names_and_survive_the_journal() -> None:
    s = Script(space=SPACE, initial=[{"optimizer": {"lr": 0.25}}, {"optimizer.lr": 0.5}])
    assert [*s.population.settings.space] == NAMES
    assert [m.hyperparameters["optimizer.lr"] for m in s.population.members[:2]] == [0.25, 0.5]
    assert decode(encode(s.entries[0])) == s.entries[0]
    assert Space.of(SPACE) == s.population.settings.space == Space.of({**flat(SPACE)})
    s.round(1.0, 2.0, 3.0, 4.0)
    assert [column.header.plain for column in members_table(s.population, {}).columns][3:7] == NAMES  # type: ignore[union-attr]


def test_a_training_function_reads_them_flat_and_nested() -> None:
    def step(x: float, h: dict[str, Any], rng: object) -> float:
        grouped = pbt.nested(h)
        assert grouped["optimizer"]["name"] == "adam"
        assert grouped["optimizer"]["lr"] == h["optimizer.lr"]
        return x + float(h["optimizer.lr"])

    result = pbt.train(lambda _: 0.0, step, lambda x, _: x, SPACE, members=3, steps=6, maximize=True, seed=1)
    assert result.best.hyperparameters.keys() == {*NAMES}


def test_a_member_is_read_flat_and_nested(tmp_path: Path) -> None:
    with pbt.join(tmp_path / "p", space=SPACE, members=1, steps=2, maximize=True) as member:
        assert pbt.nested(member)["optimizer"] == {
            "lr": member["optimizer.lr"],
            "name": "adam",
            "betas": {"first": member["optimizer.betas.first"]},
        }
        with pytest.raises(KeyError, match=r"the space has optimizer\.lr, "):
            member["optimizer"]
    row = pbt.load(tmp_path / "p").members[0]
    assert row.hyperparameters.keys() == {*NAMES}


TOML = """
seed = 0
[optimizer]
name = "adam"
[optimizer.lr]
min = 1e-4
max = 1.0
log = true
[optimizer.betas]
first = {min = 0.5, max = 0.9}
"""


def test_groups_are_read_from_toml(tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(TOML)
    assert pbt.read_space(tmp_path / "space.toml") == Space.of(SPACE)
    (tmp_path / "flat.toml").write_text('"a.b" = 1\n[a.c]\ntype = "adam"\n[a.c.d]\nchoice = [1, 2]\n')
    assert pbt.read_space(tmp_path / "flat.toml") == Space.of(
        {"a.b": 1, "a.c.type": "adam", "a.c.d": pbt.Choice([1, 2])}
    )


def test_a_name_with_a_dot_is_read_from_csv(tmp_path: Path) -> None:
    (tmp_path / "space.csv").write_text("name,min,max,scale\noptimizer.lr,0.0001,1,log\n")
    assert pbt.read_space(tmp_path / "space.csv") == Space.of({"optimizer": {"lr": LR}})


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("x = 1\n[a.lr]\nmin = 1\n", 2, "a.lr: no max"),
        ("[a]\nlr = {min = 2, max = 1}\n", 1, "a.lr: min 2 is above max 1"),
        ("[a]\nmin = 1\nmax = 2\n[a.b]\nmin = 0\n", 1, "'b' means nothing"),
        ('"a.b" = 1\n[a]\nb = 2\n', None, "stands there twice"),
        (f"{'.'.join('a' * 30)} = 1", 1, "20 deep"),
    ],
)
def test_a_malformed_group_gives_one_error_with_its_line(
    tmp_path: Path, content: str, line: int | None, says: str
) -> None:
    (tmp_path / "a.toml").write_text(content)
    with pytest.raises(pbt.SpaceError) as caught:
        pbt.read_space(tmp_path / "a.toml")
    assert line is None or f"a.toml, line {line}:" in str(caught.value)
    assert says in str(caught.value)


def itself() -> dict[str, Any]:
    found: dict[str, Any] = {"x": 1}
    found["a"] = found
    return found


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ({"a": {"b": 1}, "a.b": 2}, "'a.b' stands there twice"),
        ({"a": {}}, "'a' is an empty group"),
        ({"a": {"b": {}}}, "'a.b' is an empty group"),
        ({"a": {"": 1}}, "'' can not name"),
        ({"a": {3: 1}}, "3 can not name"),
        ({"a": {" b": 1}}, "can not name"),
        ({"a": {"b": [1]}}, "a.b: .* is neither a domain"),
        (itself(), "does it hold itself"),
    ],
)
def test_impossible_groups_say_why(space: dict[Any, Any], says: str) -> None:
    with pytest.raises(pbt.SpaceError, match=says):
        Space.of(space)


@pytest.mark.parametrize("values", [{"a": 1, "a.b": 2}, {"a.b": 2, "a": 1}, {"a.b": 1, "a.b.c": 2}])
def test_what_is_a_value_and_a_group_is_read_flat(values: dict[str, Any]) -> None:
    assert Space.of(values).sample(lambda _: 0.5) == values
    with pytest.raises(pbt.SpaceError, match="can not be nested"):
        pbt.nested(values)
