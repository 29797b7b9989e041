"""The toy quadratic through real processes, in a folder and over HTTP: the same exact values."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pbt.opening.opening import open_journal
from pbt.population.entries import decode, real
from pbt.population.fold import refold
from tests.support import toy
from tests.support.scripts import environment
from tests.support.worlds import KEY, ServerWorld

WORKER = """
import json, sys
import pbt
from tests.support import toy
where, strategy, seed = sys.argv[1], toy.Toy(**json.loads(sys.argv[2])), int(sys.argv[3])
member = pbt.join(where, space=toy.SPACE, members=2, steps=toy.STEPS, interval=toy.INTERVAL, maximize=True,
                  strategy=strategy, seed=seed, synchronous=True, initial=toy.START)
w = [0.9, 0.9]
def start():
    global w
    if member.checkpoint:
        w = json.loads((member.checkpoint / "w.json").read_text())
start()
for step in member.steps():
    w = toy.step(w, member.hyperparameters, None)
    if member.report(toy.score(w), save=lambda f: (f / "w.json").write_text(json.dumps(w))).exploit:
        start()
"""


@contextmanager
def place_of(kind: str, tmp_path: Path) -> Iterator[str]:
    if kind == "folder":
        yield str(tmp_path / "p")
    else:
        world = ServerWorld(tmp_path)
        yield world.url
        world.close()


def through_processes(where: str, strategy: str, seed: int) -> list[float]:
    command = [sys.executable, "-c", WORKER, where, strategy, str(seed)]
    running = [subprocess.Popen(command, env=environment(PBT_KEY=KEY), stderr=subprocess.PIPE) for _ in range(2)]
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    population = refold(decode(body) for body in open_journal(where).read(0))
    assert population.finished
    return [real(m.score) for m in population.members]


@pytest.mark.slow_but_first
@pytest.mark.parametrize("kind", ["folder", "server"])
@pytest.mark.parametrize(
    ("strategy", "expected"),
    [('{"weights_only": true, "sigma": 0}', toy.EXPLOIT_ONLY), ('{"exploits": false}', toy.GRID)],
)
def test_exact_values_through_real_processes(
    tmp_path: Path, kind: str, strategy: str, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PBT_KEY", KEY)
    with place_of(kind, tmp_path) as where:
        assert max(through_processes(where, strategy, 0)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "server"])
def test_a_seed_gives_the_same_run_as_in_one_process(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a barrier the order of reports does not matter, so real processes end where pbt.train does."""
    monkeypatch.setenv("PBT_KEY", KEY)
    for seed in (1, 2):
        (tmp_path / str(seed)).mkdir()
        with place_of(kind, tmp_path / str(seed)) as where:
            scores = through_processes(where, "{}", seed)
        assert scores == [toy.score(w) for w in toy.run(toy.Toy(), seed).states]
