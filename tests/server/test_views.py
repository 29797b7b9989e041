"""Views and events over HTTP: their tags, their keys, and a reading process that may die."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pbt.server.populations
import pbt.server.watching
from pbt.opening import folder as folders
from pbt.server.access import RequestCheck
from pbt.server.frames import Ask, Begin, Watch
from pbt.server.keys import Key
from pbt.server.reading import Reading
from pbt.views.columns import MEDIA, decode
from tests.security import READ
from tests.support.browsers import until
from tests.support.events import Events
from tests.support.population import Script
from tests.support.requests import at, request
from tests.support.scripts import JOIN, start, write
from tests.support.worlds import KEY, ServerWorld

VIEWS = [
    "summary", "series", "density", "lines", "members", "reason?entry=1&member=0", "decisions?member=0", "schedule",
    "tree", "extinct?step=0", "clades", "raster", "health", "memory", "replay",
]  # fmt: skip


@pytest.fixture
def script(served: ServerWorld) -> Script:
    made = Script(served, members=3, steps=1000)
    made.round(1.0, 2.0, float("nan"))
    return made


@pytest.fixture
def reading(served: ServerWorld, script: Script) -> ServerWorld:
    """A server that has a second key, which only reads."""
    served.app.request_check = RequestCheck(Key(KEY, reading=READ))
    return served


def get(
    world: ServerWorld, path: str, key: str | None = KEY, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=30)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        sent["Authorization"] = f"Bearer {key}"
    connection.request(method, at(path), headers=sent)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def seen(world: ServerWorld, view: str) -> Any:
    response, body = get(world, f"/digits/views/{view}")
    assert response.status == 200, body
    return decode(body) if response.headers["content-type"] == MEDIA else json.loads(body)


def test_a_view_is_tagged_with_the_entry_and_not_sent_twice(served: ServerWorld, script: Script) -> None:
    for view in VIEWS:
        response, _ = get(served, f"/digits/views/{view}")
        tag = response.headers["etag"]
        assert tag == f'"{len(script.entries)}"', view
        response, body = get(served, f"/digits/views/{view}", If_None_Match=tag)
        assert (response.status, body, response.headers["etag"]) == (304, b"", tag), view
        script.report(0, 3.0)
        response, body = get(served, f"/digits/views/{view}", If_None_Match=tag)
        assert response.status == 200, view
        assert response.headers["etag"] == f'"{len(script.entries)}"' != tag


def test_a_view_is_for_either_key_and_nobody_without(reading: ServerWorld) -> None:
    for path in (*(f"/digits/views/{v}" for v in VIEWS), "/?detail=1", "/api/v1/events"):
        for key in (None, "wrong"):
            assert get(reading, path, key)[0].status == 401, path
        for key in (KEY, READ):
            if path.endswith("events"):
                events = Events(reading.port, key=key)
                assert events.next()[1]["name"] == "digits"
                events.close()
            else:
                assert get(reading, path, key)[0].status == 200, path
        assert request(reading, "POST", path.partition("?")[0], Authorization=f"Bearer {READ}")[0] == 403, path


def test_of_what_is_not_there_nothing_is_seen(served: ServerWorld) -> None:
    for view in VIEWS:
        assert get(served, f"/typo/views/{view}")[0].status == 404, view
        assert get(served, f"/a%20b%23%C3%BC/views/{view}")[0].status == 404, view
    assert list(served.folder.iterdir()) == []
    request(served, path="/empty/open")
    for view in VIEWS:
        response, body = get(served, f"/empty/views/{view}")
        assert response.status == (200 if view == "summary" else 404), (view, body)
    assert get(served, "/empty/views/other")[0].status == 404


def test_what_can_not_be_answered_is_said(served: ServerWorld, script: Script) -> None:
    for view in ("series?width=x", "reason", "lines?members=9", "members?sort=h/none", "reason?entry=1&member=9"):
        response, body = get(served, f"/digits/views/{view}")
        assert response.status in (404, 422)
        assert len(json.loads(body)["error"]) > 10


def test_the_list_tells_how_each_population_stands(served: ServerWorld, script: Script) -> None:
    request(served, path="/empty/open")
    request(served, path="/broken/open")
    served.populations.served("broken").close()
    journal = next((served.folder / "broken").glob("journal.db"))
    for leftover in (served.folder / "broken").glob("journal.db-*"):
        leftover.unlink()
    journal.write_bytes(b"rubbish" * 1000)
    lines = {line["name"]: line for line in json.loads(get(served, "/?detail=1")[1])}
    assert {name: line["state"] for name, line in lines.items()} == {
        "digits": "training", "empty": "empty", "broken": "broken",
    }  # fmt: skip
    assert lines["digits"]["best"] == {"score": 2.0, "member": 1, "step": 1}
    assert lines["digits"]["entry"] == len(script.entries)
    assert json.loads(get(served, "/")[1]) == ["broken", "digits", "empty"]
    assert get(served, "/?detail=2")[0].status == 422


def test_a_reading_process_that_is_killed_is_started_again(served: ServerWorld, script: Script) -> None:
    before = get(served, "/digits/views/series")[1]
    first = served.populations.reader.pid
    assert first is not None
    for _ in range(2):
        pid = served.populations.reader.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert get(served, "/digits/views/series")[1] == before
    assert served.populations.reader.pid != first
    assert script.report(0, 9.0).seq == 2


def test_the_reading_process_ends_with_its_server(tmp_path: Path) -> None:
    from tests.support.requests import serve

    process, url = serve(tmp_path / "s", "--no-key")
    port = int(url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", at("/") + "?detail=1")
    assert connection.getresponse().read() == b"[]"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("this system does not tell the children of a process")
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    pids = [int(pid) for task in tasks for pid in task.read_text().split()]
    assert len(pids) == 1
    process.kill()
    process.communicate()
    end = time.monotonic() + 10
    while Path(f"/proc/{pids[0]}").exists() and b"Z" not in _state(pids[0]):
        assert time.monotonic() < end
        time.sleep(0.05)


def _state(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return b"Z"


def test_pages_that_ask_at_the_same_time_get_the_same_and_nobody_the_same_twice(
    served: ServerWorld, script: Script
) -> None:
    """However fast the journal grows, a view is computed about once a second for all pages together."""
    old = get(served, "/digits/views/series")[0].headers["etag"]
    script.report(0, 3.0)
    first = get(served, "/digits/views/series", If_None_Match=old)[0].headers["etag"]
    script.report(0, 4.0)
    assert get(served, "/digits/views/series", If_None_Match=old)[0].headers["etag"] == first
    newest = get(served, "/digits/views/series", If_None_Match=first)[0].headers["etag"]
    assert newest == f'"{len(script.entries)}"' != first
    assert get(served, "/digits/views/series")[0].headers["etag"] == newest


def test_a_journal_that_grows_is_read_on(served: ServerWorld, script: Script) -> None:
    for n in range(2, 30):
        script.report(0, float(n))
        summary = seen(served, "summary")
        assert (summary["entry"], summary["reports"]) == (len(script.entries), 2 + n)
        assert sum(seen(served, "series").columns["count"]) == 2 + n


def test_workers_in_the_folder_are_seen_too(served: ServerWorld, script: Script) -> None:
    seen(served, "summary")
    direct = folders.coordinator(served.folder / "digits")
    from pbt.population.entries import Steered

    direct.tell(Steered({"steps": 2000}, nonce="n"))
    assert seen(served, "summary")["settings"]["steps"] == 2000
    direct.close()


def test_a_population_that_was_made_anew_is_read_anew(served: ServerWorld, script: Script) -> None:
    import shutil

    assert seen(served, "summary")["reports"] == 3
    events = Events(served.port, "?population=digits")
    events.next()
    folder = served.folder / "digits"
    os.rename(folder, served.folder.parent / "old")
    assert get(served, "/digits/views/summary")[0].status == 404
    folders.prepare(folder)
    assert seen(served, "summary")["state"] == "empty"
    shutil.rmtree(folder)
    os.rename(served.folder.parent / "old", folder)
    assert seen(served, "summary")["reports"] == 3
    events.close()


# --- events ---


@pytest.fixture
def events(served: ServerWorld, script: Script) -> Iterator[Events]:
    made = Events(served.port)
    yield made
    made.close()


def test_a_stream_begins_with_how_it_stands_and_goes_on_with_what_changes(events: Events, script: Script) -> None:
    assert events.head.headers["content-type"].startswith("text/event-stream")
    assert events.head.headers["cache-control"] == "no-store"
    entry = len(script.entries)
    assert events.until(entry) == {
        "name": "digits", "entry": entry, "state": "training", "reports": 3,
        "best": {"score": 2.0, "member": 1, "step": 1},
    }  # fmt: skip
    assert events.retry == 2000
    script.report(0, 7.0)
    told = events.until(len(script.entries))
    assert (told["best"]["score"], told["reports"]) == (7.0, 4)


@pytest.mark.slow
def test_a_stream_tells_at_most_four_times_a_second(events: Events, served: ServerWorld, script: Script) -> None:
    """However fast the journal grows, and whoever else comes and goes."""
    events.until(len(script.entries))
    began, others = time.monotonic(), 0
    while (took := time.monotonic() - began) < 2:
        script.report(others % 3, float(others))
        if others % 20 == 0:
            other = Events(served.port, "?population=digits")
            other.next()
            other.close()
        others += 1
    assert 2 <= events.came.qsize() <= 4 * took + 2
    assert others > 20


def test_a_stream_is_not_waited_for_where_only_its_head_is_asked(served: ServerWorld) -> None:
    assert get(served, "/api/v1/events", method="HEAD")[0].headers["content-type"].startswith("text/event-stream")


def test_a_stream_is_of_the_populations_that_are_named(served: ServerWorld, script: Script) -> None:
    request(served, path="/other/open")
    mine = Events(served.port, "?population=other")
    assert mine.next()[1] == {"name": "other", "entry": 0, "state": "empty", "reports": 0, "best": None}
    both = Events(served.port, "?population=other&population=digits")
    assert {both.next()[1]["name"], both.next()[1]["name"]} == {"other", "digits"}
    script.report(0, 5.0)
    assert both.until(len(script.entries))["name"] == "digits"
    assert mine.came.empty()
    for query, status in (("?population=typo", 404), ("?population=a%20b", 422), ("?population=", 422)):
        assert get(served, f"/api/v1/events{query}")[0].status == status
    mine.close()
    both.close()


def test_many_streams_see_the_same_and_those_that_went_away_are_forgotten(served: ServerWorld, script: Script) -> None:
    streams = [Events(served.port) for _ in range(20)]
    script.report(0, 5.0)
    for stream in streams:
        assert stream.until(len(script.entries))["best"]["score"] == 5.0
        stream.close()
    end = time.monotonic() + 10
    while served.populations.reader.streams:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_quiet_stream_says_that_it_is_there(
    served: ServerWorld, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pbt.server.watching, "QUIET", 0.1)
    events = Events(served.port)
    events.until(len(script.entries))
    assert events.next() == "comment"
    events.close()


@pytest.mark.slow
def test_a_stream_goes_on_after_the_reading_process_died(events: Events, served: ServerWorld, script: Script) -> None:
    events.until(len(script.entries))
    assert served.populations.reader.pid is not None
    os.kill(served.populations.reader.pid, signal.SIGKILL)
    script.report(0, 8.0)
    assert events.until(len(script.entries))["best"]["score"] == 8.0


@pytest.mark.slow
def test_after_a_restart_of_the_server_a_stream_goes_on_past_where_it_was(tmp_path: Path) -> None:
    world = ServerWorld(tmp_path)
    script = Script(world, members=2)
    script.report(0, 1.0)
    events = Events(world.port)
    before = events.until(len(script.entries))["entry"]
    world.close()
    while events.next() != "end":
        pass
    again = ServerWorld(tmp_path)
    events = Events(again.port)
    assert events.until(before)["entry"] >= before
    events.close()
    again.close()


@pytest.mark.slow
def test_journals_in_a_database_are_seen_too(tmp_path: Path) -> None:
    from pbt.server.postgres import PostgresBackend
    from tests.support.postgres import postgres

    backing = PostgresBackend(tmp_path / "served", postgres().schema())
    world = ServerWorld(tmp_path, backing=backing)
    script = Script(world, members=2)
    script.round(1.0, 2.0)
    events = Events(world.port)
    assert events.until(len(script.entries))["best"]["score"] == 2.0
    script.report(0, 3.0)
    assert seen(world, "summary")["reports"] == 3
    assert events.until(len(script.entries))["best"]["score"] == 3.0
    events.close()
    world.close()


def test_whose_worker_the_server_does_not_hear_of_is_in_training_no_longer(
    served: ServerWorld, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal says nothing of it either. A process that reads journals anew is told as well."""
    monkeypatch.setattr(pbt.server.populations, "SILENCE", 1)

    def states() -> list[str]:
        return [row["state"] for row in seen(served, "members")["rows"]]

    states()
    held = [i for i, state in enumerate(states()) if state == "training"]
    served.silence(held[0], script.population.members[held[0]].newest)
    until(lambda: states()[held[0]] == "orphaned")
    assert [states()[i] for i in held[1:]] == ["training"] * (len(held) - 1)
    os.kill(served.populations.reader.pid or 0, signal.SIGKILL)
    until(lambda: states()[held[0]] == "orphaned")
    script.join(held[0])
    until(lambda: states()[held[0]] == "training")


def test_whose_worker_was_killed_is_in_training_no_longer(tmp_path: Path) -> None:
    """The journal says nothing of it: the lock on the member's file does."""
    worker = start(write(tmp_path, JOIN), tmp_path / "p", PAUSE=0.5)
    reading = Reading(Begin(str(tmp_path), "", ("pbt",)))

    def ask(view: str, query: str = "", known: int = -1) -> Any:
        told = reading.answer(Ask(1, "p", view, query, known))
        return json.loads(told.body) if told.status == 200 else told.status

    def event() -> str:
        reading.watch(Watch(("p",), everything=False))
        frames = reading.look().frames
        return frames["p"].decode().partition('"state":"')[2].partition('"')[0] if frames else ""

    until(lambda: (tmp_path / "p" / "checkpoints").exists())
    until(lambda: ask("summary")["state"] == "training")
    assert event() == "training"
    worker.kill()
    worker.communicate()
    found = ask("summary")
    until(lambda: ask("summary")["state"] == "waiting")
    assert event() == "waiting"
    assert ask("summary", known=found["entry"]) == 304, "the entry is the same"
    states = [row["state"] for row in ask("members")["rows"]]
    assert states.count("orphaned") == 1 and "training" not in states
    health = ask("health")
    assert health["leases"] == 0
    assert [w["count"] for w in health["waiting"] if w["what"] == "a worker"] == [4]
