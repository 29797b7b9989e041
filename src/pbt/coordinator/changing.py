"""A change that somebody asks for: what it would do, and the command that makes it.

Its entry, and its effect in words, are a pure function of the population. A preview shows what that makes of the
population now; the command makes it anew of the population that it meets, and is refused if what the preview was made
of is not so any longer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from pbt.coordinator import by_hand, conditions, effects
from pbt.coordinator.answer import Answer, no_member
from pbt.coordinator.commands import Proposal
from pbt.coordinator.plan import Plan
from pbt.errors import Conflict, Invalid
from pbt.population import changes
from pbt.population.changes import Change, Steer, Steering
from pbt.population.entries import LONGEST_REASON, Steered
from pbt.population.population import Population
from pbt.population.recorded import LONGEST_WORD
from pbt.space.numbers import short
from pbt.strategies.registry import bare

_PLANS: dict[type[Change], Callable[[Population, Any], Plan]] = {
    changes.Assign: by_hand.assign,
    changes.Clone: by_hand.clone,
    changes.Fork: by_hand.fork,
    changes.Stop: by_hand.stop,
    changes.Revive: by_hand.revive,
    changes.Pause: conditions.pause,
    changes.Resume: conditions.resume,
    changes.Pin: conditions.pin,
    changes.Unpin: conditions.unpin,
    changes.Bound: conditions.bound,
    changes.Steps: conditions.steps,
}


class SteerCommand:
    """A change from outside, with who and why; or only the question what it would do."""

    def __init__(self, asked: Steer) -> None:
        self._asked = asked
        self._told: Steering | None = None

    def propose(self, population: Population) -> Proposal | None:
        """The change, if it was not told already."""
        asked = self._asked
        if asked.preview:
            self._told = planned(population, asked)
            return None
        if not asked.nonce:
            raise Invalid("a change has a nonce, by which it is known when it is told again: any word, drawn for it")
        known = population.steered.get(asked.nonce)
        if known is not None:
            event = self._told.event if self._told is not None else Steered({}, asked.by, asked.nonce, asked.why)
            self._told = Steering(f"this was recorded already, as entry {known}", event, entry=known)
            return None
        told = planned(population, asked)
        if asked.seen is not None and (moved := effects.moved(population, asked.seen, told.seen)):
            raise Conflict(f"{moved}; look what the change would do now, and ask for it anew")
        self._told = replace(told, entry=population.count + 1)
        return Proposal(told.event, told.decisions)

    def answers(self, population: Population) -> list[Answer]:
        """Nobody's member in particular."""
        return [no_member(population)]

    @property
    def told(self) -> Steering:
        """What it does, once it was proposed; what it did, once that was recorded."""
        assert self._told is not None
        return self._told


def planned(population: Population, asked: Steer) -> Steering:
    """What a change would do to the population as it stands.

    Raises:
        Invalid, UnknownMember: it can not be done.
        Conflict: there is nothing to do, or something stands in the way now.
    """
    for name, text, most in (("by", asked.by, LONGEST_WORD), ("why", asked.why, LONGEST_REASON)):
        if len(text) > most:
            raise Invalid(f"{name} must be text of length <= {most}, not {len(text)}")
        if not text.isprintable():
            raise Invalid(f"{name} is one line of text, without control characters; not {short(text)}")
    if bare(population.settings.strategy).advises:
        raise Invalid(
            "the clients of this population decide by themselves which weights and hyperparameters they take, as the "
            "original's did: they can not be steered from here"
        )
    plan = _PLANS[type(asked.change)](population, asked.change)
    note = f"by {asked.by or 'hand'}" + (f": {asked.why}" if asked.why else "")
    decisions = tuple(replace(d, why=replace(d.why, note=note)) for d in plan.decisions)
    event = Steered(plan.change, asked.by, asked.nonce, asked.why)
    values = {d.member: d.hyperparameters for d in plan.decisions if d.hyperparameters is not None}
    seen = msgspec.json.decode(msgspec.json.encode(plan.seen | ({"values": values} if values else {})))
    return Steering(plan.effect, event, decisions, seen)
