"""Makes the journals of the present format that later versions must open: ``python -m tests.formats.make FOLDER``.

Run once for each version of the format, and checked in: ``tests/formats/1``, and so on.
"""

from __future__ import annotations

import shutil
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

import pbt
from pbt.coordinator.commands import SaveCommand
from pbt.coordinator.coordinator import Coordinator
from pbt.coordinator.snapshot import dump
from pbt.coordinator.transition import fold_all
from pbt.journals.journal import Journal
from pbt.opening import folder as folders
from pbt.population.changes import Assign, Bound, Clone, Fork, Pause, Pin, Resume, Revive, Steer, Steps, Stop, Unpin
from pbt.population.entries import Absent, Decision, Lost, Released, Steered, Why
from pbt.strategies.registry import build
from tests.deferring import Deferring
from tests.support.population import Script
from tests.support.worlds import Dying, MemoryWorld


def asynchronous(**more: Any) -> Script:
    """Reports of every kind, exploits, a cure after lost leases, a lost checkpoint, a steering hand, an end."""
    s = Script(members=5, steps=9, interval=2, seed=3, **more)
    alive = Dying()
    s.coordinator.alive = alive
    for step in range(1, 5):
        for member in range(5):
            s.report(
                member, [member + step / 10, member - step / 10] if member else float("nan"), step=step,
                save=step % 2 == 0, used={"lr": 0.5}, metrics={"loss": "inf", "frames": step},
            )  # fmt: skip
    alive.gone.add((1, 1))
    for number in (2, 3, 4):
        s.join(1)
        s.report(2, 3.0 + number / 10, step=4 + number, save=True)
        alive.gone.add((1, number))
    s.join(1)
    m = s.coordinator.population.members[3]
    s.coordinator.tell(Lost(3, 1, m.checkpoint.id))
    s.coordinator.tell(Steered({"steps": 12}, by="pbt run", nonce="first"))
    why = Why(note="by hand", more={"who": ["a", 1]})
    s.coordinator.tell(
        Steered({"set": [4]}, by="hand", nonce="second"),
        [Decision(4, 6, hyperparameters=m.former, why=why, decided=s.population.members[4].decisions)],
    )
    s.coordinator.tell(Released(0, 1, failed=True))
    s.coordinator.finish(2, 1)
    return s


def steered() -> Script:
    """What people change: a pause, values, a fork of a pinned checkpoint, bounds, an end and another beginning."""
    s = Script(members=4, steps=12, interval=2, seed=11, space={"lr": pbt.Float(1e-4, 1.0, log=True)})
    asked = iter(
        (Pause((0,)), Assign((1,), {"lr": 0.5}), Pin("3"), Bound("lr", high=0.25), Resume((0,)), Stop((1,)),
         Fork("3/1-1", 2, {"lr": 0.125}), Revive((1,)), Steps(20), Clone(3, 0, explore=True), Unpin("3/1-1"))
    )  # fmt: skip
    for step in range(1, 6):
        for member in range(4):
            if not s.coordinator.population.members[member].waits:
                s.report(member, member + step / 10)
        for n, change in enumerate(islice(asked, 3)):
            s.coordinator.steer(Steer(change, "Ada (page)", f"turn {step}", f"{step}.{n}"))
        for member in s.answers:
            s.answers[member] = s.coordinator.stand(member, 1)
    return s


def barrier() -> Script:
    """Rounds that owe their hyperparameters, and one that goes on without an absent member."""
    s = Script(members=4, steps=20, synchronous=True, strategy=Deferring(), seed=5)
    for step in range(1, 4):
        for member in range(4):
            if member not in s.answers:
                s.join(member)
        reports = [s.draft(member, step + member / 10) for member in range(4)]
        for report in (*reports, *reports):
            s.send(report)
    s.coordinator.tell(Released(3, 1))
    for member in range(3):
        s.report(member, 5.0)
    s.coordinator.tell(Absent(((3, 1),)))
    return s


def original() -> Script:
    """Clients of the original kind: an offer, taken."""
    s = Script(
        members=None, open=True, steps=None, checkpoints="foreign", strategy="original", space={"lr": pbt.Float(0, 1)}
    )
    for member in range(6):
        s.join(None)
        s.report(member, float(member), step=0, save=False, checkpoint=f"/w/{member}")
    a = s.answers[0]
    took = Decision(0, a.offer.step + 1, "copy", (a.offer,), {"lr": 0.25}, decided=a.decisions)
    report = s.draft(0, 0.1, step=0, save=False, checkpoint="/w/0b")
    s.coordinator.serve([SaveCommand(replace(report, decided=a.decisions + 1), took)])
    return s


HISTORIES = {"asynchronous": asynchronous, "barrier": barrier, "original": original, "steered": steered}


def population_of(journal: Journal) -> bytes:
    """What a journal folds to, as JSON to compare."""
    coordinator = Coordinator(journal, Dying())
    coordinator.catch_up()
    return msgspec.json.format(msgspec.json.encode(coordinator.population), indent=1)


def main(folder: Path) -> None:
    """Write each history as a population's folder, with what it folds to and a snapshot; one as files, too."""
    for name, play in HISTORIES.items():
        write(folder / name, play(), "sqlite")
    write(folder / "files", asynchronous(), "files")


def write(home: Path, script: Script, kind: str) -> None:
    """Write one history."""
    assert isinstance(script.world, MemoryWorld)
    shutil.rmtree(home, ignore_errors=True)
    coordinator = folders.coordinator(home, kind)
    for number, body in enumerate(script.world.bodies):
        coordinator.journal.append(number, [body])
    coordinator.catch_up()
    strategy = build(coordinator.population.settings)
    snapshot = dump(fold_all(None, script.entries, strategy), script.world.bodies[-1], strategy)
    assert snapshot is not None
    coordinator.journal.save_snapshot(snapshot)
    (home / "expected.json").write_bytes(population_of(coordinator.journal))
    coordinator.close()
    for leftover in (*home.glob("journal.[gl]*"), *home.glob("leases")):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
