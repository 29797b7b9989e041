"""Where the server commits: in its event loop for one quick client alone, else in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.population import Script
from tests.support.worlds import ServerWorld


@pytest.fixture
def commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Script, list[str], list[float]]]:
    """A script against a server; the thread of each commit; and the seconds that the next commits take longer."""
    world = ServerWorld(tmp_path)
    script = Script(world, members=2)
    coordinator = world.coordinators()[0]
    threads: list[str] = []
    slow: list[float] = []
    inner = coordinator.serve

    def serve(commands: Sequence[Any]) -> Any:
        threads.append("thread" if threading.current_thread().name == "commit" else "loop")
        if slow:
            time.sleep(slow.pop())
        return inner(commands)

    monkeypatch.setattr(coordinator, "serve", serve)
    monkeypatch.setattr("pbt.server.served.QUICK", 0.2)  # whatever the disk of this test does
    yield script, threads, slow
    world.close()


def test_one_quick_client_alone_is_served_in_the_loop(commits: tuple[Script, list[str], list[float]]) -> None:
    script, threads, _ = commits
    for step in range(1, 6):
        script.report(0, 1.0, step=step)
    assert threads[-4:] == ["loop"] * 4


@pytest.mark.slow
def test_after_a_slow_commit_the_loop_is_left_alone_until_one_is_quick(
    commits: tuple[Script, list[str], list[float]],
) -> None:
    script, threads, slow = commits
    script.report(0, 1.0, step=1)
    slow.extend([0.25, 0.25, 0.25])
    del threads[:]
    for step in range(2, 8):
        script.report(0, 1.0, step=step)
    assert threads[:4] == ["loop", "thread", "thread", "thread"]
    assert threads[5:] == ["loop"]
