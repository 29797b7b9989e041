"""A server that can be replaced: two on one PostgreSQL; servers, connections and the database itself are killed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import pbt
from pbt.client.remote import Remote
from pbt.coordinator.coordinator import Coordinator
from pbt.journals.journal import Raced
from pbt.journals.postgres import PostgresJournal
from pbt.liveness.liveness import SameProcess
from pbt.population.entries import Report, Reported, decode
from pbt.population.fold import refold
from pbt.settings import wanted
from tests.support.checks import check_entries, checkpoint_folders
from tests.support.population import SPACE
from tests.support.postgres import postgres
from tests.support.scripts import PBT, TURNS, environment, start, status, write

KEY = "a-key-for-tests-only"

NOTING = """
import json, os
import pbt.client.remote
inner = pbt.client.remote.Remote.report
def report(self, *reports):
    answers = inner(self, *reports)
    with open(f"acknowledged-{os.getpid()}", "a") as out:
        for r, a in zip(reports, answers):
            if a.seq >= r.seq:
                out.write(json.dumps([r.member, r.lease, r.seq, r.score]) + "\\n")
    return answers
pbt.client.remote.Remote.report = report
"""


class Cutter:
    """A way to the database that is cut, again and again, right after what holds `marker` was passed on.

    Args:
        passing: whether it is passed on at all.
        times: how often it is cut.
        shut: whether nobody is let in again after the last cut.
        before: called before each cut.
    """

    def __init__(
        self, marker: bytes, passing: bool = True, times: int = 1, shut: bool = False,
        before: Callable[[], object] = lambda: None,
    ) -> None:  # fmt: skip
        self.marker, self.passing, self.times, self.shut = marker, passing, times, shut
        self.before = before
        self.cuts = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def open(self) -> bool:
        return not (self.shut and self.cuts >= self.times)

    def url(self, schema: str) -> str:
        return schema.replace(f"host={postgres().folder}", f"host=127.0.0.1&port={self.port}&sslmode=disable")

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if not self.open:
                near.close()
                continue
            far = socket.socket(socket.AF_UNIX)
            far.connect(postgres().socket)
            ends = (near, far)
            for a, b, ask in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pass, args=(a, b, ask, ends), daemon=True).start()

    def _pass(self, a: socket.socket, b: socket.socket, ask: bool, ends: tuple[socket.socket, ...]) -> None:
        try:
            while data := a.recv(65536):
                if ask and self.marker in data and self.cuts < self.times:
                    self.cuts += 1
                    self.before()
                    ends[0].shutdown(socket.SHUT_RDWR)
                    if self.passing:
                        b.sendall(data)
                    break
                b.sendall(data)
        except OSError:
            pass
        finally:
            for end in ends:
                end.close()

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def schema() -> str:
    return postgres().schema()


def _bodies(schema: str, population: str = "p") -> list[bytes]:
    journal = PostgresJournal(schema, population)
    try:
        return list(journal.read(0))
    finally:
        journal.close()


@pytest.mark.parametrize("passing", [True, False], ids=["after", "before"])
def test_a_connection_cut_in_a_commit_appends_once_and_says_so(schema: str, passing: bool) -> None:
    cutter = Cutter(b"marked", passing)
    journal = PostgresJournal(cutter.url(schema), "p")
    journal.append(0, [b"one"])
    journal.append(1, [b"marked", b"three"])
    assert cutter.cuts == 1
    journal.append(3, [b"four"])
    assert _bodies(schema) == [b"one", b"marked", b"three", b"four"]
    journal.close()
    cutter.close()


def test_a_commit_whose_end_is_unknown_is_not_made_again_by_whoever_asks_again(schema: str) -> None:
    cutter = Cutter(b'"score":77', shut=True)
    coordinator = Coordinator(PostgresJournal(cutter.url(schema), "p"), SameProcess())
    coordinator.create(wanted(space=SPACE, members=2, steps=10, maximize=True))
    answer = coordinator.join("n", member=0)
    report = Report(member=0, lease=answer.lease, seq=1, decided=1, step=1, score=77.0, checkpoint="0/1-1")
    with pytest.raises(pbt.errors.Unavailable):
        coordinator.report(report)
    with pytest.raises(pbt.errors.Unavailable):
        coordinator.report(report)
    cutter.shut = False
    (again,) = coordinator.report(report)
    assert (again.seq, again.step) == (1, 1)
    entries = [decode(body) for body in _bodies(schema)]
    assert sum(isinstance(e.event, Reported) for e in entries) == 1
    assert refold(entries) == coordinator.population
    coordinator.close()
    cutter.close()


def test_somebody_elses_append_is_not_taken_for_ones_own(schema: str) -> None:
    other = PostgresJournal(schema, "p")
    cutter = Cutter(b"marked", passing=False, before=lambda: other.append(1, [b"other"]))
    mine = PostgresJournal(cutter.url(schema), "p")
    mine.append(0, [b"one"])
    with pytest.raises(Raced):
        mine.append(1, [b"marked"])
    assert cutter.cuts == 1
    assert _bodies(schema) == [b"one", b"other"]
    for journal in (mine, other):
        journal.close()
    cutter.close()


def test_a_backend_terminated_in_a_commit_appends_once(schema: str) -> None:
    journal = PostgresJournal(schema, "p")
    journal.append(0, [b"one"])
    with psycopg.connect(schema) as holder:
        holder.execute("LOCK pbt_entries IN SHARE MODE")
        appending = threading.Thread(target=journal.append, args=(1, [b"two"]))
        appending.start()
        with psycopg.connect(schema, autocommit=True) as other:
            waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%pbt_entries%'"
            while (found := other.execute(waiting).fetchone()) is None:
                time.sleep(0.01)
            other.execute("SELECT pg_terminate_backend(%s)", found)
    appending.join(10)
    assert _bodies(schema) == [b"one", b"two"]
    journal.close()


@pytest.mark.slow
def test_the_database_away_is_said_without_its_password_and_is_found_again(tmp_path: Path) -> None:
    pg = postgres()
    url = pg.schema().replace("pbt@", "pbt:very-secret@")
    journal = PostgresJournal(url, "p")
    journal.append(0, [b"one"])
    pg.stop()
    for work in (lambda: journal.append(1, [b"x"]), lambda: list(journal.read(0))):
        with pytest.raises(pbt.errors.Unavailable, match="PostgreSQL postgres at") as caught:
            work()
        assert "very-secret" not in str(caught.value)
    with pytest.raises(pbt.errors.Unavailable, match="nothing was recorded"):
        journal.append(1, [b"x"])
    assert journal.snapshot() is None
    journal.save_snapshot(b"lost, and no harm")
    pg.start()
    journal.append(1, [b"two"])
    assert list(journal.read(0)) == [b"one", b"two"]
    journal.close()


def test_many_coordinators_at_once_leave_no_gap(schema: str) -> None:
    """They also make the tables at once, in a schema that has none."""
    failed: list[BaseException] = []

    def write_some(who: int) -> None:
        journal = PostgresJournal(schema, "p")
        try:
            for n in range(20):
                while True:
                    known = len(list(journal.read(0)))
                    try:
                        journal.append(known, [b"%d/%d/%d" % (who, n, part) for part in range(1 + n % 2)])
                        break
                    except Raced:
                        continue
        except BaseException as error:
            failed.append(error)
        finally:
            journal.close()

    threads = [threading.Thread(target=write_some, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    bodies = _bodies(schema)
    assert len(bodies) == len(set(bodies)) == 4 * 30
    for who in range(4):
        own = [body for body in bodies if body.startswith(b"%d/" % who)]
        assert own == [b"%d/%d/%d" % (who, n, part) for n in range(20) for part in range(1 + n % 2)]


def serve(tmp_path: Path, port: int, database: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*PBT, "serve", str(tmp_path / "s"), "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=environment(PYTHONUNBUFFERED=1, PBT_KEY=KEY, PBT_JOURNAL_URL=database),
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "PBT_URL=" in line:
            return process
    process.stdout.close()
    raise AssertionError("".join(said))


class Pair:
    """Two servers on one database and one folder."""

    def __init__(self, tmp_path: Path, database: str) -> None:
        self._folder, self._database = tmp_path, database
        self._ports = [_free_port(), _free_port()]
        self._running = [serve(tmp_path, port, database) for port in self._ports]
        self.url = f"http://127.0.0.1:{self._ports[0]},127.0.0.1:{self._ports[1]}/digits"

    def kill(self, which: int) -> None:
        process = self._running[which]
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def start(self, which: int) -> None:
        self._running[which] = serve(self._folder, self._ports[which], self._database)

    def close(self) -> None:
        for which in (0, 1):
            self.kill(which)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def pair(tmp_path: Path, schema: str) -> Iterator[Pair]:
    made = Pair(tmp_path, schema)
    yield made
    made.close()


@pytest.mark.slow
def test_servers_and_database_killed_in_turn_lose_nothing(tmp_path: Path, schema: str, pair: Pair) -> None:
    script = write(tmp_path, NOTING + TURNS)
    running = [start(script, pair.url, PAUSE=0.15, PBT_KEY=KEY) for _ in range(4)]
    time.sleep(2)
    pair.kill(0)
    time.sleep(0.7)
    pair.start(0)
    postgres().stop()
    time.sleep(0.3)
    postgres().start()
    time.sleep(0.5)
    assert len(_acknowledged(tmp_path)) > 0
    assert any(worker.poll() is None for worker in running), "too quick: nothing was left to kill"
    pair.kill(1)
    time.sleep(0.7)
    pair.start(1)
    for worker in running:
        output, _ = worker.communicate(timeout=90)
        assert worker.returncode == 0, output
    entries = [decode(body) for body in _bodies(schema, "digits")]
    population = check_entries(entries)
    assert population.finished
    assert all(m.step == 20 for m in population.members)
    reports = [r for e in entries if isinstance(e.event, Reported) for r in e.event.reports]
    recorded = [[r.member, r.lease, r.seq, r.score] for r in reports]
    for report in _acknowledged(tmp_path):
        assert recorded.count(report) == 1
    assert checkpoint_folders(tmp_path / "s" / "digits") == population.referenced()


def _acknowledged(tmp_path: Path) -> list[Any]:
    return [json.loads(line) for path in tmp_path.glob("acknowledged-*") for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_a_folder_whose_journal_is_in_postgresql_is_not_opened_as_another(
    tmp_path: Path, schema: str, pair: Pair
) -> None:
    os.environ["PBT_KEY"] = KEY
    try:
        Remote(pair.url).create(wanted(space=SPACE, members=2, maximize=True))
        assert Remote(pair.url).open().exists
        for other in (1, 0):
            pair.kill(other)
            assert Remote(pair.url).open().exists
            pair.start(other)
    finally:
        del os.environ["PBT_KEY"]
    with pytest.raises(pbt.JournalError, match="go through its server"):
        pbt.join(tmp_path / "s" / "digits", space=SPACE, members=2, maximize=True)
    with pytest.raises(AssertionError, match="go through its server"):
        status(tmp_path / "s" / "digits", tmp_path)
