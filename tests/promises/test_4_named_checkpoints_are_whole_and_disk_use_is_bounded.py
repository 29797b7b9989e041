"""Promise 4: a checkpoint that a decision names exists, is whole, and stays; disk use is bounded by members.

Further: `conformance/test_stores.py`, `checkpoints/` (publishing, lending, transfer).
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest

import pbt
from pbt.checkpoints.folder import FolderStore
from pbt.opening import folder as folders
from pbt.population.entries import Released, decode
from pbt.population.fold import refold
from pbt.settings import wanted
from pbt.worker.member import Member

N = 6
EXPLOITS = int(os.environ.get("EXPLOITS", "1000"))
"""The longer run: EXPLOITS=10000 pytest --timeout 3000 tests/promises/test_4*"""
STEPS = EXPLOITS * 7 // 10


@pytest.mark.slow
def test_a_thousand_exploits_load_whole_checkpoints_and_never_keep_more_than_3n_plus_1(tmp_path: Path) -> None:
    where = tmp_path / "p"
    space = {"lr": pbt.Float(0.1, 10, log=True)}
    loads: list[str] = []
    most: list[int] = [0]
    failures: list[BaseException] = []

    def worker(seed: int) -> None:
        rng = random.Random(seed)
        member = pbt.join(
            where,
            space=space,
            members=N,
            steps=STEPS,
            interval=1,
            maximize=True,
            seed=1,
            strategy=pbt.PBT(quantile=0.5),
        )

        def start() -> None:
            folder = member.checkpoint
            if folder is not None:
                data = (folder / "data").read_bytes()
                assert hashlib.sha256(data).hexdigest() == (folder / "sum").read_text()
                loads.append(str(folder))

        def save(folder: Path) -> None:
            data = rng.randbytes(200)
            (folder / "data").write_bytes(data)
            (folder / "sum").write_text(hashlib.sha256(data).hexdigest())

        try:
            start()
            for _ in member.steps():
                if member.report(rng.random(), save=save).exploit:
                    start()
                most[0] = max(most[0], len(published(where)))
        except BaseException as error:
            failures.append(error)
            member.close(failed=True)

    threads = [threading.Thread(target=worker, args=(seed,)) for seed in range(N)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    assert not failures, failures
    assert len(loads) >= EXPLOITS
    assert most[0] <= 3 * N + 1
    population = refold(decode(body) for body in folders.reader(where).read(0))
    assert population.finished
    assert published(where) == population.referenced()


def published(where: Path) -> set[str]:
    return {f"{p.parent.name}/{p.name}" for p in (where / "checkpoints").glob("*/*") if not p.name.startswith(".")}


def save(folder: Path) -> None:
    (folder / "state").write_text("weights")


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
    coordinator = folders.coordinator(where)
    coordinator.create(wanted(space={"lr": pbt.Float(0.01, 1)}, members=2, steps=10, interval=2, maximize=True))
    loser: Any = LosesAnswers(coordinator)
    old = Member(loser, FolderStore(where), loser.join("nonce"))
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
