"""The vocabulary of the journal: its events and decisions. One definition serves journal, wire and API document.

Fields at their default are not written; numbers as `pbt.space.numbers` says.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from pbt.errors import UNREADABLE, Invalid, JournalError, plainly
from pbt.population.recorded import Count, Part, Settings, Word
from pbt.space.numbers import LARGEST as LARGEST
from pbt.space.numbers import Number as Number
from pbt.space.numbers import mean, plain, short
from pbt.space.numbers import number as number
from pbt.space.numbers import real as real
from pbt.space.space import Values
from pbt.space.values import Value

FORMAT = 1
"""Version of the entries that this code writes; it opens every earlier one."""

LONGEST_REASON = 1000
Reason = Annotated[str, msgspec.Meta(max_length=LONGEST_REASON)]
"""Why somebody changed something, in his own words."""

Ready = Annotated[int, msgspec.Meta(ge=-LARGEST, le=2 * LARGEST)]
"""A step and an interval."""


Score = Number | tuple[Number, ...] | dict[str, Number]
"""A reported score: a number, several evaluations whose mean is the score, or several objectives by name.

Objectives are reserved: strategies that rank one number, as all do that come with the package, refuse them.
"""


class Checkpoint(Part, frozen=True, gc=False):
    """The whole training state of a member at one report, with its score, step and hyperparameters then."""

    id: str
    member: Count
    step: Count
    score: Number
    hyperparameters: Values
    evaluations: tuple[Number, ...] = ()


class Why(Part, frozen=True, gc=False):
    """Why a decision was taken. Ranks count from 1, the best."""

    rank: int = 0
    of: int = 0
    k: int = 0
    low: bool = False
    parent_rank: int = 0
    operations: dict[str, str] = {}
    note: str = ""
    more: dict[str, Any] = {}


class Decision(Part, frozen=True, gc=False):
    """A decision on one member: the only thing that ever changes its weights or hyperparameters.

    Attributes:
        ready: the next report at or past this step carries a checkpoint and makes the member due.
        start: "on": it keeps its weights; any other word gives it new ones, from `parents[0]`, or from the script's own
            initialisation where there are no parents. The word is for the worker, which is told it until it has
            saved: "copy" (load it), "fresh" (no parents), or a strategy's own, such as "shrink" or "distil".
        parents: the checkpoint taken over, then others that stay loadable until the next decision that gives weights
            (teachers); with "on", a checkpoint that is merely offered.
        hyperparameters: None with "on": they stay; otherwise None: owed, an `explored` entry follows.
        stop: the member is not trained any further.
        failed: with `stop`: because it can not be trained.
        role: set at birth by strategies that know several kinds of members.
        contends: whether its checkpoints may become the best of the run and reach the goal; None: as before. A member
            contends from its birth unless that says otherwise.
        decided: of a decision told from outside: how many decisions on the member its teller knew of. It holds for
            that member as it then stood and for no other, so that told twice it is applied once.
    """

    member: Count
    ready: Ready
    start: Word = "on"
    parents: tuple[Checkpoint, ...] = ()
    hyperparameters: Values | None = None
    stop: bool = False
    failed: bool = False
    role: Word | None = None
    why: Why = Why()
    contends: bool | None = None
    decided: Count | None = None

    @property
    def source(self) -> Checkpoint | None:
        """The checkpoint whose weights it gives; None: it gives none, or the script's own initialisation."""
        return self.parents[0] if self.parents and self.start != "on" else None

    @property
    def exploits(self) -> bool:
        """It gives the member another one's weights."""
        return self.source is not None and self.source.member != self.member

    @property
    def teachers(self) -> tuple[Checkpoint, ...]:
        """Further checkpoints that stay loadable until the next decision that gives weights."""
        return self.parents[1:] if self.start != "on" else ()

    @property
    def owed(self) -> bool:
        """The hyperparameters come later, in an `explored` entry."""
        return self.hyperparameters is None and self.start != "on" and not self.stop

    @property
    def gives(self) -> bool:
        """It gave the member weights, or stopped it."""
        return self.start != "on" or self.stop


class Past(Part, frozen=True, gc=False):
    """A report made while the coordinator was away: a point of the curve, without a checkpoint."""

    step: int
    score: Score
    metrics: dict[str, Number] = {}


class Report(Part, frozen=True, gc=False, kw_only=True):
    """A worker's report on its member; its key is (member, lease, seq).

    Attributes:
        decided: how many decisions this worker knows of for its member.
        history: reports that could not be sent while the coordinator was away; in order, all before `step`.
        score: see `Score`.
        used: hyperparameters read back from the training code.
    """

    member: Count
    lease: Count
    seq: Count
    decided: Count
    step: Count
    score: Score
    checkpoint: str | None = None
    used: dict[str, Value] = {}
    metrics: dict[str, Number] = {}
    release: bool = False
    history: tuple[Past, ...] = ()

    @property
    def checkpoint_id(self) -> str:
        """The id of a checkpoint that is saved for this report, where checkpoints are kept here."""
        return f"{self.member}/{self.lease}-{self.seq}"


class _Event(Part, frozen=True, gc=False, tag_field="kind"):
    pass


class Created(_Event, frozen=True, gc=False, tag="created"):
    """The population began."""

    settings: Settings


class Leased(_Event, frozen=True, gc=False, tag="leased"):
    """A worker took a member. `sign` names the kind of sign of life that it gives."""

    member: Count
    number: Count
    nonce: Word
    turn: bool = False
    sign: Word = ""


class Released(_Event, frozen=True, gc=False, tag="released"):
    """A lease ended. `failed`: not in order."""

    member: Count
    lease: Count
    failed: bool = False


class Reported(_Event, frozen=True, gc=False, tag="reported"):
    """One or more members reported at once."""

    reports: tuple[Report, ...]


class Explored(_Event, frozen=True, gc=False, tag="explored"):
    """Hyperparameters that the decisions of entry `entry` owed."""

    entry: int
    values: dict[int, Values]
    why: dict[int, Why] = {}


class Lost(_Event, frozen=True, gc=False, tag="lost"):
    """`member` found that its current checkpoint can not be read whole."""

    member: Count
    lease: Count
    checkpoint: str


class Absent(_Event, frozen=True, gc=False, tag="absent"):
    """Members, with the numbers of their newest leases, that a barrier does not wait for any longer."""

    members: tuple[tuple[Count, Count], ...]


class Steered(_Event, frozen=True, gc=False, tag="steered"):
    """A change from outside; its effects on members are the entry's decisions. `nonce`: told twice is once.

    Attributes:
        by: who, or what, changed it.
        why: in that one's own words.
    """

    change: dict[str, Any]
    by: Word = ""
    nonce: Word = ""
    why: Reason = ""


Event = Created | Leased | Released | Reported | Explored | Lost | Absent | Steered


class Entry(Part, frozen=True, gc=False):
    """An event, and the decisions that it caused. `time` (seconds since 1970) is for people only."""

    time: float
    event: Event
    decisions: tuple[Decision, ...] = ()
    format: int = FORMAT


def _hook(x: Any) -> Any:
    value = plain(x)
    if value is x:
        raise TypeError(f"{short(x)} is no plain value")
    return value


_encoder = msgspec.json.Encoder(enc_hook=_hook)
_decoder = msgspec.json.Decoder(Entry)


def canonical(event: Event) -> Event:
    """The event as it will be read back: 5 where a float belongs becomes 5.0, a list a tuple.

    Reports that hold nothing but exact types, as workers and the wire make them, are that already.

    Raises:
        Invalid: for something that can not be written.
    """
    if type(event) is Reported:
        for r in event.reports:
            if type(r.score) is not float or r.used or r.metrics or r.history:
                break
        else:
            return event
    return decode(encode(Entry(0.0, event))).event


class _Format(msgspec.Struct):
    format: int = FORMAT


def encode(entry: Entry) -> bytes:
    """An entry as one line of JSON.

    Raises:
        Invalid: for something in it that JSON can not carry.
    """
    try:
        return _encoder.encode(entry)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Invalid(f"can not be written to the journal: {error}") from None


def decode(body: bytes) -> Entry:
    """An entry from its bytes.

    Raises:
        JournalError: for a kind or a format that this version does not know; entries are never skipped.
    """
    try:
        entry = _decoder.decode(body)
    except UNREADABLE as error:
        try:
            newer = msgspec.json.decode(body, type=_Format).format
        except UNREADABLE:
            newer = FORMAT
        if newer > FORMAT:
            raise JournalError(_newer(newer)) from None
        raise JournalError(f"the journal has an entry that can not be read ({plainly(error)}): {body[:80]!r}") from None
    if entry.format > FORMAT:
        raise JournalError(_newer(entry.format))
    return entry


def _newer(version: int) -> str:
    return f"the journal has entries of format {version}, this pbt reads up to {FORMAT}: pip install -U pbtrain"


def size_of(past: Past) -> int:
    """Bytes that it takes in the journal."""
    return len(_encoder.encode(past)) + 1


def evaluations(report: Report | Past) -> tuple[Number, ...]:
    """The evaluations in a report: a number counts as a list of one."""
    score = report.score
    return score if isinstance(score, tuple) else (score_of(report),)


def score_of(report: Report | Past) -> Number:
    """The score in a report: the number, the mean of the list, or the first of several objectives."""
    score = report.score
    if isinstance(score, tuple):
        return mean(score)
    return next(iter(score.values()), "nan") if isinstance(score, dict) else score
