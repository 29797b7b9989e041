"""All views by name: from a followed population and a query to the body of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from pbt.errors import NotFound
from pbt.population.schedule import Schedule, schedule, schedule_of_member
from pbt.views.asked import Asked
from pbt.views.clades import clades
from pbt.views.columns import MEDIA
from pbt.views.density import density
from pbt.views.followed import Followed
from pbt.views.health import health
from pbt.views.lines import lines
from pbt.views.members import members
from pbt.views.memory import memory
from pbt.views.overview import summary
from pbt.views.raster import raster
from pbt.views.reason import decisions, reason
from pbt.views.series import series
from pbt.views.shapes import Pieces
from pbt.views.tree import tree

JSON = "application/json"


class View(NamedTuple):
    """The body of a view, and its type."""

    media: str
    body: bytes


def pieces(followed: Followed, asked: Asked) -> Pieces:
    """The schedule of ``member``, or of the best checkpoint."""
    who, found = asked.text("member", "best", r"best|[0-9]{1,16}"), Schedule()
    if who != "best":
        member = followed.population.member(int(who)).id
        return Pieces(followed.entry, member, _listed(schedule_of_member(followed.lineage, member)))
    best = followed.population.best
    if best is not None:
        found = schedule(followed.lineage, best)
    return Pieces(followed.entry, None if best is None else best.member, _listed(found))


def _listed(found: Schedule) -> list[list[int | dict[str, Any]]]:
    return [[step, values] for step, values in found]


_VIEWS: dict[str, Callable[[Followed, Asked], Any]] = {
    "series": series,
    "density": density,
    "lines": lines,
    "members": members,
    "reason": reason,
    "decisions": decisions,
    "schedule": pieces,
    "tree": tree,
    "clades": clades,
    "raster": raster,
    "health": health,
}
NAMES = ("summary", *_VIEWS, "memory")


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
    found = memory(followed, strategies) if name == "memory" else _VIEWS[name](followed, asked)
    return View(MEDIA, found) if isinstance(found, bytes) else View(JSON, msgspec.json.encode(found))
