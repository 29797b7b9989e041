"""Request bodies, and the one shape of errors. Answers are the coordinator's own."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from pbt.errors import PBTError, family
from pbt.population.entries import Absent, Decision, Lost, Released, Report, Steered
from pbt.population.recorded import Count, Word
from pbt.settings import Wanted

BODY_LIMIT = 1024 * 1024
"""Bytes of a request; a larger one is refused before it is read."""
MEMBERS_LIMIT = 10_000
"""Of a population that is made by a request: making one takes a second, in which no other request is served."""
PAGE = 5000
"""Entries in one answer about the journal: a client asks again for more, so that no journal is in memory whole."""
HOLD = 20.0
"""Seconds for which a question that must wait is held before it is answered with `wait`."""


class Nothing(msgspec.Struct, frozen=True):
    """An empty request body."""


class Join(msgspec.Struct, frozen=True, omit_defaults=True):
    """Take a member."""

    nonce: Word
    settings: Wanted | None = None
    member: Count | None = None
    turn: bool = False


class Tell(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened, with decisions from outside."""

    event: Released | Lost | Absent | Steered
    decisions: tuple[Decision, ...] = ()


class Save(msgspec.Struct, frozen=True, omit_defaults=True):
    """A report, and its script's decision on the member since the last one."""

    report: Report
    decision: Decision | None = None


class Holder(msgspec.Struct, frozen=True):
    """A member, and the lease under which a worker asks about it."""

    member: Count
    lease: Count


class PopulationFolder(msgspec.Struct, frozen=True):
    """Where a population lives on the server, and the id by which its folder is known wherever it is mounted."""

    folder: str
    id: str
    exists: bool


class SignIn(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key of the server's, or a code that it has issued: one of the two."""

    key: Annotated[str, msgspec.Meta(max_length=1000)] | None = None
    code: Word | None = None


class SignedIn(msgspec.Struct, frozen=True):
    """What a page may do, and the token that its changes carry in the header ``x-pbt-csrf``."""

    access: Literal["none", "read", "write"]
    csrf: str = ""


class OneTimeCode(msgspec.Struct, frozen=True):
    """A code with which a browser signs in, once, within so many seconds."""

    code: str
    seconds: int


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error: its class by `code`, and what to do about it."""

    code: str
    error: str


def raised(failure: Failure) -> PBTError:
    """The error as the client raises it."""
    return family().get(failure.code, PBTError)(failure.error)
