"""A private PostgreSQL for tests: its own folder, socket and user; a schema for each test."""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

_count = itertools.count()


class Postgres:
    """A server that listens on a socket in its folder. It is durable: fsync is on, as in life."""

    def __init__(self) -> None:
        self._programs = _programs()
        self._user: dict[str, Any] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="pbt-pg-"))
        if os.geteuid() == 0:
            account = _unprivileged()
            self._user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._data = self.folder / "data"
        made = subprocess.run(
            [self._programs / "initdb", "-D", self._data, "-U", "pbt", "-A", "trust", "-E", "UTF8", "--no-locale",
             "--no-sync"],
            capture_output=True, text=True, cwd=self.folder, check=False, **self._user,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        options = {"listen_addresses": "", "unix_socket_directories": self.folder, "fsync": "on", "max_connections": 50}
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data,
                 *(word for name, value in options.items() for word in ("-c", f"{name}={value}"))],
                stdout=log, stderr=log, cwd=self.folder, preexec_fn=_die_with_parent, **self._user,
            )  # fmt: skip
        end = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < end, (self.folder / "log").read_text()
                time.sleep(0.02)

    def stop(self, how: int = signal.SIGQUIT) -> None:
        """By default at once, as ``pg_ctl stop -m immediate`` does: it recovers when it is started again."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    @property
    def url(self) -> str:
        return f"postgresql://pbt@/postgres?host={self.folder}"

    @property
    def socket(self) -> str:
        return str(self.folder / ".s.PGSQL.5432")

    def schema(self, url: str | None = None) -> str:
        """The URL of a new schema."""
        name = f"test_{os.getpid()}_{next(_count)}"
        with psycopg.connect(self.url) as connection:
            connection.execute(f"CREATE SCHEMA {name}")  # type: ignore[call-overload]
        return f"{url or self.url}&options=-csearch_path%3D{name}"


@functools.cache
def postgres() -> Postgres:
    """The one that tests of this process share; they are skipped where PostgreSQL is not installed."""
    return Postgres()


def stop_postgres() -> None:
    """End it, if any test asked for it."""
    if postgres.cache_info().currsize:
        postgres().stop()
        shutil.rmtree(postgres().folder)


def installed() -> Path | None:
    """Where PostgreSQL's programs lie."""
    found = [shutil.which("postgres"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))]
    return next((Path(path).resolve().parent for path in found if path), None)


def _programs() -> Path:
    found = installed()
    if found is None:
        pytest.skip("PostgreSQL is not installed: no program 'postgres' on the path or in /usr/lib/postgresql")
    return found


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no user 'postgres' or 'nobody'")


def _die_with_parent() -> None:
    """However the tests end, their database ends, too (on Linux)."""
    if hasattr(signal, "pthread_sigmask") and Path("/proc").is_dir():
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
