"""A decision on a member in a terminal: the reason, the values before and after, and the ranking that it saw."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator

from pbt.errors import NotFound
from pbt.population.recorded import Settings
from pbt.views.asked import Asked
from pbt.views.followed import Followed
from pbt.views.reason import reason
from pbt.views.reasons import operation_words
from pbt.views.shapes import Reason
from pbt.views.table import number_text

_WHOLE = 16
"""Members of a ranking that is shown whole."""
_FIRST, _AROUND = 5, 2
"""Of a long ranking, how many of the first are shown, and how many on either side of the member and its parent."""

_INDENT, _LEAST = 6, 20
"""Letters before what goes on below, and of the last column that are worth a line beside the others."""


def last_decision(followed: Followed, member: int, step: int | None = None) -> Reason:
    """The last decision on a member, up to a step if one is given.

    Raises:
        UnknownMember: there is no such member.
        NotFound: nothing was decided on it by then.
    """
    id = followed.population.member(member).id
    found = [row for row, _ in followed.decisions(id) if step is None or row.step <= step]
    if not found:
        raise NotFound(f"nothing was decided on member {id}" + ("" if step is None else f" up to step {step}"))
    return reason(followed, Asked(f"entry={found[-1].entry}&member={id}"))


def why_lines(found: Reason, settings: Settings, width: int) -> Iterator[str]:
    """The decision in words, in lines of at most `width` letters as far as names and numbers allow."""
    yield from textwrap.wrap(found.sentence, max(20, width))
    yield f"journal entry {found.entry}, {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(found.time))}"
    yield from _values(found, list(settings.space), width)
    yield from _ranking(found, width)


def _values(found: Reason, names: list[str], width: int) -> Iterator[str]:
    before, after = found.before, found.after
    if before is None and after is None:
        return
    if after is None:
        yield from ("", *_table([[name, number_text((before or {}).get(name)), ""] for name in names], width))
        return
    whose = "" if found.decision.source is None else f" of member {found.decision.source.member}"
    rows = [["", f"before{whose}", "after", ""]]
    for name in names:
        old, new = (before or {}).get(name), after.get(name)
        how = operation_words(found.decision.why, name)
        rows.append([name, number_text(old) if before is not None else "", number_text(new), how])
    yield ""
    yield from _table(rows, width)


def _ranking(found: Reason, width: int) -> Iterator[str]:
    seen, source = found.seen, found.decision.source
    parent = None if source is None else source.member
    if not seen.ids:
        return
    rows = [["rank", "member", "score", ""]]
    shown = _shown(seen.ids, [id for id in (found.member, parent) if id is not None])
    last = -1
    for at in shown:
        if at > last + 1:
            rows.append(["…", "", "", f"({at - last - 1} more)"])
        id = seen.ids[at]
        marks = [
            *(["decided on"] if id == found.member else []), *(["its parent"] if id == parent else []),
            *(["may be a parent"] if id in seen.parents and id != parent else []),
            *(["low"] if id in seen.low else []),
        ]  # fmt: skip
        rows.append([str(at + 1), str(id), number_text(seen.scores[at]), ", ".join(marks)])
        last = at
    if last + 1 < len(seen.ids):
        rows.append(["…", "", "", f"({len(seen.ids) - last - 1} more)"])
    yield from ("", "the ranking that it saw", *_table(rows, width))


def _shown(ids: list[int], marked: list[int]) -> list[int]:
    if len(ids) <= _WHOLE:
        return list(range(len(ids)))
    places = [ids.index(id) for id in marked if id in ids]
    near = {at + off for at in places for off in range(-_AROUND, _AROUND + 1)}
    return sorted(at for at in {*range(_FIRST), *near} if 0 <= at < len(ids))


def _table(rows: list[list[str]], width: int) -> Iterator[str]:
    """Rows; what does not fit of the last column goes on below, beside the others where these leave room for it."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        first, *middle, last = [
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        begin = "  ".join(["", first, *middle, ""])
        if len(begin.rstrip()) > width:
            yield f"  {first.strip()}"
            begin = "  ".join(["  ", *(cell.strip() for cell in middle), ""])
        beside = width - len(begin)
        apart = len(begin) if beside >= min(_LEAST, len(last.strip())) else _INDENT
        told = textwrap.wrap(last.strip(), max(_LEAST, width - apart))
        if apart == len(begin) and told:
            begin += told.pop(0)
        yield begin.rstrip()
        yield from (f"{'':{apart}}{line}" for line in told)
