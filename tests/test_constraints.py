"""Constraints between hyperparameters: what they may say, and that they hold wherever values come from."""

from __future__ import annotations

import math
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pbt
from pbt.client.original import PBTClient
from pbt.population.chance import Chance
from pbt.population.entries import Decision, Explored, Steered
from pbt.population.recorded import StrategyRecord
from pbt.settings import compare, wanted
from pbt.space.space import Space
from pbt.strategies.explore import perturb, redraw
from pbt.strategies.registry import KNOWN, ORIGINAL, bare
from tests.support.population import Script
from tests.support.requests import serve

DOMAINS: dict[str, Any] = {
    "lr": pbt.Float(1e-3, 1.0, log=True), "batch": pbt.Int(1, 64, log=True), "minibatch": pbt.Int(1, 64, log=True),
    "opt": {"name": pbt.Choice(["adam", "sgd"]), "weight decay": pbt.Float(0, 1)},
    "size": pbt.Ordinal(["auto", 16, 32]), "flag": pbt.Choice([True, False]), "none": pbt.Choice([None, 1]),
    "lambda": pbt.Float(0, 1, step=0.1),
}  # fmt: skip
VALUES = {
    "lr": 0.5, "batch": 8, "minibatch": 4, "opt.name": "adam", "opt.weight decay": 0.25, "size": "auto", "flag": True,
    "none": None, "lambda": 0.3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("batch >= minibatch", True), ("batch < minibatch", False), ("1 <= minibatch < batch <= 8", True),
        ("lr * batch <= 4", True), ("-lr + 1 == +0.5", True), ("batch % minibatch == 0", True),
        ("batch // 3 == 2", True),
        ("minibatch ** 0.5 == 2", True), ("2 ** minibatch == 16", True), ("batch / (minibatch - 4) > 1", False),
        ("opt.name == 'adam' and not flag", False), ("opt.name in ('adam', 'sgd') or lr > 1", True),
        ("batch not in (8, 16)", False), ("size == 'auto' or size >= 32", True), ("size >= 32", False),
        ("not size >= 32", False), ("opt.`weight decay` < `lambda`", True), ("`opt.weight decay` == 0.25", True),
        ("min(batch, minibatch) == 4 and max(1, batch, 2) == 8 and abs(-lr) == lr", True), ("none == None", True),
        ("none != 1", True), ("flag == True", True), ("flag", True), ("not flag", False), ("none > 0", False),
        ("opt.name < 'b'", True), ("opt.name != '`'", True), ("batch ** 9 ** 9 ** 9 > 1", False), ("lr < 1e999", True),
        ("(lr - 1) ** 0.5 < 1", False), ("1e308 * 10 * lr - 1e308 * 10 * lr != 7", False), (" lr < 1 # a half ", True),
    ],
)  # fmt: skip
def test_a_constraint_says_what_it_says_in_python(text: str, holds: bool) -> None:
    space = Space(DOMAINS, [text])
    assert space.holds(VALUES) is holds
    assert (VALUES in space) is holds
    assert msgspec.json.decode(msgspec.json.encode(space), type=Space) == space != Space(DOMAINS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("batch >= minibach", "no hyperparameter 'minibach': the space has lr, batch"),
        ("weight decay < 1", "stands in backticks"), ("lambda < 1", "stands in backticks"),
        ("`lr < 1", "can not be read"),
        ("opt.name < 3", "a text is neither more nor less than a number"), ("opt.name == 3", "never a number"),
        ("opt.name in (1, 2)", "none of the values"), ("batch in 3", "values in brackets"), ("batch in ()", "brackets"),
        ("opt.name * 3 == 'a'", "in arithmetic stands a text"), ("flag + 1 > 1", "in arithmetic stands a flag"),
        ("flag < 1", "neither more nor less"), ("batch", "neither yes nor no"), ("batch and lr", "which is no flag"),
        ("not batch", "which is no flag"), ("1 < 2", "names no hyperparameter"), ("batch is 3", "not is"),
        ("__import__('os').system('x')", "means nothing here"), ("batch.__class__ == 1", "no hyperparameter"),
        ("().__class__ == 1", "has no names"), ("lr if flag else lr", "means nothing"), ("lambda: 1", "means nothing"),
        ("[b for b in (1,)]", "means nothing"), ("f'{lr}' == 'a'", "means nothing"), ("min(lr) < 1", "means nothing"),
        ("max(*lr) < 1", "means nothing"), ("abs(lr, 2) < 1", "means nothing"), ("b'a' == 1", "means nothing"),
        ("lr < 1j", "means nothing"), ("lr @ lr < 1", "means nothing"), ("lr << 2 < 1", "means nothing"),
        ("(lr := 1) < 2", "means nothing"), ("lr\0 < 1", "can not be read"), ("", "can not be read"),
        ("x" * 501, "501 characters"), ("-" * 100 + "lr < 1", "50 deep"), ("not " * 100 + "flag", "50 deep"),
        ("(" * 240 + "lr" + ")" * 240 + " < 1", "can not be read"),
    ],
)  # fmt: skip
def test_what_is_no_constraint_is_refused_with_its_text(text: str, says: str) -> None:
    with pytest.raises(pbt.SpaceError) as caught:
        Space(DOMAINS, [text])
    assert "the constraint" in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("constraints", "says"),
    [
        ("lr < 1", "a list of expressions"), (3, "a list of expressions"), ([3], "must be text"),
        (["lr < 1"] * 51, "at most 50"), (["lr < 1", "batch <"], "'batch <'"),
    ],
)  # fmt: skip
def test_constraints_are_a_list_of_texts(constraints: Any, says: str) -> None:
    with pytest.raises(pbt.SpaceError, match=says):
        Space(DOMAINS, constraints)


PIECES = [
    "lr", "batch", "opt.name", "`opt.weight decay`", "flag", "none", "size", "1", "0", "2.5", "1e308", "'adam'", "True",
    "None", " + ", " - ", " * ", " / ", " // ", " % ", " ** ", " < ", " <= ", " == ", " != ", " in ", " not in ",
    " and ", " or ", "not ", "(", ")", ", ", "min(", "max(", "abs(", "`", "'", '"', "[", "]", "lambda ", ":", ".", "_",
    "\\", "\n", "#", "é", "eval(", "__import__(", "9" * 40,
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60))
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_whatever_is_written_is_a_constraint_or_a_space_error_and_takes_no_time(text: str) -> None:
    began = time.perf_counter()
    try:
        space = Space(DOMAINS, [text])
    except pbt.SpaceError:
        pass
    else:
        assert space.holds(VALUES) in (True, False)
        assert space.constraints == (text,)
    assert time.perf_counter() - began < 1


def test_what_no_draw_satisfies_is_refused() -> None:
    space = Space({"a": pbt.Float(0, 1), "b": pbt.Float(0, 1)}, ["a + b == 1"])
    with pytest.raises(pbt.SpaceError, match="of 10000 draws none satisfies"):
        Script(space=space)
    narrow = Space({"a": pbt.Float(0, 1, first=(0.5, 1)), "b": 0.2}, ["a < b"])
    with pytest.raises(pbt.SpaceError, match="none satisfies"):
        Space.of(narrow)


def test_a_space_without_constraints_is_recorded_as_ever() -> None:
    assert msgspec.json.encode(Space({"lr": pbt.Float(0, 1)})) == (
        b'{"domains":{"lr":{"kind":"float","min":0.0,"max":1.0}}}'
    )


def test_another_populations_constraints_are_a_difference() -> None:
    s = Script(space=Space({"a": 1, "b": pbt.Int(0, 3)}, ["a <= b"]))
    with pytest.raises(pbt.SettingsError, match=r"space\['constraints'\]=\('a <= b',\), but .* was asked for"):
        compare(s.settings, wanted(space={"a": 1, "b": pbt.Int(0, 3)}))


TOML = """
constraints = ["batch >= optimizer.minibatch", "lr <= 0.5"]
batch = 16
[lr]
min = 0
max = 1
[optimizer.minibatch]
type = "int"
min = 1
max = 64
"""


def test_constraints_are_read_from_toml(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text(TOML)
    space = {"batch": 16, "lr": pbt.Float(0, 1), "optimizer": {"minibatch": pbt.Int(1, 64)}}
    assert pbt.read_space(file) == Space(space, ["batch >= optimizer.minibatch", "lr <= 0.5"])
    file.write_text("constraints = 3\nlr = 1")
    assert pbt.read_space(file) == Space({"constraints": 3, "lr": 1}), "a hyperparameter may have that name"
    for content, says in (("constraints = ['x < 1']\nlr = 1", "no hyperparameter 'x'"), ("constraints = []", "empty")):
        file.write_text(content)
        with pytest.raises(pbt.SpaceError, match=f"space.toml: .*{says}"):
            pbt.read_space(file)


RATIO = Space({"batch": pbt.Int(1, 64), "minibatch": pbt.Int(1, 64), "w": pbt.Int(1, 4)}, ["batch >= minibatch"])


def test_initial_configurations_that_break_one_are_refused() -> None:
    with pytest.raises(
        pbt.SpaceError, match=r"initial\[1\]: the constraint 'batch >= minibatch' does not hold for batch=2"
    ):
        Script(space=RATIO, initial=[{"w": 2}, {"batch": 2, "minibatch": 4}])
    tight = Space({"a": pbt.Int(1, 8), "b": pbt.Int(4, 8)}, ["a >= b"])
    with pytest.raises(pbt.SpaceError, match=r"initial\[0\]: of 10000 draws for what {'a': 2} leaves out none"):
        Script(space=tight, initial=[{"a": 2}])
    born = [m.hyperparameters for m in Script(space=RATIO, initial=[{"minibatch": 60}] * 4).population.members]
    assert all(h["minibatch"] == 60 and h["batch"] >= 60 for h in born)


def test_values_set_from_outside_that_break_one_are_refused() -> None:
    s = Script(space=RATIO)
    s.round(1, 2, 3, 4)
    m = s.population.members[1]
    decision = Decision(1, m.ready, hyperparameters={"batch": 1, "minibatch": 2, "w": 1}, decided=m.decisions)
    with pytest.raises(pbt.Invalid, match="'batch >= minibatch' does not hold for batch=1, minibatch=2"):
        s.coordinator.tell(Steered({"set": [1]}, "somebody", "n"), (decision,))
    assert s.population.members[1].hyperparameters == m.hyperparameters


def test_a_redrawn_or_perturbed_configuration_satisfies_them() -> None:
    values = {"batch": 5, "minibatch": 5, "w": 2}
    draws = iter(Chance(1, 0, i).uniform("x") for i in range(10_000))
    for seed in range(50):
        assert redraw(RATIO, values, Chance(seed, 0, 3)) in RATIO
        assert perturb(RATIO, values, lambda: next(draws), (0.8, 1.25)) in RATIO
    equal = Space({"a": pbt.Ordinal([*range(300)]), "b": pbt.Ordinal([*range(300)])}, ["a == b"])
    assert redraw(equal, {"a": 7, "b": 7}, Chance(1, 0, 3)) in equal


ints = st.integers(1, 6)


@st.composite
def small_spaces(draw: st.DrawFn) -> Space:
    """Three to five hyperparameters of few values, and constraints that some configuration satisfies."""
    domains: dict[str, Any] = {}
    for name in "abcde"[: draw(st.integers(3, 5))]:
        low = draw(ints)
        kind = draw(st.sampled_from(["int", "float", "ordinal", "fixed"]))
        if kind == "float":
            domains[name] = pbt.Float(low, low + 3, step=draw(st.sampled_from([None, 0.5])))
        elif kind == "ordinal":
            domains[name] = pbt.Ordinal([*range(low, low + 4)])
        else:
            domains[name] = pbt.Int(low, low + 5, explore=kind == "int")
    names = st.sampled_from(sorted(domains))
    shapes = ["{} <= {}", "{} + {} <= 9", "{} != {}", "{} * {} > 4", "{} >= 2 or {} < 5"]
    pairs = draw(st.lists(st.tuples(st.sampled_from(shapes), names, names), min_size=1, max_size=3))
    return Space(domains, [shape.format(a, b) for shape, a, b in pairs])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(KNOWN) - {ORIGINAL, "follow"}))  # that one names hyperparameters
@settings(max_examples=30)
@given(space=small_spaces(), seed=st.integers(0, 999))
def test_they_hold_at_birth_and_after_every_exploration(name: str, space: Space, seed: int) -> None:
    if bare(StrategyRecord(name)).remembers:
        pytest.importorskip("scipy")
    try:
        Space.of(space)
    except pbt.SpaceError:
        return
    s = Script(space=space, seed=seed, strategy=name, steps=8)
    for member in range(4):
        s.join(member)
    for step in range(1, 7):
        drafts = [s.draft(m, math.sin(3.0 * m + step + seed), step) for m in range(4) if s.answers[m].step < step]
        for draft in (*drafts, *drafts):
            s.send(draft)
    found = [d.hyperparameters for e in s.entries for d in e.decisions if d.hyperparameters is not None]
    found += [values for e in s.entries if isinstance(e.event, Explored) for values in e.event.values.values()]
    assert len(found) >= 4
    assert all(values in space for values in found)


class Careless(pbt.PBT, frozen=True):
    """A user's own, which knows nothing of constraints, not even at birth."""

    def decide(self, population: Any, memory: Any, due: Any) -> Any:
        values = {"batch": 1, "minibatch": 64, "w": 3}
        return [msgspec.structs.replace(d, hyperparameters=values) for d in super().decide(population, memory, due)]


def test_a_strategy_that_knows_nothing_of_constraints_is_held_to_them() -> None:
    s = Script(space=RATIO, strategy=f"{__name__}:Careless")
    for n in range(4):
        s.round(*range(n, n + 4))
    decisions = [d for e in s.entries for d in e.decisions]
    assert all(d.hyperparameters in RATIO for d in decisions)
    assert all("stays: constraints" in d.why.operations.values() for d in decisions)
    assert all(d.hyperparameters["w"] == 3 for d in decisions if d.hyperparameters)


@pytest.mark.slow
def test_the_originals_explore_satisfies_them_and_a_save_that_breaks_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text('constraints = ["a <= b"]\n[a]\nmin = 1\nmax = 2\n[b]\nmin = 1\nmax = 2\n')
    process, url = serve(tmp_path / "s")
    try:
        key = (tmp_path / "s" / "key").read_text().strip()
        client = PBTClient(url.replace("/NAME", "/p"), 0, key, file)
        for _ in range(30):
            client.explore()
            h = client.hyperparameters()
            assert h["a"] <= h["b"]
        client.save("x", 1.0)
        client.set_hyperparameter("a", 2)
        client.set_hyperparameter("b", 1)
        with pytest.raises(pbt.Invalid, match=r"'a <= b' does not hold for a=2\.0, b=1\.0"):
            client.save("y", 2.0)
        client.set_hyperparameter("b", 2)
        client.save("y", 2.0)
    finally:
        process.terminate()
        process.wait(20)


def test_spaces_are_made_in_several_threads_at_once() -> None:
    failed: list[BaseException] = []

    def make() -> None:
        try:
            for _ in range(60):
                pbt.Space(
                    {"a": pbt.Int(1, 64), "b": pbt.Int(1, 64)}, constraints=["a >= b", "a + b * 2 <= 128 or b < 3"]
                )
        except BaseException as error:
            failed.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not failed
