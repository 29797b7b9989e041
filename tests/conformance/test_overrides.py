"""What a command line decided, in every world: it is recorded, and what scripts say of it is no contradiction."""

from __future__ import annotations

import msgspec
import pytest

import pbt
from pbt.population.entries import Steered, encode
from pbt.settings import compare, unused, wanted
from tests.support.population import SPACE, Script
from tests.support.worlds import World

SCRIPT = {"space": SPACE, "members": 4, "steps": 100, "interval": 1, "maximize": True, "seed": 7}


def begun(world: World, **commanded: object) -> pbt.Settings:
    """A population that a worker created under such a command line."""
    asked = wanted(**commanded).commanded().over(wanted(**SCRIPT))
    world.coordinator().join("first", asked)
    return world.population.settings


def test_a_script_that_says_otherwise_joins(world: World) -> None:
    settings = begun(world, members=6, steps=20)
    assert (settings.members, settings.steps, settings.overridden) == (6, 20, {"members", "steps"})
    assert world.coordinator().join("bare", wanted(**SCRIPT)).member is not None
    assert world.coordinator().create(wanted(**SCRIPT)) == settings


def test_what_a_script_decided_is_still_compared(world: World) -> None:
    begun(world, members=6)
    with pytest.raises(pbt.SettingsError, match="has interval=1, but interval=3 was asked for"):
        world.coordinator().join("bare", wanted(**{**SCRIPT, "interval": 3}))


def test_a_name_that_one_of_two_spaces_lacks_is_said_to_be_missing(world: World) -> None:
    begun(world, members=6)
    one, *others = SCRIPT["space"]
    less = {name: SCRIPT["space"][name] for name in others}
    with pytest.raises(pbt.SettingsError, match=rf"has space\['{one}'\]=.*, which is missing in the space that was"):
        world.coordinator().join("bare", wanted(**{**SCRIPT, "space": less}))
    with pytest.raises(pbt.SettingsError, match=r"has no space\['more'\], but space\['more'\]=.* was asked for"):
        world.coordinator().join("bare", wanted(**{**SCRIPT, "space": {**SCRIPT["space"], "more": 1.0}}))


def test_another_command_line_is_compared(world: World) -> None:
    begun(world, members=6)
    with pytest.raises(pbt.SettingsError, match="has members=6, but members=4 was asked for"):
        world.coordinator().join("second", wanted(members=4).commanded())
    with pytest.raises(pbt.SettingsError, match="has interval=1, but interval=2 was asked for"):
        world.coordinator().join("third", wanted(interval=2).commanded().over(wanted(**SCRIPT)))


def test_steps_that_were_raised_are_not_compared_with_what_a_script_or_an_earlier_command_line_said(
    world: World,
) -> None:
    begun(world)
    world.coordinator().tell(Steered({"steps": 120}, by="pbt run", nonce="more"))
    assert world.coordinator().join("bare", wanted(**SCRIPT)).member is not None
    assert world.coordinator().join("restarted", wanted(steps=100).commanded()).member is not None
    with pytest.raises(pbt.SettingsError, match="has steps=120, but steps=100 was asked for"):
        compare(world.population.settings, wanted(steps=100).commanded(), launching=True)


def test_who_asks_for_more_steps_is_told_how_to_train_longer_and_who_asks_for_fewer_is_not(world: World) -> None:
    world.coordinator().join("first", wanted(**SCRIPT))
    steps = world.population.settings.steps
    assert steps is not None
    with pytest.raises(pbt.SettingsError, match=f"train longer with pbt run --steps {steps + 20}"):
        world.coordinator().join("longer", wanted(**{**SCRIPT, "steps": steps + 20}))
    with pytest.raises(pbt.SettingsError, match="use the same settings"):
        world.coordinator().join("shorter", wanted(**{**SCRIPT, "steps": steps - 1}))


def test_a_command_lines_members_win_over_a_script_that_is_open(world: World) -> None:
    script = {**SCRIPT, "members": None, "open": True}
    world.coordinator().join("first", wanted(members=3).commanded().over(wanted(**script)))
    assert world.population.settings.members == 3
    assert world.coordinator().join("bare", wanted(**script)).member is not None


def test_a_population_that_no_command_line_touched_says_nothing_of_it() -> None:
    s = Script()
    assert b"overrides" not in encode(s.entries[0])
    assert b"overrides" not in msgspec.json.encode(s.settings)


def test_what_is_not_used_of_a_script_is_told_with_both_values(world: World) -> None:
    settings = begun(world, members=6, steps=20)
    assert unused(settings, wanted(**SCRIPT)) == ["members=6, not this script's 4", "steps=20, not this script's 100"]
    assert unused(settings, wanted(members=6, interval=1)) == []


def test_a_script_can_not_claim_to_be_a_command_line() -> None:
    with pytest.raises(pbt.SettingsError, match="no setting 'overrides'"):
        wanted(overrides=("members",))
