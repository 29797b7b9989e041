"""What would do better: signs in a run's journal that its settings do not suit it, each with a remedy."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median, pstdev

from pbt.errors import counted
from pbt.population.rules import cut
from pbt.population.schedule import Pieces, values_at
from pbt.space.domains import Float, Int
from pbt.space.numbers import real
from pbt.space.space import Values
from pbt.space.values import Value
from pbt.strategies.strategy import often
from pbt.views.alone import ranked_few, ranks, remedy
from pbt.views.finding import Finding
from pbt.views.losses import OFTEN
from pbt.views.run import Run
from pbt.views.table import number_text

FEW_DECISIONS = 10
"""Of a member in all, below which there is little to select from."""
FEW_MEMBERS = 8
EDGE = 0.05
"""Of a domain's scale, within which a value counts as lying at a bound."""
LATE = 2 / 3
"""Of the best's steps, after which its hyperparameters are compared with the bounds."""
NOISY = 0.5
"""Of the members' spread, above which the noise of a score decides many ranks."""
ENOUGH = 20
"""Differences of scores that are needed to tell noise."""
PARENTS, SHUFFLES, INDIFFERENT = 25, 200, 0.5
"""Different parents that are needed to tell whether a hyperparameter matters; rearrangements; the share of these,
above which nothing speaks for it."""

_PAIRS = 500


def advice(run: Run) -> Iterator[Finding]:
    """The findings, the most important first."""
    yield from _losses(run)
    yield from _few_members(run)
    yield from _few_ranked(run)
    yield from _few_decisions(run)
    yield from _nobody_exploits(run)
    yield from _noise(run)
    yield from _bounds(run)
    yield from _indifferent(run)


def _losses(run: Run) -> Iterator[Finding]:
    lost = run.losses.note()
    if lost is not None and run.losses.count >= OFTEN:
        yield Finding("warning", *lost)


def _few_members(run: Run) -> Iterator[Finding]:
    n, given = len(run.members), run.settings.strategy.parameters
    quantile = given.get("quantile") if given.get("selection", "truncation") == "truncation" else None
    if n == 1:
        yield Finding("warning", "one member has nobody to take over from", "train 8 members or more: members=8")
    elif n < FEW_MEMBERS and quantile and cut(n, quantile) == 1:
        yield Finding(
            "warning", f"{quantile:g} of {n} members is one: all go on from a single parent, and variety is soon lost",
            f"train {FEW_MEMBERS} members or more; more members than workers is fine",
        )  # fmt: skip


def _few_ranked(run: Run) -> Iterator[Finding]:
    few = ranked_few(run)
    if few is not None:
        joined = any(m.lease is not None and not m.lease.turn for m in run.members)
        yield Finding(
            "warning",
            f"most rankings saw {few} of {counted(len(run.members), 'member')}: whoever is done, or has not begun, is "
            "not ranked, and so hardly anybody takes over from another",
            remedy(len(run.members)) if joined else "start as many workers as members, or let them take shorter turns",
        )


def _few_decisions(run: Run) -> Iterator[Finding]:
    s = run.settings
    if s.steps is not None and s.steps / s.interval < FEW_DECISIONS:
        yield Finding(
            "warning",
            f"each member is decided on {counted(s.steps // s.interval, 'time')} in all ({often(s.interval)})",
            f"decide more often: interval={max(1, s.steps // 40)}",
        )  # fmt: skip


def _nobody_exploits(run: Run) -> Iterator[Finding]:
    due = sum(d.start == "on" for d in run.decisions)
    if due < 4 * len(run.members) or any(d.parent is not None for d in run.decisions):
        return
    if ranks(run.settings) and ranked_few(run) is None:
        yield Finding(
            "warning", f"nobody has exploited in {counted(due, 'decision')}",
            "look whether all scores are equal (pbt status), and at the reasons below what was done",
        )  # fmt: skip


def _noise(run: Run) -> Iterator[Finding]:
    """Second differences of a member's scores are noise where its curve is smooth: their variance is six times its."""
    if not ranks(run.settings):
        return
    bends, by_step = [], defaultdict(list)
    for segment in run.lineage.segments:
        scores = [(step, real(score)) for step, score in segment.scores if math.isfinite(real(score))]
        for step, score in scores:
            by_step[step].append(score)
        bends += [a - 2 * b + c for (_, a), (_, b), (_, c) in zip(scores, scores[1:], scores[2:], strict=False)]
    spreads = [pstdev(scores) for scores in by_step.values() if len(scores) > 2]
    if len(bends) < ENOUGH or not spreads:
        return
    noise, spread = 1.4826 * median(map(abs, bends)) / math.sqrt(6), median(spreads)
    if noise > NOISY * spread > 0:
        several = median(len(report.evaluations) for report in run.reports) > 1
        yield Finding(
            "warning",
            f"scores vary by {noise:.3g} from one report of a member to the next, and members differ by {spread:.3g}: "
            "many ranks are chance",
            "report more evaluations at once, or decide less often: a larger interval"
            if several
            else "report a list of several evaluations, or their mean, or decide less often: a larger interval",
        )  # fmt: skip


def _bounds(run: Run) -> Iterator[Finding]:
    best = run.best
    if best is None:
        return
    for name, domain in run.settings.space.domains.items():
        if not isinstance(domain, Float | Int) or not domain.explore or domain.min == domain.max:
            continue
        values = sorted((values[name] for values in _late(best.schedule.pieces, best.step)), key=domain.unit)
        late, usual = [domain.unit(value) for value in values], values[len(values) // 2]
        for hit, side, bound in (
            (median(late) <= EDGE, "lower", domain.min),
            (median(late) >= 1 - EDGE, "upper", domain.max),
        ):
            if hit:
                far = f"at its {side} bound, {number_text(bound)}"
                near = f"near its {side} bound, {number_text(bound)}: with {number_text(usual)}"
                yield Finding(
                    "warning", f"the best trained with {name} {far if usual == bound else near}",
                    f"widen the space of {name} in the next run, if it may go further",
                )  # fmt: skip


def _late(found: Pieces, step: int) -> list[Values]:
    """The values in force in the last part of the steps."""
    first = int(LATE * step)
    return [values_at(found, first), *(values for at, values in found if at > first)]


def _indifferent(run: Run) -> Iterator[Finding]:
    """Hyperparameters for which parents and those they replaced could be exchanged without a difference."""
    pairs = _pairs(run)
    if len(pairs) < PARENTS:
        return
    for name, domain in run.settings.space.domains.items():
        if not domain.explore or not isinstance(domain, Float | Int):
            continue
        units = [(domain.unit(parent[name]), domain.unit(child[name])) for parent, child in pairs]
        if _by_chance(units) > INDIFFERENT:
            yield Finding(
                "ok", f"no exploit favoured any value of {name}: parents and replaced members have it alike "
                f"({counted(len(pairs), 'different parent')})",
                "it may matter less than the noise: fix it, and the search has one dimension less",
            )  # fmt: skip


def _pairs(run: Run) -> list[tuple[Values, Values]]:
    """The hyperparameters of parents, and of the first member that took over from each.

    A parent's further children say nothing more: whatever it has would be favoured as often as it has children.
    """
    found: dict[tuple[Value, ...], tuple[Values, Values]] = {}
    last: dict[int, Values] = {}
    for d in run.decisions:
        if d.exploits and d.parent in last and d.member in last:
            found.setdefault(tuple(last[d.parent].values()), (last[d.parent], last[d.member]))
        if d.hyperparameters is not None:
            last[d.member] = d.hyperparameters
    return list(found.values())[-_PAIRS:]


def _by_chance(pairs: Sequence[tuple[float, float]]) -> float:
    """How often random exchanges within the pairs set them apart as much as they are: 1 is just by chance."""
    rng = random.Random(0)
    as_is = _apart(pairs)
    return (
        sum(_apart([p if rng.random() < 0.5 else p[::-1] for p in pairs]) >= as_is for _ in range(SHUFFLES)) / SHUFFLES
    )


def _apart(pairs: Sequence[tuple[float, float]]) -> float:
    """By how much the first of each pair lie higher, or lower, or closer together than the second."""
    n = len(pairs)
    middle = median(a for a, _ in pairs)
    shift = abs(sum(a - b for a, b in pairs)) / n
    closer = sum(abs(b - middle) - abs(a - middle) for a, b in pairs) / n
    return max(shift, closer)
