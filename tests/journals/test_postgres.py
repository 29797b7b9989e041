"""The journal in PostgreSQL and what belongs to it: durability, history, signs of life, the command line, hosts."""

from __future__ import annotations

import logging
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

import pbt
from pbt.client.remote import Remote
from pbt.journals import postgres as module
from pbt.journals.database import Session
from pbt.journals.journal import Raced
from pbt.journals.postgres import PostgresJournal, names
from pbt.liveness.postgres import HeartbeatTable, PostgresLiveness
from pbt.opening import folder as folders
from pbt.population.member import Lease
from pbt.server.postgres import PostgresBackend
from pbt.settings import wanted
from tests.support.population import SPACE
from tests.support.postgres import postgres
from tests.support.scripts import PBT, environment
from tests.support.worlds import KEY, PostgresWorld


@pytest.fixture
def schema() -> str:
    return postgres().schema()


@pytest.mark.parametrize(("given", "used"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
def test_an_append_is_durable_whatever_the_role_is_set_to(schema: str, given: str, used: str) -> None:
    session = Session(f"{schema}%20-csynchronous_commit%3D{given}")
    (found,) = session.ask("SHOW synchronous_commit", {})
    assert found == (used,)
    session.close()


def test_history_is_read_in_parts(schema: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    journal = PostgresJournal(schema, "p")
    for count in (2, 3, 7):
        population = PostgresJournal(schema, f"p{count}")
        population.append(0, [b"%d" % n for n in range(count)])
        assert list(population.read(0)) == [b"%d" % n for n in range(count)]
        assert list(population.read(1)) == [b"%d" % n for n in range(1, count)]
        population.close()
    journal.close()


def test_a_missing_entry_is_an_error_and_never_skipped(schema: str) -> None:
    journal = PostgresJournal(schema, "p")
    journal.append(0, [b"one", b"two", b"three"])
    with psycopg.connect(schema) as connection:
        connection.execute("DELETE FROM pbt_entries WHERE number = 2")
    with pytest.raises(pbt.JournalError, match="missing"):
        list(journal.read(0))
    journal.close()


def test_a_database_that_lost_entries_is_an_error_and_no_race_for_ever(schema: str) -> None:
    """A replica that was behind has taken over."""
    journal, another = PostgresJournal(schema, "p"), PostgresJournal(schema, "p")
    journal.append(0, [b"one", b"two"])
    with psycopg.connect(schema) as connection:
        connection.execute("DELETE FROM pbt_entries WHERE number = 2")
    with pytest.raises(pbt.errors.Unavailable, match="has lost entries: p ends with number 1, where number 2"):
        journal.append(2, [b"three"])
    with pytest.raises(Raced):
        another.append(2, [b"three"])
    for one in (journal, another):
        one.close()


def test_what_is_read_only_says_so(schema: str) -> None:
    journal = PostgresJournal(schema, "p")
    journal.append(0, [b"one"])
    standby = PostgresJournal(f"{schema}%20-cdefault_transaction_read_only%3Don", "p")
    with pytest.raises(pbt.errors.Unavailable, match=r"nothing was recorded.*read-only"):
        standby.append(1, [b"two"])
    assert list(standby.read(0)) == [b"one"]
    for one in (journal, standby):
        one.close()


def test_populations_of_one_database_do_not_meet(schema: str) -> None:
    session = Session(schema)
    assert names(session) == []
    journals = {name: PostgresJournal(schema, name) for name in ("b", "a", "B", "a.b")}
    for name, journal in journals.items():
        journal.append(0, [name.encode()])
        journal.append(1, [b"two", b"three"])
    assert names(session) == ["B", "a", "a.b", "b"]
    assert list(journals["a"].read(0)) == [b"a", b"two", b"three"]
    for journal in (*journals.values(), session):
        journal.close()


def test_a_snapshot_is_one_per_population_and_may_go_at_any_time(schema: str) -> None:
    one, other = PostgresJournal(schema, "one"), PostgresJournal(schema, "other")
    assert one.snapshot() is None
    for body in (b"first", b"\x00second"):
        one.save_snapshot(body)
        assert one.snapshot() == body
    assert other.snapshot() is None
    with psycopg.connect(schema) as connection:
        connection.execute("DROP TABLE pbt_snapshots")
    assert one.snapshot() is None
    one.save_snapshot(b"nobody needs it")
    one.append(0, [b"one"])
    for journal in (one, other):
        journal.close()


# --- signs of life ---


class Observers:
    """Two servers' signs of life of one population, each on its own clock."""

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self.now = [1000.0, 5.0]
        self.sessions = [Session(schema), Session(schema)]
        self.counters = [
            HeartbeatTable(session, None, lambda i=i: self.now[i])  # type: ignore[misc]
            for i, session in enumerate(self.sessions)
        ]

    @property
    def signs(self) -> list[PostgresLiveness]:
        return [counters.of("p") for counters in self.counters]

    def restart(self, which: int) -> None:
        self.counters[which] = HeartbeatTable(self.sessions[which], None, lambda: self.now[which])
        self.counters[which].of("p")

    def pass_time(self, seconds: float, beating: Any = None) -> None:
        """Both look every 3 s; `beating` is called before."""
        for _ in range(int(seconds / 3)):
            self.now = [now + 3 for now in self.now]
            if beating:
                beating()
            for counters in self.counters:
                counters.look()

    def dead(self, member: int, number: int, sign: str = "postgres") -> list[bool]:
        return [signs.dead(member, Lease(number, "n", False, sign, 0, 0)) for signs in self.signs]


@pytest.fixture
def observers(schema: str) -> Any:
    made = Observers(schema)
    yield made
    for session in made.sessions:
        session.close()


def test_a_lease_that_either_server_gave_is_judged_alike_by_both(observers: Observers) -> None:
    observers.signs[0].hold(0, 1)
    observers.signs[1].hold(1, 1)
    observers.pass_time(150, lambda: observers.signs[1].beat(0, 1))
    assert observers.dead(0, 1) == [False, False]
    assert observers.dead(1, 1) == [True, True]
    observers.pass_time(54)
    assert observers.dead(0, 1) == [False, False]
    observers.pass_time(12)
    assert observers.dead(0, 1) == [True, True]
    assert observers.dead(0, 1, sign="server") == [False, False]


def test_after_a_servers_restart_every_lease_has_a_full_term(observers: Observers) -> None:
    observers.signs[0].hold(0, 1)
    observers.pass_time(66)
    assert observers.dead(0, 1) == [True, True]
    observers.restart(1)
    assert observers.dead(0, 1) == [True, False]
    observers.pass_time(57)
    assert observers.dead(0, 1) == [True, False]
    observers.pass_time(9)
    assert observers.dead(0, 1) == [True, True]


def test_no_time_passes_while_the_signs_can_not_be_seen(observers: Observers) -> None:
    observers.signs[0].hold(0, 1)
    observers.pass_time(30)
    observers.now = [now + 600 for now in observers.now]
    assert observers.dead(0, 1) == [False, False]
    observers.pass_time(3)
    assert observers.dead(0, 1) == [False, False]
    observers.pass_time(57)
    assert observers.dead(0, 1) == [False, False]
    observers.pass_time(6)
    assert observers.dead(0, 1) == [True, True]


def test_an_earlier_holder_that_goes_on_beating_is_no_sign_of_the_next_one(observers: Observers) -> None:
    observers.signs[0].hold(0, 1)
    observers.pass_time(3)
    observers.signs[1].hold(0, 2)
    observers.pass_time(72, lambda: observers.signs[0].beat(0, 1))
    assert observers.dead(0, 2) == [True, True]
    observers.signs[0].hold(0, 3)
    observers.pass_time(3)
    with psycopg.connect(observers.schema) as connection:
        assert connection.execute("SELECT lease FROM pbt_beats").fetchall() == [(3,)]


def test_signs_are_written_by_themselves(schema: str, tmp_path: Path) -> None:
    backing = PostgresBackend(tmp_path, schema, every=0.02)
    kept = backing.open("p")
    kept.alive.hold(3, 1)
    end = time.monotonic() + 10
    with psycopg.connect(schema, autocommit=True) as connection:
        while (found := connection.execute("SELECT member, lease, beats FROM pbt_beats").fetchone()) is None:
            assert time.monotonic() < end
            time.sleep(0.01)
    assert found == (3, 1, 1)
    kept.journal.close()
    backing.close()


# --- servers, folders, hosts ---


def test_either_server_knows_what_the_other_has_begun(tmp_path: Path) -> None:
    world = PostgresWorld(tmp_path)
    first, second = world.coordinator(), world.coordinator()
    first.create(wanted(space=SPACE, members=2, maximize=True))
    assert [server.populations.names() for server in world.servers] == [["digits"], ["digits"]]
    assert len(list(second.read(0))) == 1
    assert second.open() == first.open()
    assert second.join("n").member == 0
    assert first.join("n").member == 0
    assert first.join("m").member == 1
    world.check()
    world.close()


def test_a_folder_with_a_journal_of_its_own_is_not_taken(tmp_path: Path, schema: str) -> None:
    folders.prepare(tmp_path / "mine")
    backing = PostgresBackend(tmp_path, schema, every=None)
    with pytest.raises(pbt.JournalError, match="has a journal of its own"):
        backing.open("mine")
    backing.close()


def test_a_worker_goes_to_the_next_host_with_the_same_question(tmp_path: Path) -> None:
    world = PostgresWorld(tmp_path)
    a, b = world.servers
    url = f"http://127.0.0.1:1,127.0.0.1:{a.port},127.0.0.1:{b.port}/digits"
    remote = Remote(url, KEY)
    remote.create(wanted(space=SPACE, members=2, maximize=True))
    answer = remote.join("n")
    impatient = Remote(url, KEY, patience=0.0)
    impatient.open()
    a.close()
    assert remote.join("n") == answer
    remote.close()
    b.close()
    world.journal.close()
    with pytest.raises(pbt.Unreachable, match="no pbt server answers"):
        impatient.open()


@pytest.mark.parametrize("url", ["http://a:x/p", "http://a,/p", "http://,a/p", "http://a:7,b:99999/p"])
def test_hosts_that_are_none(url: str) -> None:
    with pytest.raises(pbt.SettingsError, match="give a URL such as"):
        Remote(url)


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://pbt:hunter2@127.0.0.1:1/none", "Connection refused"),
        ("postgresql://pbt:hunter2@127.0.0.1:x y/none", "can not be understood"),
        ("mysql://pbt:hunter2@127.0.0.1/none", "can not be understood"),
    ],
)
def test_serve_says_what_is_wrong_with_its_database_and_never_the_password(tmp_path: Path, url: str, says: str) -> None:
    for arguments, more in ((["--journal", url], {}), ([], {"PBT_JOURNAL_URL": url})):
        done = subprocess.run(
            [*PBT, "serve", str(tmp_path / "s"), "--port", "0", *arguments],
            env=environment(**more), capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 1
        assert says in done.stderr
        assert "hunter2" not in done.stderr + done.stdout
        assert "Traceback" not in done.stderr
        warned = "can be read in the list of processes" in done.stderr
        assert warned == (bool(arguments) and says == "Connection refused")


def test_nothing_logs_the_password(schema: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    session = Session("postgresql://pbt:hunter2@127.0.0.1:1/none")
    with pytest.raises(pbt.errors.Unavailable) as caught:
        session.ask("SELECT 1", {})
    journal = PostgresJournal("postgresql://pbt:hunter2@127.0.0.1:1/none", "p")
    journal.save_snapshot(b"")
    assert "hunter2" not in caplog.text + str(caught.value) + repr(session) + session.name
    assert "no snapshot" in caplog.text


def test_a_sign_of_life_of_who_joined_at_another_server_is_heard(tmp_path: Path) -> None:
    """In an open population a member may be newer than what this server has read."""
    world = PostgresWorld(tmp_path)
    try:
        a, b = world.coordinator(), world.coordinator()
        asked = wanted(space=SPACE, members=None, open=True, interval=1, maximize=True, seed=1)
        for nonce, coordinator in (("one", a), ("two", b), ("three", a)):
            assert coordinator.join(nonce, asked).member is not None
        alive: Any = world.servers[1].populations.served("digits").alive
        assert (2, 1) not in alive.heard
        b.ask("beat", b'{"member": 2, "lease": 1}')
        assert (2, 1) in alive.heard
        with pytest.raises(pbt.PBTError, match="no member 3"):
            b.ask("beat", b'{"member": 3, "lease": 1}')
    finally:
        world.close()
