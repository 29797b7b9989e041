"""The shape of the view of a population's health. Numbers that are not finite travel as "nan", "inf" and "-inf"."""

from __future__ import annotations

import msgspec

from pbt.population.entries import Number


class Kind(msgspec.Struct, frozen=True):
    """How many incidents of a kind there were: see `pbt.views.vitals.Incident`."""

    kind: str
    count: int


class Happened(msgspec.Struct, frozen=True):
    """An incident: see `pbt.views.vitals.Incident`."""

    entry: int
    time: float
    kind: str
    member: int | None
    sentence: str


class Waiting(msgspec.Struct, frozen=True):
    """What some members wait for: how many, and the first of them."""

    what: str
    count: int
    members: list[int]


class Holding(msgspec.Struct, frozen=True):
    """A lease that runs. `began`, and `last`, its last sign in the journal: seconds since 1970."""

    member: int
    number: int
    step: int
    began: float | None
    last: float | None


class Curve(msgspec.Struct, frozen=True):
    """Numbers over steps; None where there is none."""

    step: list[float]
    value: list[float | None]


class Rate(msgspec.Struct, frozen=True):
    """How many decisions but births there were, how many of them exploits, and that share over steps."""

    decisions: int
    exploits: int
    curve: Curve


class Diversity(msgspec.Struct, frozen=True):
    """How much the members that have not failed differ in descent.

    Attributes:
        members: how many there are.
        ancestor, step: the member and the step from whose weights all of them go on, if they share any.
        since: steps trained since then, on average; `rounds`: in intervals between decisions.
        clades: of those that `clades` tells apart, how many have a member.
        lineages: over steps, from how many segments of then they descend.
    """

    members: int
    ancestor: int | None
    step: int | None
    since: float | None
    rounds: float | None
    clades: int
    lineages: Curve


class Waits(msgspec.Struct, frozen=True):
    """Seconds between two reports of a member under one lease, by the time (since 1970) of the second."""

    count: int
    time: list[float]
    reports: list[int]
    q25: list[Number | None]
    q50: list[Number | None]
    q95: list[Number | None]


class Checkpoints(msgspec.Struct, frozen=True):
    """Checkpoints that the journal refers to, and how many may lie on the disk at most (workers as root have more)."""

    referenced: int
    bound: int


class Health(msgspec.Struct, frozen=True):
    """The health of a population.

    Attributes:
        kinds: all incidents since the beginning.
        incidents: the latest, the newest first.
        leases: how many run; `holdings`: those without a sign for longest.
    """

    entry: int
    kinds: list[Kind]
    incidents: list[Happened]
    waiting: list[Waiting]
    leases: int
    holdings: list[Holding]
    rate: Rate
    diversity: Diversity
    waits: Waits
    checkpoints: Checkpoints
