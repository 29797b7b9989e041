"""A journal in PostgreSQL, for servers that can be replaced: any number of them may stand on it.

An append is one statement, and so one transaction: it inserts only if the last entry is the expected one, and
the primary key refuses the second writer. Each append has a random key, kept with its rows: where the
connection was lost before the answer came, the same append with the same key is tried again, which either
inserts, or waits for the first attempt to end and finds its key. So success is known to be success.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from psycopg import errors

from pbt.errors import JournalError, PBTError, Unavailable
from pbt.journals.database import OutcomeUnknown, Session
from pbt.journals.journal import Raced

_log = logging.getLogger("pbt")
BATCH = 2000
"""Entries read at once, so that a long history is never in memory whole."""
_READ = """
SELECT number, body FROM pbt_entries
WHERE population = %(population)s AND number > %(after)s ORDER BY number LIMIT %(batch)s
"""
_APPEND = """
INSERT INTO pbt_entries (population, number, body, append)
SELECT %(population)s, %(expected)s::bigint + place, body, %(key)s
FROM unnest(%(bodies)b::bytea[]) WITH ORDINALITY AS given (body, place)
WHERE %(expected)s::bigint = COALESCE((SELECT max(number) FROM pbt_entries WHERE population = %(population)s), 0)
"""
_LOOK = """
SELECT COALESCE(max(number), 0), (
    SELECT append FROM pbt_entries WHERE population = %(population)s AND number = %(expected)s::bigint + 1)
FROM pbt_entries WHERE population = %(population)s
"""
_NAMES = """
WITH RECURSIVE names (name) AS (
    (SELECT population FROM pbt_entries ORDER BY population, number LIMIT 1)
    UNION ALL
    SELECT (SELECT population FROM pbt_entries WHERE population > name ORDER BY population, number LIMIT 1)
    FROM names WHERE name IS NOT NULL)
SELECT name FROM names WHERE name IS NOT NULL
"""
_HAS = "SELECT 1 FROM pbt_entries WHERE population = %(population)s LIMIT 1"
_SNAPSHOT = "SELECT body FROM pbt_snapshots WHERE population = %(population)s"
_SAVE = """
INSERT INTO pbt_snapshots (population, body) VALUES (%(population)s, %(body)b)
ON CONFLICT (population) DO UPDATE SET body = excluded.body
"""


class PostgresJournal:
    """The entries of one population, in the table ``pbt_entries``. It connects when it is first used.

    Args:
        url: of the database: see `Session`.
        population: its name.
    """

    def __init__(self, url: str, population: str) -> None:
        self._session = Session(url)
        self._population = population
        self._seen = 0

    def read(self, after: int) -> Iterator[bytes]:
        """The entries after number `after`, some thousand at a time.

        Raises:
            JournalError: one is missing.
            Unavailable: the database is away.
        """
        while True:
            rows = self._session.ask(_READ, self._own(after=after, batch=BATCH))
            if rows and rows[-1][0] != after + len(rows):
                raise JournalError(
                    f"{self._session.name}: an entry of {self._population} after number {after} is missing: "
                    "restore the table from a copy"
                )
            yield from (body for _, body in rows)
            after += len(rows)
            self._seen = max(self._seen, after) if rows else self._seen
            if len(rows) < BATCH:
                return

    def append(self, expected: int, entries: Sequence[bytes]) -> None:
        """Append after number `expected`, durable when it returns; or raise `Raced`."""
        given = self._own(expected=expected, bodies=list(entries), key=uuid.uuid4())
        try:
            try:
                inserted = self._insert(given)
            except OutcomeUnknown:
                inserted = self._insert(given)
            if not inserted:
                self._raced_unless_mine(given)
        except OutcomeUnknown as lost:
            raise Unavailable(
                f"{self._session.name} went away during a commit ({lost}): ask again to know whether it was recorded"
            ) from None
        self._seen = expected + len(entries)

    def _insert(self, given: dict[str, Any]) -> bool:
        try:
            return self._session.run(_APPEND, given)[1] > 0
        except errors.UniqueViolation:
            return False

    def _raced_unless_mine(self, given: dict[str, Any]) -> None:
        """Return if the rows that are there are this very append's, from an attempt whose answer was lost."""
        rows, _ = self._session.run(_LOOK, {"population": self._population, "expected": given["expected"]})
        last, key = rows[0]
        if key == given["key"]:
            return
        if last < self._seen:
            raise Unavailable(
                f"{self._session.name} has lost entries: {self._population} ends with number {last}, where number "
                f"{self._seen} had been recorded (a replica that was behind took over?); nothing is recorded until "
                "the servers are started again, which then go on from what is there"
            )
        raise Raced

    def fair_turn(self, meanwhile: Callable[[], None] | None = None) -> AbstractContextManager[object]:
        """Nothing: a server that hangs with a turn in its hands would stop the one that is to replace it.

        The loser of a race asks again; workers ask one server as long as it lives, so races are rare.
        """
        return nullcontext()

    def snapshot(self) -> bytes | None:
        """See `Journal.snapshot`."""
        try:
            rows = self._session.ask(_SNAPSHOT, self._own())
        except PBTError as error:
            _log.debug("no snapshot of %s could be read: %s", self._population, error)
            return None
        return rows[0][0] if rows else None

    def save_snapshot(self, body: bytes) -> None:
        """See `Journal.save_snapshot`."""
        try:
            self._session.ask(_SAVE, self._own(body=body))
        except PBTError as error:
            _log.debug("no snapshot of %s could be kept: %s", self._population, error)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _own(self, **more: Any) -> dict[str, Any]:
        return {"population": self._population, **more}


def names(session: Session) -> list[str]:
    """The populations that have a journal in this database.

    Raises:
        Unavailable: it is away.
    """
    return [name for (name,) in session.ask(_NAMES, {})]


def has(session: Session, population: str) -> bool:
    """Whether this database has a journal of this population.

    Raises:
        Unavailable: it is away.
    """
    return bool(session.ask(_HAS, {"population": population}))
