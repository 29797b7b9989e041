"""The settings of a population have one list of names, wherever they are spelled out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.settings import RunSettings, SharedSettings, Wanted
from tests.support.scripts import pbt_run

KEYWORDS = {*SharedSettings.__annotations__}
ONLY_SHARED = KEYWORDS - {*RunSettings.__annotations__}


def test_the_keywords_are_the_recorded_settings() -> None:
    recorded = {*pbt.Settings.__struct_fields__} - {"space", "overrides"}
    assert recorded | {"open"} == KEYWORDS
    assert {*Wanted.__struct_fields__} == KEYWORDS | {"space", "overrides"}


@pytest.mark.parametrize(
    ("function", "keywords"),
    [(pbt.turns, KEYWORDS), (pbt.train, {*RunSettings.__annotations__}), (pbt.Settings, KEYWORDS - {"open"})],
)
def test_each_is_documented_where_it_is_given(function: Any, keywords: set[str]) -> None:
    said = function.__doc__
    assert [name for name in sorted(keywords) if f"    {name}: " not in said] == []


def train(**given: Any) -> pbt.Result[int]:
    space = {"lr": pbt.Float(0, 1)}
    wanted = {"members": 2, "steps": 4, "maximize": True} | given
    return pbt.train(lambda rng: 0, lambda s, h, rng: s, lambda s, rng: 1.0, space, **wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(ONLY_SHARED))
def test_one_process_has_nothing_to_share(name: str) -> None:
    with pytest.raises(pbt.SettingsError, match=f"no setting '{name}'"):
        train(**{name: 1})


@pytest.mark.parametrize(
    ("missing", "says"), [("steps", "how many steps"), ("members", "how many members"), ("maximize", "higher score")]
)
def test_what_a_population_needs_has_no_default(missing: str, says: str) -> None:
    with pytest.raises(pbt.SettingsError, match=says):
        train(**{missing: None})


def test_a_goal_needs_no_steps() -> None:
    assert train(steps=None, goal=0.5).best.score == 1.0


@pytest.mark.parametrize("call", [pbt.turns, pbt.join])
def test_an_empty_place_and_one_that_is_none_are_refused_with_a_sentence(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a variable that is not set: it was meant to name the population."""
    monkeypatch.chdir(tmp_path)
    settings = {"space": {"lr": pbt.Float(0, 1)}, "members": 1, "steps": 1, "maximize": True}
    with pytest.raises(pbt.SettingsError, match="where is empty, as of a variable that is not set"):
        call("", **settings)
    with pytest.raises(pbt.SettingsError, match="where is 5: give a folder or the URL"):
        call(5, **settings)
    assert list(tmp_path.iterdir()) == []


def test_pbt_run_in_an_empty_folder_name_is_refused(tmp_path: Path) -> None:
    done = pbt_run(["run", "--members", 1, "", "--", "python", "train.py"], tmp_path)
    assert done.returncode == 1
    assert "the folder's name is empty, as of a variable that is not set" in done.stderr
    assert list(tmp_path.iterdir()) == []
