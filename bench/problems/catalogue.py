"""The problems of the table, by name: on how many members, and what is shown of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from bench.problems import (
    choices,
    drifting,
    exploring,
    mixed,
    quadratic,
    quadratics,
    regression,
    toy,
    triangle,
    well,
    zoo,
)
from bench.problems.problem import Problem


class Entry(NamedTuple):
    """A problem, or a family of them.

    Attributes:
        title: in tables.
        group: the table that it belongs to.
        make: the n-th problem of the family.
        members: of a population.
        shows: what tables show: the value, the optimum minus the value, or the value in units of the optimum.
        family: how many problems there are; each gets every so manieth seed.
        oracle: how the optimum is known.
    """

    title: str
    group: str
    make: Callable[[int], Problem]
    members: int
    shows: Literal["value", "regret", "times the best"] = "value"
    family: int = 1
    oracle: str = "known"


WRONG, RIGHT, OTHER = "Where greed is wrong", "Where greed is right", "Random families, choices, and what Ray shows"
_SCHEDULES = "schedule by L-BFGS, exact gradients"
_NOISY = quadratic.Quadratic(score_noise=0.2)

CATALOGUE: dict[str, Entry] = {
    "quadratic": Entry("B3, loss", WRONG, lambda n: quadratic.problem(), 16, oracle=_SCHEDULES),
    "quadratic-8": Entry("B3, 8 members, loss", WRONG, lambda n: quadratic.problem(), 8, oracle=_SCHEDULES),
    "quadratic-noisy": Entry(
        "B3, noisy scores, loss", WRONG, lambda n: quadratic.problem(_NOISY), 16, oracle=_SCHEDULES
    ),
    "exploring": Entry("Eps", WRONG, lambda n: exploring.problem(), 16, oracle="exploring in all rounds but the last"),
    "deceptive": Entry("B4 deceptive", WRONG, lambda n: zoo.problem(deceptive=True), 22),
    "toy": Entry("B1", RIGHT, lambda n: toy.problem(), 2),
    "drifting": Entry("B2, regret", RIGHT, lambda n: drifting.problem(), 8, "regret"),
    "still": Entry("B2 standing still, regret", RIGHT, lambda n: drifting.problem("still"), 8, "regret"),
    "plain": Entry("B4 plain", RIGHT, lambda n: zoo.problem(), 22),
    "well": Entry("Well", RIGHT, lambda n: well.problem(), 16),
    "quadratics": Entry(
        "quadratics", OTHER, lambda n: quadratics.one_of("plain", n), 16, "times the best", 10, _SCHEDULES
    ),
    "quadratics-wide": Entry(
        "rates up to 30", OTHER, lambda n: quadratics.one_of("wide", n), 16, "times the best", 10, _SCHEDULES
    ),
    "quadratics-three": Entry(
        "three hyperparameters", OTHER, lambda n: quadratics.one_of("three", n), 16, "times the best", 10, _SCHEDULES
    ),
    "drifts": Entry("drifts, regret", OTHER, drifting.one_of, 8, "regret", 9),
    "choices": Entry("choices, regret", OTHER, lambda n: choices.problem(), 8, "regret"),
    "mixed": Entry("mixed, regret", OTHER, lambda n: mixed.problem(), 16, "regret"),
    "regression": Entry("regression, error", OTHER, regression.problem, 16, family=5, oracle="none known"),
    "triangle": Entry("B5", OTHER, lambda n: triangle.problem(), 4, oracle="none known"),
}  # fmt: skip


def shown(entry: Entry, value: float, optimum: float) -> float:
    """What the table shows of a value."""
    if entry.shows == "regret":
        return optimum - value
    return value / optimum if entry.shows == "times the best" else value


def smaller_is_better(entry: Entry, problem: Problem) -> bool:
    """Whether less is better of what is shown."""
    return entry.shows == "regret" or not problem.maximize
