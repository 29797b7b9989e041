"""Cases that a review found: each was a real violation of the protocol once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

import pbt
from pbt.checkpoints.cache import Cache
from pbt.checkpoints.folder import FolderStore
from pbt.checkpoints.upload import UploadStore
from pbt.client.remote import Remote
from pbt.coordinator.commands import StandCommand
from pbt.coordinator.telling import TellCommand
from pbt.errors import OutOfReach, Unavailable
from pbt.opening import folder as folders
from pbt.opening.opening import open_population
from pbt.population.entries import Decision, Lost, Released, Reported, Steered, decode
from pbt.population.fold import _end_lease, refold
from pbt.population.member import Lease
from pbt.population.recorded import StrategyRecord
from pbt.settings import Wanted, wanted
from pbt.wire.keys import key_beside
from pbt.worker.member import Member
from tests.support.population import SPACE, Script
from tests.support.worlds import KEY, MemoryWorld, ServerWorld, World

SETTINGS: dict[str, Any] = {
    "space": {"lr": pbt.Float(0.01, 1)},
    "members": 2,
    "steps": 10,
    "interval": 2,
    "maximize": True,
}


def save(folder: Path) -> None:
    (folder / "state").write_text("weights")


def entries(where: Path) -> list[Any]:
    return [decode(body) for body in folders.reader(where).read(0)]


class LosesAnswers:
    """A coordinator whose answers to reports do not arrive."""

    def __init__(self, coordinator: Any) -> None:
        self.inner = coordinator
        self.loses = True

    def report(self, *reports: Any) -> Any:
        answers = self.inner.report(*reports)
        if self.loses:
            raise ConnectionError
        return answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_a_committed_checkpoint_survives_the_retry_of_an_old_holder(tmp_path: Path) -> None:
    """The answer was lost, another took over, loaded it, and reported: the checkpoint is the member's current one."""
    where = tmp_path / "p"
    old = pbt.join(where, **SETTINGS)
    coordinator = old._coordinator
    loser = old._outbox._coordinator = LosesAnswers(coordinator)  # type: ignore[assignment]
    with pytest.raises(ConnectionError):
        old.report(1.0, step=2, save=save)
    coordinator.tell(Released(0, 1))
    coordinator.let_go(0)
    new = pbt.join(where, member=0)
    assert new.checkpoint is not None
    new.report(1.5, step=3)
    loser.loses = False
    with pytest.raises(pbt.LeaseLost):
        old.report(1.0, step=2, save=save)
    assert (where / "checkpoints" / "0" / "1-1" / "state").read_text() == "weights"
    new.close()


def test_checkpoints_that_the_server_does_not_see_are_not_lost(tmp_path: Path) -> None:
    world = ServerWorld(tmp_path)
    s = Script(world)
    s.report(0, 1.0)
    world.die(s.coordinator, 0)
    coordinator = world.coordinator()
    answer = coordinator.join("n", member=0)
    with pytest.raises(OutOfReach, match="out of reach: mount it"):
        Member(coordinator, UploadStore(coordinator, Cache("p")), answer)
    assert not any(isinstance(e.event, Lost) for e in s.entries)
    assert isinstance(s.entries[-1].event, Released)
    world.close()


def test_an_error_of_the_disk_is_not_a_lost_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    member = pbt.join(tmp_path / "p", **SETTINGS)
    member.report(1.0, step=2, save=save)
    member.close()

    def broken(self: Path) -> bytes:
        raise OSError(5, "Input/output error")

    coordinator = folders.coordinator(tmp_path / "p")
    answer = coordinator.join("n", member=0)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", broken)
        with pytest.raises(OutOfReach, match="Input/output"):
            Member(coordinator, FolderStore(tmp_path / "p"), answer)
    assert not any(isinstance(e.event, Lost) for e in entries(tmp_path / "p"))
    assert pbt.join(tmp_path / "p", member=0).step == 2


def test_an_unrelated_folder_at_the_servers_path_is_not_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBT_KEY", KEY)
    world = ServerWorld(tmp_path)
    assert isinstance(open_population(world.url).own(), FolderStore)
    opened = world.coordinator().open()
    monkeypatch.setattr(Remote, "open", lambda self: replace(opened, id="another"))
    assert not isinstance(open_population(world.url).own(), FolderStore)
    world.close()


def test_a_key_is_given_to_the_very_server_of_its_folder_alone(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret\n")
    key.chmod(0o600)

    def seat(**fields: Any) -> None:
        told = {"host": "127.0.0.1", "port": 7777, "pid": os.getpid()} | fields
        (tmp_path / "server.json").write_text(json.dumps(told))

    seat()
    assert key_beside(str(key), "127.0.0.1", 7777) == "secret"
    assert key_beside(str(key), "127.0.0.2", 7777) is None
    assert key_beside(str(key), "10.1.2.3", 7777) is None
    assert key_beside(str(key), "127.0.0.1", 7778) is None
    seat(host="0.0.0.0")
    assert key_beside(str(key), "127.0.0.1", 7777) == "secret"
    assert key_beside(str(key), "10.1.2.3", 7777) is None
    seat(pid=2**22 - 3)
    assert key_beside(str(key), "127.0.0.1", 7777) is None
    seat()
    key.chmod(0o644)
    assert key_beside(str(key), "127.0.0.1", 7777) is None


@pytest.mark.parametrize("name", ["evil_module:x", ":x", ".x:y", "os:system", "x" * 10_000])
def test_a_request_imports_nothing(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil_module.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(tmp_path)
    world = ServerWorld(tmp_path)
    coordinator = world.coordinator()
    asked = wanted(space=SPACE, members=2, maximize=True)
    with pytest.raises(pbt.SettingsError, match="does not know the strategy"):
        coordinator.create(replace(asked, strategy=StrategyRecord(name)))
    assert coordinator.create(asked).members == 2
    world.close()


def test_a_lost_checkpoint_at_a_barrier_stops_nobody(tmp_path: Path) -> None:
    """Its member waits for a round that only this worker can complete."""
    where = tmp_path / "p"
    settings = {**SETTINGS, "members": 3, "synchronous": True, "steps": 8}
    broken = False
    for turns, member in enumerate(pbt.turns(where, **settings)):
        assert turns < 60
        assert member.checkpoint is None or member.step > 0
        for _ in member.steps():
            member.report(float(member.id), save=save)
        if not broken and (where / "checkpoints" / "2").exists():
            for path in (where / "checkpoints").glob("*/*/state"):
                path.unlink()
            broken = True
    assert broken
    assert any(isinstance(e.event, Lost) for e in entries(where))
    assert refold(entries(where)).finished


def test_a_cure_that_waits_for_a_round_does_not_clear_the_count() -> None:
    """Else at a barrier a member whose workers keep dying would never fail."""
    sick = replace(Script().population.members[0], lease=Lease(1, "n", True, "here", 0, 0), losses=3, cure=True)
    assert _end_lease(sick, "orderly").losses == 3
    assert _end_lease(replace(sick, cure=False), "orderly").losses == 3


def test_what_is_told_from_outside_is_checked(world: World) -> None:
    s = Script(world)
    s.round(1, 2, 3, 4)
    n, now = len(s.entries), s.population.members[0].decisions
    good = {"lr": 0.5, "layers": 1, "act": "a"}
    told: list[tuple[dict[str, Any], list[Decision]]] = [
        ({"set": [0]}, [Decision(-1, 5, hyperparameters={"lr": 1e9}, decided=now)]),
        ({"set": [0]}, [Decision(99, 5, decided=now)]),
        ({"set": [0]}, [Decision(0, 5, hyperparameters={"lr": 1e9}, decided=now)]),
        ({"set": [0]}, [Decision(0, 5, start="copy", hyperparameters=good, decided=now)]),
        ({"set": [0]}, [Decision(0, 5, hyperparameters=good)]),
        ({"set": [0]}, [Decision(0, 5, hyperparameters=good, decided=now + 1)]),
        ({"set": [0, 1]}, [Decision(0, 5, hyperparameters=good, decided=now)]),
        ({"again": [0]}, [Decision(0, 5, hyperparameters=good, decided=now)]),
        ({"steps": 250.5}, []),
        ({"steps": "x"}, []),
        ({"steps": 1}, []),
        ({"magic": True}, []),
    ]
    for change, decisions in told:
        with pytest.raises(pbt.PBTError):
            s.coordinator.tell(Steered(change), decisions)
    first, second = s.draft(0, 1.0, step=9), s.draft(0, 1.0, step=3)
    with pytest.raises(pbt.Invalid, match="two reports of one member"):
        s.coordinator.report(first, second)
    assert len(s.entries) == n
    for _ in range(2):
        s.coordinator.tell(Steered({"steps": 200}, nonce="once"))
    assert len(s.entries) == n + 1


def test_what_one_ask_is_refused_does_not_touch_the_others() -> None:
    world = MemoryWorld()
    s = Script(world)
    s.round(1, 2, 3, 4)
    s.report(0, 5)
    steered = Steered({"set": [1]})
    before = s.population.members[1].decisions
    decision = Decision(1, 9, hyperparameters={"lr": 0.5, "layers": 1, "act": "a"}, decided=before)
    outcomes = s.coordinator.serve(
        [
            TellCommand(steered, [decision]),
            StandCommand(0, 1),
            TellCommand(steered, [Decision(50, 1)]),
            StandCommand(1, 1),
        ]
    )
    assert [isinstance(o, pbt.PBTError) for o in outcomes] == [False, False, True, False]
    assert s.population.members[1].decisions == before + 1
    assert sum(isinstance(e.event, Steered) for e in s.entries) == 1


def test_foreign_names_are_nobodys_folders(tmp_path: Path) -> None:
    settings = {**SETTINGS, "checkpoints": "foreign", "goal": 5.0}
    a, b = pbt.join(tmp_path / "p", **settings), pbt.join(tmp_path / "p")
    with pytest.raises(pbt.Invalid, match="your name for it"):
        a.report(1.0, step=2, save=save)
    a.report(9.0, step=2, checkpoint="s3://bucket/a")
    assert a.finished
    b.report(1.0, step=2, checkpoint="s3://bucket/b")
    assert b.finished
    assert refold(entries(tmp_path / "p")).best.id == "s3://bucket/a"  # type: ignore[union-attr]


def test_who_was_taken_over_while_saving_learns_it_as_a_lost_lease(tmp_path: Path) -> None:
    where = tmp_path / "p"
    turn = next(iter(pbt.turns(where, **SETTINGS)))

    def slow(folder: Path) -> None:
        turn._coordinator.tell(Released(0, 1))
        turn._coordinator.let_go(0)
        pbt.join(where, member=0).report(1.0, step=1)
        save(folder)

    turn.report(1.0, step=2, save=slow)
    assert turn.lost


def test_a_join_that_could_not_be_recorded_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    coordinator = folders.coordinator(tmp_path / "p")
    coordinator.create(wanted(**{**SETTINGS, "members": 1}))

    def full(expected: int, bodies: Any) -> None:
        raise Unavailable("full")

    with monkeypatch.context() as patch:
        patch.setattr(coordinator.journal, "append", full)
        with pytest.raises(Unavailable):
            coordinator.join("n")
    assert coordinator.join("m").member == 0


@pytest.mark.parametrize("body", ["buf[5] = 1", "raise ValueError", "thing.lr = 2", "if thing: pass", "del buf[9]"])
def test_any_exception_in_a_body_is_a_failed_release(tmp_path: Path, body: str) -> None:
    code = (
        "class Thing:\n"
        "    def __bool__(self): raise ValueError\n"
        "    def __setattr__(self, name, value): raise ValueError\n"
        "def run(turns, buf, thing):\n"
        "    for member in turns():\n"
        f"        {body}\n"
    )
    space: dict[str, Any] = {}
    exec(code, space)
    with pytest.raises((ValueError, IndexError)):
        space["run"](lambda: pbt.turns(tmp_path / "p", **SETTINGS), [], space["Thing"]())
    assert entries(tmp_path / "p")[-1].event == Released(0, 1, failed=True)


def test_numbers_that_fit_no_float(tmp_path: Path) -> None:
    with pbt.join(tmp_path / "p", **SETTINGS) as member, pytest.raises(pbt.Invalid, match="must be a number"):
        member.report(10**400, step=1)
    assert not any(isinstance(e.event, Reported) for e in entries(tmp_path / "p"))


@pytest.mark.parametrize("after", ["²", "9" * 31, "-1", "x"])
def test_a_strange_after_is_refused(tmp_path: Path, after: str) -> None:
    world = ServerWorld(tmp_path)
    coordinator = world.coordinator()
    coordinator.create(wanted(space=SPACE, members=1, maximize=True))
    with pytest.raises(pbt.Invalid, match="number of entries"):
        coordinator._request("GET", f"/digits/journal?after={quote(after)}", b"")
    world.close()


def test_a_servers_defaults_are_for_new_populations(tmp_path: Path) -> None:
    world = ServerWorld(tmp_path, Wanted(maximize=True))
    coordinator = world.coordinator()
    coordinator.create(wanted(space=SPACE, members=1, maximize=False))
    assert coordinator.join("n", wanted(space=SPACE)).member == 0
    other = Remote(world.url.replace("digits", "other"), KEY)
    assert other.create(wanted(space=SPACE, members=1)).maximize
    world.close()
