"""A session with PostgreSQL: connected when needed, and again when it was lost. Its messages name no password."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, LiteralString

from pbt.errors import PBTError, SettingsError, Unavailable

try:
    import psycopg
    from psycopg import errors
    from psycopg.conninfo import conninfo_to_dict
except ImportError as missing:
    raise PBTError("a journal in PostgreSQL needs psycopg: pip install 'pbtrain[postgres]'") from missing

_DEFAULTS = {
    "application_name": "pbt",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
"""Where the URL does not say otherwise: a database that fell silent is noticed within half a minute."""
_PREPARE = """
SELECT set_config('default_transaction_isolation', 'read committed', false),
       set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), false),
       to_regclass('pbt_snapshots') IS NOT NULL
"""
_ONE_STARTER = "SELECT pg_advisory_xact_lock(7160117000)"
_TABLES: tuple[LiteralString, ...] = (
    """
    CREATE TABLE IF NOT EXISTS pbt_entries (
        population text COLLATE "C" NOT NULL,
        number bigint NOT NULL CHECK (number > 0),
        body bytea NOT NULL,
        append uuid NOT NULL,
        PRIMARY KEY (population, number))
    """,
    """
    CREATE TABLE IF NOT EXISTS pbt_beats (
        population text COLLATE "C" NOT NULL,
        member bigint NOT NULL,
        lease bigint NOT NULL,
        beats bigint NOT NULL DEFAULT 1,
        PRIMARY KEY (population, member, lease))
    """,
    """
    CREATE TABLE IF NOT EXISTS pbt_snapshots (
        population text COLLATE "C" PRIMARY KEY,
        body bytea NOT NULL)
    """,
)
Rows = list[tuple[Any, ...]]


class OutcomeUnknown(Exception):
    """The connection was lost while a statement ran: whether it took effect is not known."""


class Session:
    """One connection; any number of threads may use it, one at a time.

    Args:
        url: such as ``postgresql://user@host/database``. What it leaves out comes from the usual places of
            PostgreSQL's own clients: ``$PGPASSWORD``, ``~/.pgpass`` and so on.

    Raises:
        SettingsError: the URL can not be understood.
    """

    def __init__(self, url: str) -> None:
        self._given: dict[str, Any] = _DEFAULTS | _parsed(url)
        self.name = _name(self._given)
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None

    def run(self, statement: LiteralString, parameters: Mapping[str, Any]) -> tuple[Rows, int]:
        """The rows of one statement, a transaction of its own, and how many it touched.

        Raises:
            OutcomeUnknown: whether it took effect is not known.
            Unavailable: it had no effect; the database is away or refuses.
            psycopg.errors.UniqueViolation: it had no effect.
        """
        with self._lock:
            connection = self._connected()
            try:
                cursor = connection.execute(statement, parameters, binary=True)
                return cursor.fetchall() if cursor.description else [], cursor.rowcount
            except errors.UniqueViolation:
                raise
            except psycopg.Error as error:
                if connection.closed:
                    self._drop()
                    raise OutcomeUnknown(self._reason(error)) from None
                if isinstance(error, errors.ReadOnlySqlTransaction):
                    self._drop()  # a standby now; the URL may name the new primary, too
                raise self._unavailable(error) from None
            except BaseException:
                self._drop()  # interrupted: what is still to come must not be taken for the next answer
                raise

    def ask(self, statement: LiteralString, parameters: Mapping[str, Any]) -> Rows:
        """The rows of a statement that may run twice: where the connection was lost, it is asked anew.

        Raises:
            Unavailable: the database is away or refuses.
        """
        try:
            return self.run(statement, parameters)[0]
        except OutcomeUnknown:
            pass
        try:
            return self.run(statement, parameters)[0]
        except OutcomeUnknown as lost:
            raise Unavailable(f"{self.name} can not be read ({lost})") from None

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        with self._lock:
            self._drop()

    def __del__(self) -> None:
        if hasattr(self, "_connection"):
            self._drop()

    def _connected(self) -> psycopg.Connection:
        if self._connection is not None:
            return self._connection
        connection = None
        try:
            connection = psycopg.connect(**self._given, autocommit=True)
            ready = connection.execute(_PREPARE).fetchone()
            if ready is None or not ready[2]:
                _make_tables(connection)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, psycopg.Error):
                raise self._unavailable(error) from None
            raise
        self._connection = connection
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _unavailable(self, error: psycopg.Error) -> Unavailable:
        return Unavailable(f"nothing was recorded: {self.name} says: {self._reason(error)}")

    def _reason(self, error: psycopg.Error) -> str:
        """An error in one line and without a password, should a library ever quote one."""
        text = " ".join(str(error).split()) or type(error).__name__
        for name in _SECRETS:
            if self._given.get(name):
                text = text.replace(str(self._given[name]), "***")
        return text


_SECRETS = ("password", "sslpassword")


def _make_tables(connection: psycopg.Connection) -> None:
    """One starter at a time: even ``IF NOT EXISTS`` fails where two come at once."""
    with connection.transaction():
        connection.execute(_ONE_STARTER)
        for statement in _TABLES:
            connection.execute(statement)


def names_server(text: str) -> bool:
    """Whether this names a PostgreSQL database."""
    return text.startswith(("postgresql://", "postgres://"))


def carries_password(url: str) -> bool:
    """Whether the URL shows a password.

    Raises:
        SettingsError: it can not be understood.
    """
    given = _parsed(url)
    return any(given.get(name) for name in _SECRETS)


def _parsed(url: str) -> dict[str, Any]:
    try:
        if names_server(url):
            return dict(conninfo_to_dict(url))
    except psycopg.Error:  # its message would quote parts of the URL
        pass
    raise SettingsError("the journal's URL can not be understood: write postgresql://user@host:5432/database")


def _name(given: Mapping[str, Any]) -> str:
    database = given.get("dbname") or given.get("user") or ""
    return f"PostgreSQL {database} at {given.get('host') or 'this machine'}".replace("  ", " ")
