"""Counters as signs of life: who is presumed dead, and who is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbt.liveness.files import TERM, FilesLiveness, beat_now
from pbt.opening import folder as folders
from pbt.population.member import Lease
from pbt.server.backends import FolderBackend
from pbt.server.served import ServedPopulation


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def lease(number: int = 1, sign: str = "counter") -> Lease:
    return Lease(number, "nonce", False, sign, 0, 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folders.prepare(tmp_path / "p", "files")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def holder(folder: Path) -> Iterator[FilesLiveness]:
    made = FilesLiveness(folder)
    yield made
    for member in range(3):
        made.let_go(member)


def looks(observer: FilesLiveness, clock: Clock, seconds: float, beating: bool = False, number: int = 1) -> bool:
    """Look every five seconds for as long; whether member 0 is presumed dead at the end."""
    dead = observer.dead(0, lease(number))
    for _ in range(int(seconds // 5)):
        if beating:
            beat_now()
        clock.now += 5
        dead = observer.dead(0, lease(number))
    return dead


def test_who_counts_lives_and_who_stops_is_dead_after_a_term(folder: Path, holder: FilesLiveness, clock: Clock) -> None:
    observer = FilesLiveness(folder, clock)
    assert holder.hold(0, 1)
    assert not looks(observer, clock, 10 * TERM, beating=True)
    holder.let_go(0)
    assert not looks(observer, clock, TERM - 5)
    assert looks(observer, clock, 10)


def test_a_holder_that_goes_on_in_time_is_not_dead(folder: Path, holder: FilesLiveness, clock: Clock) -> None:
    observer = FilesLiveness(folder, clock)
    holder.hold(0, 1)
    assert not looks(observer, clock, TERM - 10)
    beat_now()
    assert not looks(observer, clock, TERM - 10)


def test_a_holder_never_presumes_itself_dead(folder: Path, clock: Clock) -> None:
    holder = FilesLiveness(folder, clock)
    assert holder.hold(0, 1)
    assert not holder.hold(0, 2)
    assert not looks(holder, clock, 10 * TERM)
    holder.let_go(0)


def test_one_who_lost_the_member_does_not_count_for_his_successor(folder: Path, clock: Clock) -> None:
    old, new, observer = FilesLiveness(folder), FilesLiveness(folder), FilesLiveness(folder, clock)
    old.hold(0, 1)
    new.hold(0, 2)
    new.let_go(0)
    assert looks(observer, clock, TERM + 5, beating=True, number=2)
    old.let_go(0)


def test_an_outage_is_no_sign_of_death(folder: Path, holder: FilesLiveness, clock: Clock) -> None:
    """Nobody could count; whoever looks first afterwards must not take everybody for dead."""
    observer = FilesLiveness(folder, clock)
    holder.hold(0, 1)
    observer.dead(0, lease())
    clock.now += 100 * TERM
    assert not observer.dead(0, lease())
    beat_now()
    assert not looks(observer, clock, TERM - 10)


def test_only_signs_that_can_be_seen_are_judged(folder: Path, clock: Clock) -> None:
    observer = FilesLiveness(folder, clock)
    clock.now += 10 * TERM
    assert not observer.dead(0, lease(sign="flock"))
    assert observer.dead(0, lease(sign="here"))


def test_a_server_counts_for_the_leases_that_it_gave(folder: Path, clock: Clock) -> None:
    served, observer = ServedPopulation(FolderBackend(folder.parent).open(folder.name)), FilesLiveness(folder, clock)
    its_lease = lease(sign="server")

    def dead_after(seconds: float) -> bool:
        dead = False
        for _ in range(int(seconds // 5)):
            beat_now()
            clock.now += 5
            dead = observer.dead(0, its_lease)
        return dead

    assert not dead_after(3 * TERM)
    served.close()
    assert dead_after(TERM + 10)


HOLDS = """
import os, sys, time
from pathlib import Path
from pbt.liveness import files as counter
counter.BEAT_EVERY = 0.01
holder = counter.FilesLiveness(Path(sys.argv[1]))
holder.hold(0, 1)
count = Path(sys.argv[1], "leases", "0.count").read_bytes
def counted(seconds):
    before = count()
    time.sleep(seconds)
    return count() > before
"""
"""A process of its own: in this one another test's thread may sleep for long."""


def holds(folder: Path, then: str) -> None:
    subprocess.run([sys.executable, "-c", HOLDS + then, str(folder)], check=True, timeout=30)


def test_a_forked_child_does_not_count_for_its_parent(folder: Path) -> None:
    holds(
        folder,
        "read, write = os.pipe()\n"
        "if os.fork() == 0:\n    os.read(read, 1)\n    counter.beat_now()\n    os._exit(counted(0.2))\n"
        "holder.let_go(0)\ntime.sleep(0.1)\nbefore = count()\nos.write(write, b'x')\n"
        "assert os.wait()[1] == 0\nassert count() == before",
    )


def test_a_thread_counts_on_while_the_script_trains(folder: Path) -> None:
    holds(folder, "assert counted(0.3)\nholder.let_go(0)\ntime.sleep(0.05)\nassert not counted(0.1)")
