"""Every address of the server, as data: the application routes by this table, the API's document is made from it."""

from __future__ import annotations

from typing import Any, NamedTuple

from pbt.checkpoints.upload import BYTES, Collect, Commit, Drop, Staged, Sweep
from pbt.coordinator.answer import Answer
from pbt.population.changes import Steer, Steering
from pbt.population.entries import Entry, Report
from pbt.population.recorded import Settings
from pbt.settings import Wanted
from pbt.views.asked import IDS, SORTS, WIDEST
from pbt.views.columns import MEDIA
from pbt.views.shapes import (
    Changes,
    Extinct,
    Line,
    MemberDecisions,
    MembersPage,
    Memory,
    Pieces,
    Reason,
    Replayed,
    Summary,
)
from pbt.views.signs import Health
from pbt.wire.addresses import API, POPULATIONS, SESSION
from pbt.wire.messages import Holder, Join, Nothing, OneTimeCode, PopulationFolder, Save, SignedIn, SignIn, Tell

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""Pattern of a population's name: no name leads out of the server's folder."""
JSON, LINES, EVENTS = "application/json", "application/x-ndjson", "text/event-stream"
COUNT, UPLOAD = r"[0-9]{1,18}", r"[0-9a-f]{16}"
PATTERNS = {"name": NAME, "member": COUNT, "version": f"{COUNT}-{COUNT}", "file": r"[^/].*"}
"""Parameters in an address's path."""
OF = f"{POPULATIONS}/{{name}}"
"""A population's addresses begin so."""
FILE = f"{OF}/" + "checkpoints/{member}/{version}/{file:file}"


class Query(NamedTuple):
    """Parameters in an address's query.

    Attributes:
        pattern: None: it is a number of entries, bytes, steps or the like.
        low, high: of a number.
        several: it may be given again.
    """

    name: str
    text: str
    required: bool = False
    pattern: str | None = None
    low: int = 0
    high: int = 10**18 - 1
    several: bool = False


class Route(NamedTuple):
    """One address.

    Attributes:
        method: GET reads, and POST writes: that is all that the read-only key needs to know.
        asked: the type of the request's body.
        answered: the type of the answer, or of each of its lines.
        media: of the answer; of the request's body, where bytes are sent.
        begins: the population's folder is made if it is not there.
        also: the type of another answer, in JSON.
        view: it is computed elsewhere, as of a journal's entry whose number is its tag.
        keyless: who asks need not have signed in.
    """

    method: str
    path: str
    summary: str
    asked: Any = None
    answered: Any = None
    media: str = JSON
    begins: bool = False
    query: tuple[Query, ...] = ()
    also: Any = None
    view: bool = False
    keyless: bool = False

    @property
    def name(self) -> str:
        """By which the application finds what serves it."""
        name = "file" if self.path == FILE else self.path.rpartition("/")[2].partition(".")[0]
        return f"{self.method.lower()}_{name}" if self.path.startswith(SESSION) else name


def _view(name: str, summary: str, answered: Any, *query: Query) -> Route:
    """A view's address; those without a type are columns."""
    media = MEDIA if answered is None else JSON
    return Route("GET", f"{OF}/views/{name}", summary, None, answered or bytes, media, query=query, view=True)


_WINDOW = (Query("from", "the first step", high=2**53), Query("to", "the last step", high=2**53))
_WIDTH = Query("width", "bins at most", low=1, high=WIDEST)

ROUTES = (
    Route("POST", f"{OF}/report", "Record reports; held while they wait.", tuple[Report, ...], list[Answer]),
    Route("POST", f"{OF}/save", "Record a report, and first what its script decided on its member.", Save, Answer),
    Route("POST", f"{OF}/join", "Take a member, in a new population if need be.", Join, Answer, begins=True),
    Route("POST", f"{OF}/tell", "Say that something happened, or change something from outside.", Tell, Answer),
    Route(
        "POST", f"{OF}/steer", "Change something, as a person or a program asks; or say what it would do.", Steer,
        Steering,
    ),
    Route("POST", f"{OF}/finish", "Stop a member: its worker has trained it enough.", Holder, Answer),
    Route("POST", f"{OF}/stand", "Ask how a member stands.", Holder, Answer),
    Route("POST", f"{OF}/beat", "Give a sign of life.", Holder, Answer),
    Route("POST", f"{OF}/create", "Create the population, or compare its settings.", Wanted, Settings, begins=True),
    Route("POST", f"{OF}/open", "Make the population's folder; where it is.", Nothing, PopulationFolder, begins=True),
    Route(
        "GET", POPULATIONS, "The names of all populations, or a line on each.", answered=list[str | Line],
        query=(Query("detail", "1: a line on each", pattern="[01]"),),
    ),
    Route("GET", SESSION, "What a page may do, and its token.", answered=SignedIn, keyless=True),
    Route("POST", SESSION, "Sign in: a cookie for a key, or for a code.", SignIn, SignedIn, keyless=True),
    Route("DELETE", SESSION, "Sign out: the browser forgets its cookie.", answered=SignedIn, keyless=True),
    Route("POST", f"{SESSION}/code", "A code with which a browser signs in, once.", Nothing, OneTimeCode),
    Route("GET", f"{API}/openapi.json", "This document.", answered=dict[str, Any]),
    Route(
        "GET", f"{OF}/journal", "What happened, one entry a line.", answered=Entry, media=LINES,
        query=(Query("after", "entries up to this number are left out"),),
    ),
    Route("POST", f"{OF}/publish", "Make an uploaded checkpoint visible.", Commit, Answer),
    Route("POST", f"{OF}/drop", "Delete a checkpoint that is referenced no longer.", Drop, Answer),
    Route("POST", f"{OF}/collect", "Delete what a member needs no longer.", Collect, Answer),
    Route("POST", f"{OF}/sweep", "Delete all unreferenced checkpoints, at the end.", Sweep, Answer),
    Route(
        "GET", FILE, "A file of a checkpoint; or how much of it has arrived.", answered=bytes, media=BYTES, also=Staged,
        query=(Query("upload", "ask about this upload, not about the checkpoint", pattern=UPLOAD),),
    ),
    Route(
        "PUT", FILE, "A piece of a file of a checkpoint, whose upload goes on where it was cut.", bytes, Staged,
        query=(
            Query("upload", "a name drawn for the upload", True, UPLOAD), Query("offset", "of the piece", True),
            Query("size", "of the whole file", True),
        ),
    ),
    Route(
        "GET", f"{API}/events", "Changes of populations, as they come.", answered=bytes, media=EVENTS,
        query=(Query("population", "only of this one, and of others that are named", pattern=NAME, several=True),),
    ),
    _view("summary", "The population in short.", Summary),
    _view(
        "series", "Bands of scores and hyperparameters over steps, and the best lineage.", None, *_WINDOW, _WIDTH,
        Query("role", "of this sub-population alone", pattern=".+"),
    ),
    _view(
        "density", "How many reports lie where: a raster, the lowest scores first.", None, *_WINDOW, _WIDTH,
        Query("height", "rows; height times width at most 500,000", low=1, high=1000),
    ),
    _view(
        "lines", "Curves of a few members with their exploits.", None,
        Query("members", "up to 50 ids, as in 0,3,7", pattern=IDS), *_WINDOW,
        Query("points", "of a curve", low=2, high=WIDEST),
    ),
    _view(
        "members", "The table of members, a page of it.", MembersPage,
        Query("sort", "by which column; h/NAME: a hyperparameter", pattern=SORTS),
        Query("order", "ascending or descending", pattern="asc|desc"),
        Query("offset", "rows that are left out", high=2**53), Query("limit", "rows of the page", low=1, high=500),
        Query("filter", "words: ids, states or roles, all of which a row must have", pattern=".*"),
    ),
    _view(
        "reason", "A decision with its reason.", Reason, Query("entry", "of the journal", True, low=1, high=2**53),
        Query("member", "on which it was decided", True, high=2**53),
    ),
    _view("memory", "What its strategy shows of its memory.", Memory),
    _view("changes", "What was changed from outside, by whom and why; what is paused and pinned.", Changes),
    _view("decisions", "All decisions on a member.", MemberDecisions, Query("member", "its id", True, high=2**53)),
    _view("replay", "How the runs of a replay compare with where their schedule was found.", Replayed),
    _view(
        "schedule", "Hyperparameters along a lineage.", Pieces,
        Query("member", "its id, or best", pattern=r"best|[0-9]{1,16}"),
        Query("texts", "1: with the texts of pbt schedule", pattern="[01]"),
    ),
    _view(
        "tree", "The family tree: segments with living descendants in rows.", None, *_WINDOW,
        Query("width", "bins at most", low=1, high=300),
        Query("limit", "rows at most; more are merged into wedges", low=4, high=4000),
        Query("of", "whose lineage is on top: a member's id, or best", pattern=r"best|[0-9]{1,16}"),
        Query("by", "a hyperparameter, whose values are told", pattern=".*"),
    ),
    _view(
        "extinct", "The lines at a step that nobody goes on from, the best first.", Extinct,
        Query("step", "at which they stood", True, high=2**53), Query("limit", "lines at most", low=1, high=500),
    ),
    _view(
        "clades", "Shares of the largest clades over steps.", None, *_WINDOW,
        Query("width", "bins at most", low=1, high=300), Query("most", "clades at most", low=1, high=12),
    ),
    _view(
        "raster", "Members by steps, a row each.", None, *_WINDOW, Query("width", "bins at most", low=1, high=600),
        Query("rows", "at most", low=1, high=1000),
        Query("by", "a hyperparameter; without, the score", pattern=".*"),
        Query("sort", "by which column; h/NAME: a hyperparameter", pattern=SORTS),
        Query("order", "ascending or descending", pattern="asc|desc"),
        Query("filter", "words: ids, states or roles, all of which a row must have", pattern=".*"),
    ),
    _view(
        "health", "What happened out of the ordinary, who waits, exploits, diversity.", Health, *_WINDOW,
        Query("width", "bins at most", low=1, high=120),
    ),
)  # fmt: skip
