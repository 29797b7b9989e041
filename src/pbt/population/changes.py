"""Changes from outside, as somebody asks for them: by a page, a shell, a program. Each becomes one entry, `steered`."""

from __future__ import annotations

from typing import Any

import msgspec

from pbt.population.entries import Decision, Reason, Steered
from pbt.population.recorded import Count, Word
from pbt.space.space import Values

Members = tuple[Count, ...]


class _Change(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="kind", forbid_unknown_fields=True):
    pass


class Assign(_Change, frozen=True, tag="set"):
    """Give members values of some hyperparameters; they keep the others, and their weights."""

    members: Members
    values: Values


class Clone(_Change, frozen=True, tag="clone"):
    """Give `member` the current weights and hyperparameters of `parent`; `explore`: perturbed, as in an exploit."""

    parent: Count
    member: Count
    explore: bool = False


class Fork(_Change, frozen=True, tag="fork"):
    """Give `member` the weights of a checkpoint that is kept, with its hyperparameters, some of them replaced.

    Attributes:
        checkpoint: its id, "best", or the id of the member whose current one it is.
    """

    checkpoint: Word
    member: Count
    values: Values = {}


class Stop(_Change, frozen=True, tag="stop"):
    """Train members no further; without names, all."""

    members: Members = ()


class Pause(_Change, frozen=True, tag="pause"):
    """Have members wait at their next report that is due; without names, all."""

    members: Members = ()


class Resume(_Change, frozen=True, tag="resume"):
    """Have paused members go on; without names, all."""

    members: Members = ()


class Pin(_Change, frozen=True, tag="pin"):
    """Keep a checkpoint until it is unpinned; named as in `Fork`."""

    checkpoint: Word


class Unpin(_Change, frozen=True, tag="unpin"):
    """Keep a checkpoint, named by its id, no longer than anybody needs it."""

    checkpoint: Word


class Bound(_Change, frozen=True, tag="bound"):
    """Move the bounds of a hyperparameter that is a range of numbers; None: as it is."""

    name: Word
    low: float | None = None
    high: float | None = None


class Steps(_Change, frozen=True, tag="steps"):
    """Raise the number of steps that each member is to do."""

    steps: Count


class Revive(_Change, frozen=True, tag="revive"):
    """Train stopped members again, and give failed ones another beginning; without names, all that failed."""

    members: Members = ()


Change = Assign | Clone | Fork | Stop | Pause | Resume | Pin | Unpin | Bound | Steps | Revive
KINDS: dict[str, type[Change]] = {
    kind.__struct_config__.tag: kind  # type: ignore[misc]
    for kind in (Assign, Clone, Fork, Stop, Pause, Resume, Pin, Unpin, Bound, Steps, Revive)
}


class Steer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change that is asked for.

    Attributes:
        by: who asks.
        why: in that one's own words.
        nonce: drawn for this change; told twice with the same one it is made once.
        seen: as the answer to the preview had it: the change is refused if that is not so any longer. None: it is
            made on whatever the population has come to.
        preview: only say what it would do.
    """

    change: Change
    by: Word = ""
    why: Reason = ""
    nonce: Word = ""
    seen: dict[str, Any] | None = None
    preview: bool = False


class Steering(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a change does, or did.

    Attributes:
        effect: in words.
        event, decisions: the entry; what the strategy then decides on members that wait is added to it.
        seen: how that stands on which the effect depends.
        entry: the number under which it is recorded; None: it is not.
    """

    effect: str
    event: Steered
    decisions: tuple[Decision, ...] = ()
    seen: dict[str, Any] = {}
    entry: int | None = None
