"""The shapes of the views that are JSON. Numbers that are not finite travel as "nan", "inf" and "-inf"."""

from __future__ import annotations

from typing import Any

import msgspec

from pbt.population.changes import Change
from pbt.population.entries import Checkpoint, Decision, Number
from pbt.population.recorded import Settings
from pbt.space.space import Values
from pbt.strategies.shown import Table

Spark = list[Number | None]
"""Some scores at equal distances; None where there is none."""


class Top(msgspec.Struct, frozen=True):
    """The best score so far, and who had it at which step."""

    score: Number
    member: int
    step: int


class Line(msgspec.Struct, frozen=True):
    """A population in the list of all.

    Attributes:
        state: "training": a worker holds a member, and lives as far as that is seen; "waiting": none does;
            "finished"; "empty": nothing was created yet; "reading": its long journal is not read to its end yet;
            "broken": it can not be read.
        entry: the number of the journal's last entry.
        last: when that was written, in seconds since 1970.
        age: seconds since then, when this was answered.
        spark: the best score so far, at up to 60 steps at equal distances up to the furthest one.
        exploits: how often a member took over another one's weights.
        furthest: the furthest step that was ever reported.
    """

    name: str
    state: str
    members: int = 0
    steps: int | None = None
    best: Top | None = None
    strategy: str | None = None
    maximize: bool | None = None
    entry: int = 0
    last: float | None = None
    age: float | None = None
    spark: Spark = []
    exploits: int = 0
    furthest: int = 0


class Event(msgspec.Struct, frozen=True):
    """What a stream tells of a population that has changed. States: see `Line`."""

    name: str
    entry: int
    state: str
    reports: int
    best: Top | None


class Warned(msgspec.Struct, frozen=True):
    """A warning, and its remedy."""

    what: str
    do: str


class BestSoFar(msgspec.Struct, frozen=True):
    """The best checkpoint so far."""

    score: Number
    member: int
    step: int
    hyperparameters: Values
    checkpoint: str


class Span(msgspec.Struct, frozen=True):
    """The least and the greatest step at which members stand."""

    min: int
    max: int


class Ancestor(msgspec.Struct, frozen=True):
    """The member and the step from whose weights all members that have not failed go on."""

    member: int
    step: int


class Summary(msgspec.Struct, frozen=True):
    """A population in short; `started` and `last` are seconds since 1970. States: see `Line`.

    Attributes:
        living: members that are neither done nor absent.
        waiting: members that wait for others, or for their hyperparameters.
        paused: members that somebody has paused, and that are not done.
        furthest: the furthest step that was ever reported.
        describe: what its strategy does, in a sentence.
        lacking: members that a worker could train, and that none does.
        reported: when the last report came, in seconds since 1970.
    """

    name: str
    entry: int
    state: str
    settings: Settings | None = None
    members: int = 0
    living: int = 0
    waiting: int = 0
    done: int = 0
    failed: int = 0
    reports: int = 0
    exploits: int = 0
    best: BestSoFar | None = None
    step: Span | None = None
    furthest: int = 0
    ancestor: Ancestor | None = None
    started: float | None = None
    last: float | None = None
    describe: str = ""
    warnings: list[Warned] = []
    paused: int = 0
    lacking: int = 0
    reported: float | None = None


class MemberRow(msgspec.Struct, frozen=True):
    """A member in the table.

    Attributes:
        state: as ``pbt status`` says it; every holder of a lease is taken for living.
        parent: the member whose weights it last took over.
        why: the reason of its last decision, in a sentence.
        last: when its last report came, in seconds since 1970; age: seconds since then, when this was answered.
        spark: up to 40 of its scores, at equal distances in its reports, since it was last set back.
        exploits: how often it took over another one's weights.
    """

    id: int
    step: int
    score: Number | None
    state: str
    role: str | None
    hyperparameters: Values | None
    parent: int | None
    why: str | None
    last: float | None
    age: float | None
    spark: Spark
    exploits: int


class MembersPage(msgspec.Struct, frozen=True):
    """Some rows of the table, and how many there are in all (`total`: that pass the filter)."""

    entry: int
    total: int
    rows: list[MemberRow]


class Seen(msgspec.Struct, frozen=True):
    """What a decision saw: members that ranked, best first, with their scores; the low ones; possible parents."""

    ids: list[int]
    scores: list[Number]
    low: list[int]
    parents: list[int]


class Reason(msgspec.Struct, frozen=True):
    """A decision with its reason.

    Attributes:
        step: of the member when it was decided on.
        decision: as the journal has it, with hyperparameters and reason that came later.
        before: the values that were changed: the parent's where weights were taken over, else the member's own.
        own: the member's own until then.
        after: those that it was given; None: they stayed, or are owed.
    """

    entry: int
    time: float
    member: int
    step: int
    decision: Decision
    sentence: str
    before: Values | None
    own: Values | None
    after: Values | None
    seen: Seen


class DecisionLine(msgspec.Struct, frozen=True):
    """A decision on a member."""

    entry: int
    time: float
    step: int
    start: str
    parent: int | None
    sentence: str
    hyperparameters: Values | None


class MemberDecisions(msgspec.Struct, frozen=True):
    """All decisions on a member, the newest last."""

    entry: int
    rows: list[DecisionLine]


class ChangeLine(msgspec.Struct, frozen=True):
    """Something that was changed from outside.

    Attributes:
        what: in a sentence.
        member: the one that was decided on; None: none, or several.
        undo: the change that takes it back; None: it can not be.
    """

    entry: int
    time: float
    by: str
    why: str
    what: str
    member: int | None
    undo: Change | None


class Changes(msgspec.Struct, frozen=True):
    """The newest changes from outside, the newest last; and what is paused and pinned now."""

    entry: int
    paused: list[int]
    pins: list[Checkpoint]
    rows: list[ChangeLine]


class Pieces(msgspec.Struct, frozen=True):
    """Hyperparameters along a lineage: each piece, [step, values], holds from its step until the next one's.

    Attributes:
        texts: if asked for, the text of ``pbt schedule`` by format: python, toml (where no value is None) and json.
    """

    entry: int
    member: int | None
    pieces: list[list[int | dict[str, Any]]]
    texts: dict[str, str] | None = None


class Replayed(msgspec.Struct, frozen=True):
    """What the replays of a schedule tell: see ``Replay`` in docs/home.md. `origin` is None: it is no replay."""

    entry: int
    origin: dict[str, Any] | None = None
    scores: list[Number | None] = []
    mean: Number | None = None
    spread: Number | None = None
    gap: Number | None = None
    reached: int = 0
    sentence: str = ""


class ExtinctLine(msgspec.Struct, frozen=True):
    """A member between two decisions that gave it weights, and nobody goes on from where it ended.

    Attributes:
        begin, end: steps.
        entry: of the journal, in which it began.
        parent: the member with whose weights it began.
        score: its last one.
        ended: the entry in which the member was given other weights; None: it failed.
        heir: the member from which it then had them.
    """

    member: int
    begin: int
    end: int
    entry: int
    parent: int | None
    score: Number
    ended: int | None = None
    heir: int | None = None


class Extinct(msgspec.Struct, frozen=True):
    """The lines at a step that nobody goes on from, the best first; `total` counts all of them."""

    entry: int
    step: int
    total: int
    lines: list[ExtinctLine]


class Memory(msgspec.Struct, frozen=True):
    """What a strategy shows of its memory.

    Attributes:
        tables: none where it has nothing to show, or `note` says why it can not.
    """

    entry: int
    strategy: str
    tables: list[Table] = []
    note: str = ""
