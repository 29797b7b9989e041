"""`join`, `turns` and `Member` as a training script uses them."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.checkpoints.folder import FolderStore
from pbt.coordinator.follower import Follower
from pbt.errors import Unavailable
from pbt.opening import folder as folders
from pbt.population.changes import Clone, Steer, Stop
from pbt.population.entries import Leased, Released, Report, Reported, decode
from pbt.population.fold import refold
from pbt.population.lineage import Lineage
from pbt.settings import wanted
from pbt.views.status import Status, status_of
from pbt.worker.member import Member

SPACE = {"lr": pbt.Float(1e-3, 1.0, log=True)}
SETTINGS: dict[str, Any] = {"space": SPACE, "members": 2, "steps": 10, "interval": 2, "maximize": True, "seed": 1}


def save(folder: Path) -> None:
    (folder / "state").write_text("weights")


def entries(folder: Path) -> list[Any]:
    return [decode(body) for body in folders.reader(folder).read(0)]


def test_turns_trains_every_member_to_its_end(tmp_path: Path) -> None:
    seen: dict[int, int] = {}
    for member in pbt.turns(tmp_path / "p", **SETTINGS):
        x = json.loads((member.checkpoint / "x").read_text()) if member.checkpoint else 0
        assert x == member.step
        for step in member.steps():
            x += 1
            assert x == step
            member.report(member["lr"], save=lambda f, x=x: (f / "x").write_text(str(x)))
        seen[member.id] = x
    assert seen == {0: 10, 1: 10}
    assert list(pbt.turns(tmp_path / "p")) == []


def test_join_holds_one_member_to_the_end_and_exploits_in_place(tmp_path: Path) -> None:
    first = pbt.join(tmp_path / "p", **SETTINGS, strategy=pbt.PBT(quantile=0.5))
    second = pbt.join(tmp_path / "p")
    assert (first.id, second.id) == (0, 1)
    for step in (1, 2):
        first.report(5.0, step=step, save=save)
    assert not second.report(1.0, step=1, save=save).exploit
    outcome = second.report(1.0, step=2, save=save)
    assert outcome.exploit
    assert outcome.why.low
    assert (second.step, second.checkpoint_id) == (2, "0/1-2")
    assert second["lr"] != first["lr"]
    second.close()
    first.close()


def test_a_checkpoint_that_was_never_read_raises_not_loaded(tmp_path: Path) -> None:
    member = pbt.join(tmp_path / "p", **SETTINGS)
    for step in (1, 2):
        member.report(1.0, step=step, save=save)
    member.close()
    again = pbt.join(tmp_path / "p", member=0)
    assert again.step == 2
    with pytest.raises(pbt.NotLoaded, match=r"load member\.checkpoint"):
        again.report(1.0, step=3)
    assert bool(again.checkpoint)
    assert again.checkpoint_id == "0/1-2"
    assert "0/1-2" in repr((again.checkpoint, vars(again)))
    with pytest.raises(pbt.NotLoaded):
        again.report(1.0, step=3)
    assert (again.checkpoint / "x").parent == tmp_path / "p" / "checkpoints" / "0" / "1-2"
    again.report(1.0, step=3)
    again.close()


def test_a_due_report_without_save_raises_and_names_it(tmp_path: Path) -> None:
    with pbt.join(tmp_path / "p", **SETTINGS) as member:
        assert not member.due(1)
        assert member.due(2)
        member.report(1.0, step=1)
        with pytest.raises(pbt.Invalid, match=r"save=function\(folder\)"):
            member.report(1.0, step=2)
        assert member.report(1.0, step=2, save=save).exploit is False


def test_save_is_called_only_when_a_checkpoint_is_due(tmp_path: Path) -> None:
    saves: list[int] = []
    with pbt.join(tmp_path / "p", **SETTINGS) as member:
        for step in member.steps():
            member.report(1.0, save=lambda f, step=step: (saves.append(step), save(f)))
    assert saves == [2, 4, 6, 8, 10]
    assert member.finished


def test_staging_and_paths_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.pt").write_text("weights")
    with pbt.join(tmp_path / "p", **SETTINGS) as member:
        staging = member.staging()
        (staging / "deep").mkdir()
        (staging / "deep" / "file").write_text("x")
        member.report(1.0, step=2, checkpoint=staging)
        assert not staging.exists()
        assert (member.checkpoint / "deep" / "file").read_text() == "x"  # type: ignore[operator]
        member.report(1.0, step=4, checkpoint=tmp_path / "mine")
        assert (tmp_path / "mine" / "model.pt").exists()
        member.report(1.0, step=6, checkpoint=tmp_path / "mine" / "model.pt")
        assert (member.checkpoint / "model.pt").read_text() == "weights"  # type: ignore[operator]
        with pytest.raises(pbt.CheckpointError, match="neither a file nor a folder"):
            member.report(1.0, step=8, checkpoint=tmp_path / "nothing")


def test_a_checkpoint_explains_itself(tmp_path: Path) -> None:
    with pbt.join(tmp_path / "p", **SETTINGS) as member:
        member.report(0.5, step=2, save=save)
        manifest = json.loads((member.checkpoint / "pbt.json").read_text())  # type: ignore[operator]
        member.preempt()
    assert manifest["checkpoint"]["member"] == 0
    assert manifest["checkpoint"]["hyperparameters"] == member.hyperparameters
    assert manifest["files"] == {"state": 7}


def test_save_and_checkpoint_that_were_taken_for_each_other_are_refused_by_name(tmp_path: Path) -> None:
    with pbt.join(tmp_path / "p", **SETTINGS) as member:
        wrong: Any = "state.pt"
        for step in (1, 2):
            with pytest.raises(pbt.Invalid, match=r"save is 'state.pt': it is a function of a folder.*checkpoint="):
                member.report(1.0, step=step, save=wrong)
        wrong = save
        with pytest.raises(pbt.Invalid, match=r"checkpoint is <function save.*: it is the path.*save="):
            member.report(1.0, step=2, checkpoint=wrong)
        member.report(1.0, step=2, save=save)
    assert member.reported == 1


def test_a_save_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pbt.join(tmp_path / "p", **SETTINGS) as member, pytest.raises(pbt.CheckpointError, match="nothing was saved"):
        member.report(1.0, step=2, save=lambda folder: None)


def test_a_save_that_raises_leaves_nothing_behind_but_the_chance_to_go_on(tmp_path: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("disk")

    with pbt.join(tmp_path / "p", **SETTINGS) as member:
        with pytest.raises(RuntimeError):
            member.report(1.0, step=2, save=broken)
        member.report(1.0, step=2, save=save)
    assert len(list(folders.reader(tmp_path / "p").read(0))) == 4  # created, leased, reported, released


def test_a_damaged_checkpoint_is_told_and_the_member_goes_on_from_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    member = pbt.join(tmp_path / "p", **SETTINGS)
    for step in (1, 2):
        member.report(1.0, step=step, save=save)
    (tmp_path / "p" / "checkpoints" / "0" / "1-2" / "state").write_text("half")
    member.close()
    again = pbt.join(tmp_path / "p", member=0)
    assert again.checkpoint is None
    assert again.step == 0
    assert "not whole: state has 4 bytes, not 7" in caplog.text
    again.close()


def test_checkpoints_out_of_reach_give_the_member_back(tmp_path: Path) -> None:
    member = pbt.join(tmp_path / "p", **SETTINGS)
    member.report(1.0, step=2, save=save)
    member.close()
    (tmp_path / "p" / "checkpoints").rename(tmp_path / "away")
    with pytest.raises(pbt.OutOfReach, match="out of reach"):
        pbt.join(tmp_path / "p", member=0)
    assert isinstance(entries(tmp_path / "p")[-1].event, Released)
    (tmp_path / "away").rename(tmp_path / "p" / "checkpoints")
    assert pbt.join(tmp_path / "p", member=0).step == 2


def test_a_schedule_that_passes_the_parents_value_later_is_no_load_that_brought_it_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    where = tmp_path / "p"
    first = pbt.join(where, **SETTINGS, strategy=pbt.PBT(quantile=0.5))
    second = pbt.join(where)
    first.report(5.0, step=2, save=save)
    assert second.report(1.0, step=2, save=save).exploit
    assert str(second.checkpoint)
    second.report(1.0, step=3, used={"lr": second["lr"]})
    second.report(1.0, step=4, save=save, used={"lr": first["lr"]})
    assert caplog.text == ""
    follower, seen = Follower(folders.reader(where)), Status(str(where))
    follower.listen(seen.hear)
    follower.catch_up()
    assert not [w for w in status_of(follower.population, seen, lineage_of(where))["warnings"] if "lr" in w]
    second.close()


def lineage_of(where: Path) -> Lineage:
    return Lineage.of(decode(body) for body in folders.reader(where).read(0))


def test_a_value_that_the_load_brought_back_is_warned_of_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    where = tmp_path / "p"
    first = pbt.join(where, **SETTINGS, strategy=pbt.PBT(quantile=0.5))
    second = pbt.join(where)
    first.report(5.0, step=2, save=save)
    mine = second["lr"]
    assert second.report(1.0, step=2, save=save, used={"lr": mine}).exploit
    assert caplog.text == ""
    assert second.checkpoint
    assert second.checkpoint / "x"
    second.report(1.0, step=3, used={"lr": first["lr"]})
    assert f"trains with lr={first['lr']!r}, but {second['lr']!r} was decided" in caplog.text
    caplog.clear()
    second.report(1.0, step=4, save=save, used={"lr": first["lr"]})
    assert caplog.text == ""
    second.report(1.0, step=5, used={"lr": second["lr"] / 7})  # type: ignore[operator]
    assert caplog.text == "", "a scheduler's value is merely kept"

    follower, seen = Follower(folders.reader(where)), Status(str(where))
    follower.listen(seen.hear)
    follower.catch_up()
    warnings = status_of(follower.population, seen, lineage_of(where))["warnings"]
    assert len([w for w in warnings if "lr" in w]) == 1
    second.close()
    first.close()


def test_a_look_at_an_older_path_does_not_undo_a_load(tmp_path: Path) -> None:
    member = pbt.join(tmp_path / "p", **SETTINGS)
    member.report(1.0, step=2, save=save)
    member.close()
    again = pbt.join(tmp_path / "p", member=0)
    resumed, path = again.checkpoint, again.checkpoint
    assert path is not None
    (path / "state").read_text()
    assert resumed
    again.report(1.0, step=3, save=save)


def test_a_body_that_never_reports_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(pbt.PBTError, match="came back twice without a report"):
        for _ in pbt.turns(tmp_path / "p", **SETTINGS):
            pass


def test_a_member_that_is_given_other_weights_by_hand_again_and_again_has_reported(tmp_path: Path) -> None:
    where, clones = tmp_path / "p", 0
    for member in pbt.turns(where, **(SETTINGS | {"strategy": pbt.PBT(quantile=0)})):
        assert member.checkpoint is None or (member.checkpoint / "state").exists()
        for step in member.steps():
            if member.id == 1 and clones < 6 and step % 2 == 0:
                clones += 1
                with contextlib.closing(folders.coordinator(where)) as hand:
                    hand.steer(Steer(Clone(0, 1), nonce=str(clones)))
            member.report(1.0, save=save)
    assert clones == 6


def test_steps_that_are_gone_through_without_a_report_are_an_error_at_once(tmp_path: Path) -> None:
    members = pbt.turns(tmp_path / "p", **(SETTINGS | {"members": 8}))
    assert [list(next(members).steps()) for _ in range(2)] == [list(range(1, 11))] * 2
    with pytest.raises(pbt.PBTError, match="came back twice without a report"):
        next(members)


@pytest.mark.slow_but_first
@pytest.mark.parametrize("turn_steps", [1, 10])
@pytest.mark.parametrize("sick", [{0, 1}, {3, 4}, {0, 2, 4}])
def test_a_body_that_catches_the_errors_of_several_members_goes_on_with_the_others(
    tmp_path: Path, sick: set[int], turn_steps: int
) -> None:
    for member in pbt.turns(tmp_path / "p", **(SETTINGS | {"members": 5, "turn_steps": turn_steps})):
        if member.checkpoint:
            (member.checkpoint / "state").read_bytes()
        for _ in member.steps():
            if member.id in sick:
                break
            member.report(1.0, save=save)
    members = refold(entries(tmp_path / "p")).members
    assert {m.id for m in members if m.failed} == sick
    assert all(m.step == 10 for m in members if m.id not in sick)


LEAVING = {
    "break": "for m in turns: body(m); break",
    "return": "def f():\n  for m in turns: return body(m)\nf()",
    "islice": "for m in itertools.islice(turns, 1): body(m)",
    "zip": "for _, m in zip(range(1), turns): body(m)",
    "enumerate": "for _, m in enumerate(turns): body(m); break",
    "next": "body(next(turns))",
    "generator": "def g():\n  for m in turns: yield m\nfor m in g(): body(m); break",
}


@pytest.mark.parametrize("saves", [True, False], ids=["saved", "nothing saved"])
@pytest.mark.parametrize("how", LEAVING)
def test_however_turns_are_left_only_a_checkpoint_tells_whether_there_is_something_to_show(
    tmp_path: Path, how: str, saves: bool
) -> None:
    def body(member: pbt.Member) -> None:
        for step in member.steps():
            member.report(1.0, save=save)
            if step == (2 if saves else 1):
                return

    names = {"turns": pbt.turns(tmp_path / "p", **(SETTINGS | {"members": 1})), "body": body, "itertools": itertools}
    exec(LEAVING[how], names)
    names.clear()
    assert entries(tmp_path / "p")[-1].event == Released(0, 1, failed=not saves)


def test_an_exception_gives_the_member_back_as_failed(tmp_path: Path) -> None:
    def body() -> None:
        for member in pbt.turns(tmp_path / "p", **SETTINGS):
            for _ in member.steps():
                raise RuntimeError("in the body")

    with pytest.raises(RuntimeError):
        body()
    assert entries(tmp_path / "p")[-1].event == Released(0, 1, failed=True)


def test_a_context_manager_gives_the_member_back_however_it_is_left(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), pbt.join(tmp_path / "p", **SETTINGS):
        1 / 0
    with pbt.join(tmp_path / "p"):
        pass
    with pbt.join(tmp_path / "p") as member:
        member.preempt()
    told = [e.event for e in entries(tmp_path / "p") if isinstance(e.event, Released)]
    assert [e.failed for e in told] == [True, True, False]


def test_a_lost_lease_ends_a_turn_quietly_and_a_join_loudly(tmp_path: Path) -> None:
    where = tmp_path / "p"
    coordinator = folders.coordinator(where)
    turns = pbt.turns(where, **SETTINGS)
    turn = next(turns)
    coordinator.tell(Released(turn.id, 1))
    turn.report(1.0, step=2, save=save)
    assert turn.lost
    assert list(turn.steps()) == []
    with pytest.raises(pbt.LeaseLost, match=r"ends when member.stop"):
        turn.report(1.0, step=4, save=save)
    member = pbt.join(where)
    coordinator.catch_up()
    coordinator.tell(Released(member.id, coordinator.population.members[member.id].newest))
    with pytest.raises(pbt.LeaseLost):
        member.report(1.0, step=2, save=save)
    assert not (where / "checkpoints" / "0" / "1-1").exists()


def test_units_that_advance_unevenly_end_with_the_member(tmp_path: Path) -> None:
    """One after its last step, which it oversteps; the other since somebody has reached the goal."""
    turns = pbt.turns(tmp_path / "p", **SETTINGS, goal=5.0)
    alone, other = next(turns), pbt.join(tmp_path / "p", **SETTINGS, goal=5.0)
    other.report(1.0, step=3, save=save)
    for member in (alone, other):
        while not member.stop:
            assert member.step < 10
            member.report(6.0 if member.step > 6 else 1.0, step=member.step + 3, save=save)
        assert member.finished
    assert (alone.step, other.step) == (12, 6)


def test_a_member_that_is_stopped_keeps_its_weights(tmp_path: Path) -> None:
    """A script that loads after an exploit would begin anew at the very end: there is nothing to load."""
    where = tmp_path / "p"
    member = pbt.join(where, **SETTINGS)
    for step in member.steps():
        if step == 2:
            folders.coordinator(where).steer(Steer(Stop((member.id,)), nonce="n"))
        assert not member.report(1.0, save=save).exploit
    assert member.stop and member.step == 2


def test_joining_a_finished_population_has_nothing_to_do(tmp_path: Path) -> None:
    for member in pbt.turns(tmp_path / "p", **(SETTINGS | {"members": 1})):
        for _ in member.steps():
            member.report(1.0, save=save)
    late = pbt.join(tmp_path / "p")
    assert list(late.steps()) == []
    assert not late.finished
    assert late.checkpoint is None


def test_join_without_waiting(tmp_path: Path) -> None:
    members = [pbt.join(tmp_path / "p", **SETTINGS) for _ in range(2)]
    with pytest.raises(pbt.NobodyFree):
        pbt.join(tmp_path / "p", wait=False)
    with pytest.raises(pbt.NobodyFree):
        pbt.join(tmp_path / "p", member=0, wait=False)
    for member in members:
        member.close()


def test_a_population_of_one_in_a_fresh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for member in pbt.turns(space=SPACE, steps=4, maximize=True):
        for _ in member.steps():
            member.report(1.0, save=save)
    (folder,) = (tmp_path / "pbt-runs").iterdir()
    assert refold(entries(folder)).finished


def test_pbt_url_names_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PBT_URL", str(tmp_path / "p"))
    pbt.join(**SETTINGS).close()
    assert (tmp_path / "p" / "population.json").exists()


def test_an_empty_pbt_url_names_none_and_one_without_its_beginning_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PBT_URL", "")
    pbt.join(**SETTINGS).close()
    assert [path.name for path in tmp_path.iterdir()] == ["pbt-runs"]
    monkeypatch.setenv("PBT_URL", "host:7777/digits")
    with pytest.raises(pbt.SettingsError, match="as in http://host:7777/digits"):
        pbt.join(**SETTINGS)
    monkeypatch.setenv("PBT_URL", "./host:7777/digits")
    pbt.join(**SETTINGS).close()
    assert (tmp_path / "host:7777" / "digits" / "population.json").exists()


def test_sigterm_saves_gives_back_and_ends(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    turns = pbt.turns(tmp_path / "p", **(SETTINGS | {"members": 1}))
    steps = []
    for member in turns:
        for step in member.steps():
            if step == 3:
                os.kill(os.getpid(), signal.SIGTERM)
            steps.append(step)
            member.report(1.0, save=save)
        assert member.interrupted
    assert steps == [1, 2, 3]
    last = entries(tmp_path / "p")[-1].event
    assert isinstance(last.reports[0], Report)
    assert last.reports[0].release
    assert last.reports[0].checkpoint == "0/1-3"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_handler_of_the_users_own_is_left_alone_and_can_preempt(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        member = pbt.join(tmp_path / "p", **SETTINGS)
        assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, before)
        member.preempt()
        member.report(1.0, step=1, save=save)
        assert list(member.steps()) == []
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_forked_child_is_not_its_parents_worker(tmp_path: Path) -> None:
    member = pbt.join(tmp_path / "p", **SETTINGS)
    pid = os.fork()
    if pid == 0:
        try:
            member.report(1.0, step=1)
        except pbt.PBTError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    other = folders.coordinator(tmp_path / "p")
    lease = refold(entries(tmp_path / "p")).members[0].lease
    assert lease is not None
    assert not other.alive.dead(0, lease), "the child has closed its copy; the parent's lock is what counts"
    member.close()


def test_a_dead_workers_lock_dies_with_it_even_if_a_child_lives_on(tmp_path: Path) -> None:
    script = (
        "import os, pbt, sys, time\n"
        f"m = pbt.join({str(tmp_path / 'p')!r}, space={{'lr': pbt.Float(0, 1)}}, members=2, steps=9, maximize=True)\n"
        "if os.fork() == 0: time.sleep(30)\n"
        "os._exit(1)\n"
    )
    os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", script])
    began = time.monotonic()
    assert pbt.join(tmp_path / "p", member=0).id == 0
    assert time.monotonic() - began < 20, "the child itself must close its copy, as soon as it runs"


def test_a_new_folder_on_a_network_file_system_keeps_its_journal_as_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "file_system", lambda path: "nfs4")
    pbt.join(tmp_path / "p", **SETTINGS).close()
    assert folders.read_mark(tmp_path / "p").journal == "files"
    assert [e.event.sign for e in entries(tmp_path / "p") if isinstance(e.event, Leased)] == ["counter"]


def test_sqlite_on_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "file_system", lambda path: "nfs4")
    monkeypatch.setenv("PBT_JOURNAL", "sqlite")
    with pytest.raises(pbt.SettingsError, match="loses commits"):
        pbt.join(tmp_path / "p", **SETTINGS)


def test_the_environment_chooses_the_journal_of_new_folders_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBT_JOURNAL", "files")
    pbt.join(tmp_path / "p", **SETTINGS).close()
    assert (tmp_path / "p" / "journal").is_dir()
    monkeypatch.setenv("PBT_JOURNAL", "sqlite")
    pbt.join(tmp_path / "p", **SETTINGS).close()
    assert not (tmp_path / "p" / "journal.db").exists()
    monkeypatch.setenv("PBT_JOURNAL", "papyrus")
    with pytest.raises(pbt.SettingsError, match="sqlite, files"):
        pbt.join(tmp_path / "q", **SETTINGS)


def test_a_kind_of_journal_that_this_version_does_not_know_is_a_newer_ones(tmp_path: Path) -> None:
    pbt.join(tmp_path / "p", **SETTINGS).close()
    mark = tmp_path / "p" / "population.json"
    mark.write_text(mark.read_text().replace("sqlite", "papyrus"))
    with pytest.raises(pbt.JournalError, match="newer pbt"):
        pbt.join(tmp_path / "p", **SETTINGS)


def test_a_file_system_that_can_not_link_is_refused_with_the_advice_to_use_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, target: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setenv("PBT_JOURNAL", "files")
    with pytest.raises(pbt.SettingsError, match=r"can not link files.*pbt serve"):
        pbt.join(tmp_path / "p", **SETTINGS)


@pytest.mark.skipif(sys.platform != "linux", reason="mountinfo is Linux's")
def test_the_file_system_below_a_folder_is_known() -> None:
    assert folders.file_system(Path("/proc/self")) == "proc"


def test_a_member_is_a_mapping(tmp_path: Path) -> None:
    with pbt.join(tmp_path / "p", **SETTINGS) as member:
        assert dict(member) == member.hyperparameters
        assert 0 <= member.seed < 2**53
        with pytest.raises(KeyError, match="the space has lr"):
            member["momentum"]
        logging.getLogger("pbt").info("%r", member)


def test_turns_are_an_iterator(tmp_path: Path) -> None:
    turns = pbt.turns(tmp_path / "p", **SETTINGS)
    assert isinstance(turns, pbt.Turns)
    member = next(turns)
    turns.close()
    assert member.stop


def test_who_was_taken_over_while_saving_learns_it_as_a_lost_lease(tmp_path: Path) -> None:
    where = tmp_path / "p"
    coordinator = folders.coordinator(where)
    coordinator.create(wanted(**SETTINGS))
    member = Member(coordinator, FolderStore(where), coordinator.join("nonce", member=0))

    def slow(folder: Path) -> None:
        coordinator.tell(Released(0, 1))
        coordinator.let_go(0)
        pbt.join(where, member=0).report(1.0, step=1)
        save(folder)

    with pytest.raises(pbt.LeaseLost, match="while this one was saving"):
        member.report(1.0, step=2, save=slow)


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
