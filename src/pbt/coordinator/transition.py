"""The transition: from a fold and a command's proposals to entries and the next fold. Pure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from pbt.coordinator.commands import Command, Proposal
from pbt.errors import Invalid, PBTError, StrategyError
from pbt.population.entries import Decision, Entry, Reported, canonical, decode, encode
from pbt.population.fold import apply, apply_all, decided, happened
from pbt.population.population import Population
from pbt.strategies.strategy import Memory, Strategy

_log = logging.getLogger("pbt")


class Fold(NamedTuple):
    """The fold of a journal: the population, and its strategy's memory."""

    population: Population
    memory: Memory = None


class Step(NamedTuple):
    """An entry to be appended: its bytes, the fold after it, and itself as it will be read."""

    body: bytes
    after: Fold
    entry: Entry


def steps_of(
    command: Command, before: Fold, strategy: Strategy, clock: Callable[[], float]
) -> tuple[list[Step], PBTError | None]:
    """The entries of a command, or why it is refused: where one of its entries is, none is appended."""
    try:
        return _steps(command, before, strategy, clock), None
    except PBTError as refusal:
        return [], refusal
    except Exception as error:
        _log.exception("an unforeseen error in a command: %r", command)
        return [], PBTError(f"this can not be recorded ({type(error).__name__}: {error})")


def _steps(command: Command, before: Fold, strategy: Strategy, clock: Callable[[], float]) -> list[Step]:
    """Each entry decided on the fold that includes the one before."""
    found: list[Step] = []
    proposal = command.propose(before.population)
    while proposal is not None:
        found.append(decide(before, proposal, strategy, clock()))
        before = found[-1].after
        proposal = command.propose(before.population) if proposal.more else None
    return found


def decide(before: Fold | None, proposal: Proposal, strategy: Strategy, time: float) -> Step:
    """Apply the event, let the strategy decide on the members that are due, and fold the entry as it will be read.

    The fold takes the entry as a reader will: the event in its canonical form, the decisions as decoded.

    Raises:
        StrategyError: the strategy raised, or decided something impossible.
        Invalid: the entry can not be written.
    """
    population, memory = before if before is not None else (None, None)
    event, decisions = canonical(proposal.event), proposal.decisions
    remembers = strategy.remembers
    # An event of exact floats comes back as it is, so that this costs nothing in most reports.
    if event is not proposal.event and isinstance(event, Reported) and not strategy.several_objectives:
        _check_one_objective(event)
    seen = happened(population, event)
    decisions = _checked_outside(seen, decisions)
    view = decided(seen, decisions) if decisions else seen
    if view.due and not view.finished:
        now = strategy.remember(memory, population, Entry(time, event, decisions)) if remembers else None
        decisions = (*decisions, *_decide(strategy, view, now))
    body = encode(Entry(time, event, decisions))
    entry = decode(body)
    after = decided(seen, entry.decisions)
    return Step(body, Fold(after, strategy.remember(memory, population, entry) if remembers else None), entry)


def fold_all(before: Fold | None, entries: Sequence[Entry], strategy: Strategy) -> Fold:
    """The fold after entries that are recorded. Never decides."""
    population, memory = before if before is not None else (None, None)
    if not strategy.remembers:
        return Fold(apply_all(population, entries))
    for entry in entries:
        after = apply(population, entry)
        population, memory = after, strategy.remember(memory, population, entry)
    assert population is not None
    return Fold(population, memory)


def owes(entry: Entry) -> bool:
    """Whether a decision of the entry owes hyperparameters."""
    return any(d.hyperparameters is None and d.owed for d in entry.decisions)


def _check_one_objective(event: Reported) -> None:
    for report in event.reports:
        if isinstance(report.score, dict) or any(isinstance(past.score, dict) for past in report.history):
            raise Invalid(
                f"member {report.member}: score is a mapping, and this population's strategy ranks one number: "
                "report one, or a list of evaluations"
            )


def _decide(strategy: Strategy, view: Population, memory: Memory) -> Sequence[Decision]:
    try:
        decisions = strategy.decide(view, memory, view.due)
    except PBTError:
        raise
    except Exception as error:
        raise StrategyError(f"the strategy {type(strategy).__name__} raised {type(error).__name__}: {error}") from error
    return _checked(view, decisions)


def _checked_outside(seen: Population, decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """Decisions from outside, complete and valid; an error in them is the teller's, not the strategy's."""
    for decision in decisions:
        if decision.owed:
            raise Invalid(
                f"a decision on member {decision.member} has no hyperparameters: a decision from outside must give them"
            )
    try:
        return _checked(seen, decisions)
    except StrategyError as error:
        raise Invalid(str(error)) from None


def _checked(seen: Population, decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """The decisions, with values of their domains' own types: 3 where a strategy's arithmetic made 3.0 of it."""
    n, space = len(seen.members), seen.settings.space
    for decision in decisions:
        if not 0 <= decision.member < n:
            raise StrategyError(f"a decision on member {decision.member}, which does not exist")
        if decision.parents or decision.hyperparameters is not None or decision.start != "on":
            _check(seen, decision)
    return tuple(
        d if d.hyperparameters is None else replace(d, hyperparameters=space.clip(d.hyperparameters)) for d in decisions
    )


def _check(seen: Population, decision: Decision) -> None:
    """A decision binds checkpoints that exist, and values inside the space, whatever strategy took it."""
    for parent in decision.parents:
        if not 0 <= parent.member < len(seen.members):
            raise StrategyError(f"a decision names a checkpoint of member {parent.member}, which does not exist")
        if not seen.settings.foreign and not seen.references(parent.id, parent.member):
            raise StrategyError(f"a decision names checkpoint {parent.id} for member {decision.member}, which is gone")
    if (decision.start == "copy") != bool(decision.parents) and decision.start in ("copy", "fresh"):
        raise StrategyError(f"a decision has member {decision.member} begin {decision.start!r} with other parents")
    if decision.hyperparameters is not None:
        fault = seen.settings.space.fault(decision.hyperparameters)
        if fault is not None:
            raise StrategyError(f"a decision gives member {decision.member} values outside the space: {fault}")
