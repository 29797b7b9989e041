"""The page on one population as one file, which opens anywhere and asks no server: its own code, and its answers."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from pbt.disk.whole import replace
from pbt.errors import PBTError, SettingsError
from pbt.journals.journal import Snapshotted
from pbt.strategies.registry import KNOWN
from pbt.views.asked import Asked
from pbt.views.built import FOLDER
from pbt.views.catalogue import view
from pbt.views.followed import Followed

MEMBERS, REASONS = 500, 3000
"""Members in the table and with curves, the first by number; exploits with their reasons, the newest."""
ROWS = MEMBERS
"""Of rasters; more members share rows."""
LARGEST = 30_000_000
"""Bytes of all answers before they are compressed; of what does not fit, members' own pages, the first are there."""
_AT_ONCE = 50
_SLICE = 2000
_PLAIN = ("summary", "series", "changes", "memory", "health", "clades", "replay")
"""Views that are the same whatever is asked."""
_SCRIPT = re.compile(r'<script type="module"[^>]*src="/(assets/[^"]+)"[^>]*></script>')
_STYLE = re.compile(r'<link rel="stylesheet"[^>]*href="/(assets/[^"]+)"[^>]*>')
_ICON = re.compile(r'<link rel="icon"[^>]*>')


class _Answer(msgspec.Struct, frozen=True):
    """An answer as the page expects it; `body` in base64."""

    media: str
    body: str


class _Report(msgspec.Struct, frozen=True):
    name: str
    made: float
    answers: dict[str, _Answer]


class Query(NamedTuple):
    """A view with a query, and the key under which the page finds its answer: see ``ui/src/api/report.ts``."""

    key: str
    view: str
    query: str


def report(
    journal: Snapshotted, name: str, file: Path, tell: Callable[[int], None] = lambda n: None, page: Path = FOLDER
) -> int:
    """Write the report on a population, over what is there; how many bytes it has.

    Args:
        name: of the population, as the page shows it.
        tell: is called now and then with the number of entries that were read.
        page: the folder of the page as it was built.

    Raises:
        SettingsError: the page is not built here, or the file can not be written.
        Uncreated: nothing was created yet.
    """
    shell = _shell(page)
    followed = Followed(journal)
    while followed.catch_up(_SLICE):
        tell(followed.entry)
    answers = dict(_answers(followed, name))
    made = time.time()
    packed = gzip.compress(msgspec.json.encode(_Report(name, made, answers)), mtime=0)
    data = base64.b64encode(packed).decode()
    held = f'<script id="report" type="application/octet-stream" data-name="{html.escape(name)}"'
    head, tag, rest = shell.rpartition("<body>")  # the page's own, not one that its script names
    body = f'{head}{tag}\n{held} data-made="{made:.0f}">{data}</script>{rest}'.encode()
    try:
        replace(file, body)
    except OSError as error:
        raise SettingsError(f"{file} can not be written: {error.strerror}") from None
    return len(body)


def _answers(followed: Followed, name: str) -> Iterator[tuple[str, _Answer]]:
    strategies = frozenset(KNOWN)
    room = LARGEST
    for asked in queries(followed):
        try:
            found = view(asked.view, name, followed, Asked(asked.query), strategies)
        except PBTError:
            continue  # the population has no such thing
        room -= len(found.body)
        if room < 0:
            return
        yield asked.key, _Answer(found.media, base64.b64encode(found.body).decode())


def queries(followed: Followed) -> Iterator[Query]:
    """Everything that the page may ask about a population, without windows of steps; what matters most comes first."""
    members = range(min(MEMBERS, len(followed.population.members)))
    order = "desc" if followed.population.settings.maximize else "asc"
    for name in _PLAIN:
        yield Query(name, name, "")
    for role in followed.roles:
        yield Query(f"series&role={role}", "series", f"role={quote(role, safe='')}")
    yield Query("density", "density", "width=600&height=160")
    yield Query("members", "members", f"limit={MEMBERS}")
    for by in ("", *followed.domains):
        told, asked = (f"&by={by}", f"&by={quote(by, safe='')}") if by else ("", "")
        yield Query(f"tree{told}", "tree", f"limit=250{asked}")
        yield Query(f"raster{told}", "raster", f"rows={ROWS}{asked}")
        if len(followed.population.members) > ROWS:  # else the page has a row for each, and sorts them
            yield Query(f"raster{told}&sort=score", "raster", f"rows={ROWS}&sort=score&order={order}{asked}")
    yield Query("schedule&member=best", "schedule", "member=best&texts=1")
    for part, first in enumerate(range(0, len(members), _AT_ONCE)):
        ids = ",".join(map(str, members[first : first + _AT_ONCE]))
        yield Query(f"lines&part={part}", "lines", f"members={ids}&points=300")
    for entry, member in _exploits(followed)[-REASONS:]:
        yield Query(f"reason&entry={entry}&member={member}", "reason", f"entry={entry}&member={member}")
    for member in members:
        yield Query(f"schedule&member={member}", "schedule", f"member={member}&texts=1")
        yield Query(f"decisions&member={member}", "decisions", f"member={member}")


def _exploits(followed: Followed) -> list[tuple[int, int]]:
    """Entry and member of each decision that gave a member weights, in the journal's order."""
    return sorted(
        (change.row.entry, m.id)
        for m in followed.population.members
        for change in followed.decisions(m.id)
        if change.row.start != "on"
    )


def _shell(page: Path) -> str:
    """The page with its script and its styles inside, and a policy that lets nothing else run.

    Raises:
        SettingsError: it is not built here.
    """
    try:
        shell = (page / "index.html").read_text("utf-8")
        script, style = (_inlined(page, pattern, shell) for pattern in (_SCRIPT, _STYLE))
    except OSError:
        raise SettingsError(
            "the page is not built in this checkout: run make page there, which needs Node; what pip install pbtrain "
            "installs has it"
        ) from None
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    for pattern, text in (
        (_SCRIPT, f'<script type="module">{script}</script>'), (_STYLE, f"<style>{style}</style>"), (_ICON, ""),
    ):  # fmt: skip
        shell = pattern.sub(lambda _, text=text: text, shell, count=1)  # type: ignore[misc]
    return shell.replace("<head>", f"<head>{head}", 1)


def _inlined(page: Path, pattern: re.Pattern[str], shell: str) -> str:
    """The file that the page names, as text that may stand inside a script or a style."""
    found = pattern.search(shell)
    if found is None:
        raise SettingsError(f"{page / 'index.html'} names no such file: build the page anew (make page)")
    return re.sub("</(?=script|style)", r"<\\/", (page / found[1]).read_text("utf-8"), flags=re.IGNORECASE)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
