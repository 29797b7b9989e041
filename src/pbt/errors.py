"""Everything this package raises on purpose, as one small family under `PBTError`.

Each message says what was wrong, where, and what to do about it. `status` is the HTTP status under
which the server sends the error; `code` names the class on the wire, so that a client at the far end
raises the very same one.
"""

from __future__ import annotations

import re
from typing import ClassVar

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
"""It is malformed or of the wrong types; it is no UTF-8; it is nested too deeply."""

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "null": "nothing",
    "array": "a list",
    "object": "a table of names and values",
}

_EXPECTED = re.compile(r"Expected `([^`]+)`( [^`]*?)?(?:, got `([^`]+)`)?")

_FIELD = re.compile(r"Object (contains unknown|missing required) field `([^`]*)`")


class PBTError(Exception):
    """Base of all errors that `pbt` raises on purpose."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"


class SpaceError(PBTError, ValueError):
    """A search space, or the file that describes one, is malformed."""

    status = 422
    code = "space"


class SettingsError(PBTError, ValueError):
    """Settings are incomplete, impossible, or differ from those of the population that exists."""

    status = 422
    code = "settings"


class Invalid(PBTError, ValueError):
    """A report or event that can not be accepted as it stands (HTTP 422)."""

    status = 422
    code = "invalid"


class UnknownMember(Invalid):
    """The population has no member of this id."""

    status = 404
    code = "unknown"


class Conflict(PBTError):
    """A report that contradicts what is recorded already (HTTP 409)."""

    status = 409
    code = "conflict"


class LeaseLost(PBTError):
    """Another worker has taken this member over; nothing of this worker is kept."""

    status = 410
    code = "lost"


class NobodyFree(PBTError):
    """`join(wait=False)` found every member in the hands of a living worker."""

    status = 409
    code = "busy"


class NotLoaded(PBTError):
    """A checkpoint should have been loaded and was never read: the wrong weights were being trained."""

    code = "not-loaded"


class CheckpointError(PBTError):
    """A checkpoint could not be written, or is not whole."""

    status = 422
    code = "checkpoint"


class DiskFull(CheckpointError, OSError):
    """There is no room for a checkpoint now."""

    code = "disk-full"


class Damaged(CheckpointError):
    """A checkpoint did not arrive as it was sent: send again what the server has thrown away."""

    code = "damaged"


class OutOfReach(PBTError, OSError):
    """The checkpoints can not be seen from this machine, now; nothing is said about whether they are whole."""

    code = "out-of-reach"


class JournalError(PBTError):
    """The journal is damaged, or was written by a newer version."""

    code = "journal"


class Uncreated(JournalError):
    """No population was created here yet."""

    status = 404
    code = "uncreated"


class Unavailable(PBTError):
    """The coordinator could not make an entry durable; nothing was recorded (HTTP 503)."""

    status = 503
    code = "unavailable"


class Unreachable(PBTError):
    """No server answers at this address."""

    status = 503
    code = "unreachable"


class Stopped(Unreachable):
    """This process was asked to stop while a server kept it waiting."""


class Untrusted(Unreachable):
    """The server's TLS certificate is neither trusted nor the pinned one."""

    code = "untrusted"


class Forbidden(PBTError):
    """The server refused the key, the host name or the origin of a request."""

    status = 401
    code = "forbidden"


class TooLarge(PBTError):
    """The body is larger than a request may be."""

    status = 413
    code = "too-large"


class WrongType(PBTError):
    """The body is no JSON."""

    status = 415
    code = "wrong-type"


class WrongHost(Forbidden):
    """The request was meant for another host, or comes from a page of another one."""

    status = 403
    code = "wrong-host"


class ReadOnly(Forbidden):
    """The key that was given only reads."""

    status = 403
    code = "read-only"


class WrongKey(Forbidden):
    """Somebody wanted to sign in with a wrong key, or with a code that is not valid any longer."""

    status = 403
    code = "wrong-key"


class NotFound(PBTError):
    """There is nothing at this address."""

    status = 404
    code = "not-found"


class WrongMethod(PBTError):
    """This address does not take this method."""

    status = 405
    code = "wrong-method"


class StrategyError(PBTError):
    """A strategy raised, or decided something impossible; nothing was recorded."""

    status = 500
    code = "strategy"


def family(root: type[PBTError] = PBTError) -> dict[str, type[PBTError]]:
    """Every error class by its `code`."""
    found = {root.code: root}
    for child in root.__subclasses__():
        found.update(family(child))
    return found


def plainly(error: Exception) -> str:
    """The message of a msgspec error as a sentence without a subject of its own, such as "steps must be text"."""
    text, _, path = str(error).partition(" - at `$")
    name = path.rstrip("`").removeprefix(".") or "it"
    if expected := _EXPECTED.fullmatch(text):
        kinds, limit, got = expected.groups()
        kind = " or ".join(_KINDS.get(k, k) for k in kinds.split(" | ") if k != "null")
        other = f", not {_KINDS.get(got, got)}" if got and got != "float" else ""
        return f"{name} must be {kind}{limit or ''}{other}"
    if field := _FIELD.fullmatch(text):
        return f"{field[2]!r} is {'not known' if field[1] == 'contains unknown' else 'missing'}"
    return text


def counted(n: int, noun: str, several: str = "") -> str:
    """A count with its noun.

    Args:
        several: its plural, if that does not just end in s.
    """
    return f"{n:,} {noun if n == 1 else several or f'{noun}s'}"


def sized(n: int) -> str:
    """A count of bytes, in the unit in which it can be told from another."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return counted(n, "byte")


def refuses(error: PBTError) -> bool:
    """Whether this answers a report for good: it would be refused again however often it was sent.

    Of the others, it may have been recorded, or may be once what stood in the way is mended. An unforeseen error has
    no class of its own; the same bytes would meet it again.
    """
    return isinstance(error, Invalid | Conflict | LeaseLost) or type(error) is PBTError
