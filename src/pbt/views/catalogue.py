"""All views by name: from a followed population and a query to the body of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from pbt.errors import NotFound
from pbt.schedules.found import of_best, of_member
from pbt.schedules.replay import replay_of
from pbt.schedules.texts import texts
from pbt.views.asked import Asked
from pbt.views.clades import clades
from pbt.views.columns import MEDIA
from pbt.views.density import density
from pbt.views.extinct import extinct
from pbt.views.followed import Followed
from pbt.views.health import health
from pbt.views.lines import lines
from pbt.views.members import members
from pbt.views.memory import memory
from pbt.views.overview import summary
from pbt.views.raster import raster
from pbt.views.reason import decisions, reason
from pbt.views.series import series
from pbt.views.shapes import Changes, Pieces, Replayed
from pbt.views.tree import tree

JSON = "application/json"


class View(NamedTuple):
    """The body of a view, and its type."""

    media: str
    body: bytes


def pieces(of: str, followed: Followed, asked: Asked) -> Pieces:
    """The schedule of ``member``, or of the best checkpoint; with ``texts``, as ``pbt schedule`` prints it."""
    who = asked.text("member", "best", r"best|[0-9]{1,16}")
    if who == "best":
        found = of_best(followed.population, followed.lineage, of)
        member = None if found is None or found.origin is None else found.origin.member
    else:
        member = int(who)
        found = of_member(followed.population, followed.lineage, of, member)
    said = texts(found) if found is not None and asked.text("texts", "0", "[01]") == "1" else None
    return Pieces(followed.entry, member, [[step, values] for step, values in found or ()], said)


def replayed(followed: Followed, asked: Asked) -> Replayed:
    """Where the population is a replay, how it compares with where its schedule was found."""
    found = replay_of(followed.population, followed.lineage)
    return Replayed(followed.entry) if found is None else Replayed(followed.entry, **found.json())


def changes(followed: Followed, asked: Asked) -> Changes:
    """What was changed from outside, and what is paused and pinned."""
    p = followed.population
    return Changes(followed.entry, list(p.paused), list(p.pins), followed.hands.lines(p))


_VIEWS: dict[str, Callable[[Followed, Asked], Any]] = {
    "series": series,
    "density": density,
    "lines": lines,
    "members": members,
    "reason": reason,
    "decisions": decisions,
    "replay": replayed,
    "changes": changes,
    "tree": tree,
    "extinct": extinct,
    "clades": clades,
    "raster": raster,
    "health": health,
}
_OTHERS: dict[str, Callable[[str, Followed, Asked, frozenset[str]], Any]] = {
    "schedule": lambda of, followed, asked, _: pieces(of, followed, asked),
    "memory": lambda of, followed, asked, strategies: memory(followed, strategies),
}
"""Those that say the population's name, or ask its strategy."""
NAMES = ("summary", *_VIEWS, *_OTHERS)


def view(name: str, of: str, followed: Followed, asked: Asked, strategies: frozenset[str]) -> View:
    """A view of population `of`.

    Args:
        strategies: names of those that may be imported to describe themselves and what they remember.

    Raises:
        NotFound: there is no such view.
        Uncreated: nothing was created yet; `summary` says so instead.
        Invalid: the query can not be answered.
    """
    if name == "summary":
        return View(JSON, msgspec.json.encode(summary(of, followed, asked, strategies)))
    if name not in NAMES:
        raise NotFound(f"there is no view {name[:40]!r}; known are {', '.join(NAMES)}")
    _ = followed.population
    found = _OTHERS[name](of, followed, asked, strategies) if name in _OTHERS else _VIEWS[name](followed, asked)
    return View(MEDIA, found) if isinstance(found, bytes) else View(JSON, msgspec.json.encode(found))
