"""Scripts written for the original client and server run against ours."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

import pbt
from pbt.client import PBTClient
from pbt.client.remote import Remote
from pbt.population.entries import Checkpoint, Decision, Reported, Steered, decode
from pbt.population.fold import refold
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.schedule import schedule
from pbt.server import PBTServer
from pbt.settings import wanted
from tests.support.scripts import ROOT, environment

KEY = "shared secret"


@pytest.fixture
def csv(tmp_path: Path) -> str:
    path = tmp_path / "hyperparameters.csv"
    path.write_text("name,min,max,scale\nlr,0.0001,0.1,log\nmomentum,0,0.99,linear\n")
    return str(path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PBTServer]:
    made = PBTServer(0, "", verbose=False, folder=tmp_path / "server")
    yield made
    made.shut_down()


def population(server: PBTServer, key: str = "") -> Population:
    return refold(decode(body) for body in Remote(f"http://127.0.0.1:{server.port()}", key).read(0))


def clients(server: PBTServer, csv: str, n: int, key: str | bytes = "") -> list[PBTClient]:
    return [PBTClient("127.0.0.1", server.port(), key, csv) for _ in range(n)]


def test_the_names_are_where_they_were() -> None:
    assert pbt.PBTServer is PBTServer
    assert pbt.PBTClient is PBTClient


def test_save_says_what_was_recorded(server: PBTServer, csv: str) -> None:
    (client,) = clients(server, csv, 1)
    assert set(client.hyperparameters()) == {"lr", "momentum"}
    assert client.parameters_path() is None
    saved = client.save("/somewhere/w.pt", 0.5)
    assert (saved.client_id(), saved.metric_value(), saved.parameters_path()) == (0, 0.5, "/somewhere/w.pt")
    assert saved.hyperparameters() == client.hyperparameters()
    assert client.parameters_path() == "/somewhere/w.pt"


def test_the_worst_of_five_should_exploit_one_of_the_best(server: PBTServer, csv: str) -> None:
    five = clients(server, csv, 5)
    for n, client in enumerate(five):
        client.save(f"weights-{n}", 5 - n)
        assert client.should_exploit() is (n == 4), "nobody before five are there"
    worst, best = five[4], five[0]
    before = worst.hyperparameters()
    worst.exploit()
    assert worst.parameters_path() == "weights-0"
    assert worst.hyperparameters() == best.hyperparameters() != before
    worst.explore()
    bounds = {"lr": (0.0001, 0.1), "momentum": (0, 0.99)}
    for name, value in worst.hyperparameters().items():
        low, high = bounds[name]
        moved = [min(max(best.hyperparameters()[name] * factor, low), high) for factor in (0.8, 1.2)]  # type: ignore[operator]
        assert any(value == pytest.approx(either) for either in moved)
    explored = worst.hyperparameters()
    worst.save("weights-4b", 4.5)
    m = population(server).members[4]
    assert (m.hyperparameters, m.step, m.since) == (explored, 2, 1)


def test_exploit_twice_is_once_and_uninvited_works_too(server: PBTServer, csv: str) -> None:
    a, b = clients(server, csv, 2)
    with pytest.raises(pbt.PBTError, match="save\\(\\) first"):
        a.exploit()
    a.save("a", 3.0)
    b.save("b", 2.0)
    assert not b.should_exploit()
    b.exploit()
    taken = b.hyperparameters()
    b.exploit()
    assert b.parameters_path() == "a"
    assert b.hyperparameters() == taken == a.hyperparameters()


def test_the_offer_stands_until_the_next_save(server: PBTServer, csv: str) -> None:
    a, b = clients(server, csv, 2)
    a.save("a-1", 1.0)
    b.save("b-1", 0.5)
    a.save("a-2", 2.0)
    b.exploit()
    assert b.parameters_path() == "a-1"


@pytest.mark.slow
def test_steps_count_saves_in_the_lineage_and_the_schedule_follows_it(server: PBTServer, csv: str) -> None:
    a, b = clients(server, csv, 2)
    for n in range(3):
        a.save(f"a-{n}", float(n))
    b.save("b-0", 0.0)
    b.exploit()
    b.set_hyperparameter("lr", 0.05)
    b.save("b-1", 9.0)
    p = population(server)
    assert p.members[1].step == 4
    entries = [decode(body) for body in Remote(f"http://127.0.0.1:{server.port()}", "").read(0)]
    found = schedule(Lineage.of(entries), p.best)  # type: ignore[arg-type]
    assert [step for step, _ in found] == [0, 3]
    assert found[0][1] == a.hyperparameters()
    assert found[1][1]["lr"] == 0.05


@pytest.mark.slow
@pytest.mark.parametrize("weights", [False, True])
def test_what_a_client_took_is_recorded_though_somebody_else_decided_meanwhile(
    server: PBTServer, csv: str, weights: bool
) -> None:
    a, b = clients(server, csv, 2)
    for n in range(3):
        a.save(f"a-{n}", float(n))
    b.save("b-0", 0.0)
    b.exploit()
    taken = b.hyperparameters()
    told_by_hand(server, weights)
    b.save("b-1", 9.0)
    assert population(server).best == Checkpoint("b-1", 1, 4, 9.0, taken, (0.0, 1.0, 2.0, 9.0))


def test_a_client_goes_on_from_its_own_though_somebody_gave_its_member_other_weights(
    server: PBTServer, csv: str
) -> None:
    a, b = clients(server, csv, 2)
    for n in range(3):
        a.save(f"a-{n}", float(n))
    b.save("b-0", 0.0)
    own = b.hyperparameters()
    told_by_hand(server, weights=True)
    b.save("b-1", 9.0)
    assert population(server).best == Checkpoint("b-1", 1, 2, 9.0, own, (0.0, 9.0))
    assert b.parameters_path() == "b-1"


def told_by_hand(server: PBTServer, weights: bool) -> None:
    """Somebody changes the hyperparameters of member 1; and its weights, to the best of the run."""
    p = population(server)
    m, best = p.members[1], p.best
    assert best is not None
    values = {"lr": 0.1, "momentum": 0.5}
    decision = Decision(1, m.ready, hyperparameters=values, decided=m.decisions)
    if weights:
        decision = replace(decision, start="copy", parents=(best,), ready=best.step + 1)
    Remote(f"http://127.0.0.1:{server.port()}", "").tell(Steered({"set": [1]}), [decision])


def test_minimising(tmp_path: Path, csv: str) -> None:
    server = PBTServer(0, maximize_metric=False, verbose=False, folder=tmp_path / "s")
    five = clients(server, csv, 5)
    for n, client in enumerate(five):
        client.save(f"w-{n}", n)
    assert [c.should_exploit() for c in five] == [False] * 4 + [True]
    assert population(server).best.score == 0  # type: ignore[union-attr]
    server.shut_down()


def test_a_bad_metric_is_never_offered(server: PBTServer, csv: str) -> None:
    a, b = clients(server, csv, 2)
    a.save("a", float("nan"))
    b.save("b", 1.0)
    b.exploit()
    assert b.parameters_path() == "b", "the best so far is one's own"
    with pytest.raises(pbt.Invalid, match="metric_value is 'good'"):
        a.save("a", "good")  # type: ignore[arg-type]


def test_set_hyperparameter_is_clipped_with_a_warning(
    server: PBTServer, csv: str, caplog: pytest.LogCaptureFixture
) -> None:
    (client,) = clients(server, csv, 1)
    client.set_hyperparameter("lr", 5.0)
    assert client.hyperparameters()["lr"] == 0.1
    assert "outside" in caplog.text
    with pytest.raises(pbt.SettingsError, match="the space has lr, momentum"):
        client.set_hyperparameter("nope", 1.0)


def test_a_value_that_is_none_of_the_space_is_refused(server: PBTServer, csv: str) -> None:
    (client,) = clients(server, csv, 1)
    before = client.hyperparameters()
    for value in (float("nan"), np.float32("nan"), "0.1", True, None):
        with pytest.raises(pbt.Invalid, match=r"lr is "):
            client.set_hyperparameter("lr", value)
    assert client.hyperparameters() == before
    client.set_hyperparameter("lr", np.array([0.05]))
    assert client.hyperparameters()["lr"] == 0.05
    client.save("one", 1.0)


@pytest.mark.parametrize("arrived", [True, False])
def test_what_is_taken_over_while_a_save_is_under_way_belongs_to_the_next_one(
    server: PBTServer, csv: str, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    five = clients(server, csv, 5)
    for n, client in enumerate(five):
        client.save(f"weights-{n}", 5 - n)
    worst, send = five[4], Remote.save

    def interrupted(*save: Any) -> Any:
        if arrived:
            send(*save)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Remote, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worst.save("weights-4b", 1.5)
    worst.exploit()
    taken, values = worst.parameters_path(), worst.hyperparameters()
    assert taken is not None
    worst.save("weights-4c", 4.5)
    m = population(server).members[4]
    assert (m.checkpoint.id, m.checkpoint.hyperparameters) == ("weights-4c", values)  # type: ignore[union-attr]
    entries = [decode(body) for body in Remote(f"http://127.0.0.1:{server.port()}", "").read(0)]
    copies = [d for e in entries for d in e.decisions if d.member == 4 and d.why.note == "taken by its client"]
    assert [d.parents[0].id for d in copies] == [taken]
    saved = [r.checkpoint for e in entries if isinstance(e.event, Reported) for r in e.event.reports if r.member == 4]
    assert saved == ["weights-4", "weights-4b", "weights-4c"]


def test_a_path_is_recorded_as_text_or_refused_and_not_sent_again(server: PBTServer, csv: str) -> None:
    (client,) = clients(server, csv, 1)
    client.save(b"/x/b", np.float32(3))
    assert client.parameters_path() == "/x/b"
    assert population(server).members[0].last.checkpoint == "/x/b"  # type: ignore[union-attr]
    for path in ("/x/\udcff", b"/x/\xff"):
        with pytest.raises(pbt.Invalid, match="UTF-8"):
            client.save(path, 3)
    assert client.save("/x/2", np.array([3])).parameters_path() == "/x/2"


def test_nobody_is_advised_to_exploit_who_is_level_with_the_best(server: PBTServer, csv: str) -> None:
    all_of_them = clients(server, csv, 6)
    for i, client in enumerate(all_of_them):
        client.save(f"weights-{i}", 0.0)
    assert not any(client.should_exploit() for client in all_of_them)
    all_of_them[0].save("better", 1.0)
    all_of_them[5].save("still", 0.0)
    assert all_of_them[5].should_exploit()
    all_of_them[5].exploit()
    assert all_of_them[5].parameters_path() == "better"


def test_what_a_save_recorded_has_the_originals_name(server: PBTServer, csv: str) -> None:
    from pbt.checkpoint import PBTCheckpoint

    (client,) = clients(server, csv, 1)
    assert isinstance(client.save("one", 1.0), PBTCheckpoint)


def test_threads_and_forked_processes_are_members_of_their_own(server: PBTServer, csv: str) -> None:
    ids: list[int] = []
    first = PBTClient("127.0.0.1", server.port(), "", csv)
    ids.append(first.client_id())
    threads = [threading.Thread(target=lambda: ids.append(clients(server, csv, 1)[0].client_id())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fork: Any = multiprocessing.get_context("fork")
    queue = fork.SimpleQueue()

    def child() -> None:
        queue.put(clients(server, csv, 1)[0].client_id())
        first.save("inherited", 1.0)
        queue.put(first.client_id())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process = fork.Process(target=child)
        process.start()
    ids += [queue.get(), queue.get()]
    process.join()
    assert sorted(ids) == list(range(6))
    first.save("mine", 2.0)
    assert population(server).members[0].score == 2.0


@pytest.mark.slow_but_first
@pytest.mark.parametrize("key", [KEY, b"\x00\xffbytes", "k", "with space ", "ключ"])
def test_a_key_of_any_length_text_or_bytes(tmp_path: Path, csv: str, key: str | bytes) -> None:
    with pytest.warns(UserWarning, match="in clear"):
        server = PBTServer(0, key, verbose=False, folder=tmp_path / "s")
    try:
        (client,) = clients(server, csv, 1, key)
        assert client.client_id() == 0
        for wrong in ("", "wrong", b"\x00"):
            with pytest.raises(pbt.Forbidden, match=r"key is missing or wrong: .* given to PBTClient"):
                clients(server, csv, 1, wrong)
    finally:
        server.shut_down()


def test_another_space_is_refused(server: PBTServer, csv: str, tmp_path: Path) -> None:
    clients(server, csv, 1)
    (tmp_path / "other.csv").write_text("name,min,max,scale\nlr,0.001,0.1,log\n")
    with pytest.raises(pbt.SettingsError, match="space"):
        clients(server, str(tmp_path / "other.csv"), 1)


def test_no_server_is_a_clear_error(csv: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbt.client.remote.FIRST_TIMEOUT", 0.2)
    with pytest.raises(pbt.Unreachable, match="is pbt serve running"):
        PBTClient("127.0.0.1", 9, "", csv)


def test_other_strategies_are_refused_with_a_sentence(server: PBTServer) -> None:
    remote = Remote(f"http://127.0.0.1:{server.port()}", "")
    asked = wanted(space={"lr": 1.0}, members=3, maximize=True, strategy="pbt")
    with pytest.raises(pbt.SettingsError, match="started for the strategy 'original'"):
        remote.create(asked)


@pytest.mark.slow
def test_the_server_goes_on_where_it_stood(tmp_path: Path, csv: str) -> None:
    first = PBTServer(0, verbose=False, folder=tmp_path / "s")
    (client,) = clients(first, csv, 1)
    client.save("w", 1.0)
    first.shut_down()
    first.shut_down()
    second = PBTServer(first.port(), verbose=False, folder=tmp_path / "s")
    client.save("w2", 2.0)
    assert population(second).members[0].step == 2
    second.shut_down()


def test_the_server_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    code = (
        "import os, time\nfrom pbt.server import PBTServer\n"
        f"server = PBTServer(0, verbose=False, folder={str(tmp_path / 's')!r})\n"
        "if os.fork() == 0:\n    time.sleep(20)\n    os._exit(0)\n"
        "print(server.port(), flush=True)\ntime.sleep(30)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment(), cwd=tmp_path
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    url = f"http://127.0.0.1:{port}"
    gone = Remote(url, "", patience=0.0)
    gone.open()
    process.send_signal(signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 15
    while time.monotonic() < end:
        try:
            gone.open()
            time.sleep(0.1)
        except pbt.Unreachable:
            return
    pytest.fail("the server lives on, though its parent is gone; a forked sibling must not keep it")


@pytest.mark.slow
def test_verbose_prints_a_line_per_client_save_and_exploit(tmp_path: Path, csv: str) -> None:
    code = (
        "from pbt import PBTServer, PBTClient\n"
        f"server = PBTServer(0, folder={str(tmp_path / 's')!r})\n"
        f"a, b = [PBTClient('127.0.0.1', server.port(), '', {csv!r}) for _ in 'ab']\n"
        "a.save('wa', 1.0); b.save('wb', 0.5); b.exploit(); b.save('wc', 0.6)\n"
        "server.shut_down()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    lines = done.stdout.splitlines()
    assert "client 0 joined" in lines
    assert "client 1 saved wb with 0.5" in lines
    assert "client 1 exploited client 0" in lines


@pytest.mark.slow
def test_the_example_runs_as_it_stands(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    here = ROOT / "examples" / "original"
    serving = subprocess.Popen(
        [sys.executable, here / "run_server.py", "--port", "0", "--folder", tmp_path / "s"],
        stdout=subprocess.PIPE, text=True, env=environment(), cwd=tmp_path,
    )  # fmt: skip
    assert serving.stdout is not None
    port = serving.stdout.readline().split("port ")[1].split(",")[0]
    command = [
        sys.executable,
        here / "run_client.py",
        "--port",
        port,
        "--checkpoints",
        tmp_path / "c",
        "--rounds",
        "12",
    ]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment())
        for _ in range(6)
    ]
    try:
        for process in running:
            output, _ = process.communicate(timeout=90)
            assert process.returncode == 0, output
            assert "step 11" in output
        p = refold(decode(body) for body in Remote(f"http://127.0.0.1:{port}", "").read(0))
        assert len(p.members) == 6
        assert p.best is not None
        assert p.best.score > 0.85  # type: ignore[operator]
    finally:
        serving.send_signal(signal.SIGINT)
        serving.wait(20)
    assert os.path.exists(p.best.id)
