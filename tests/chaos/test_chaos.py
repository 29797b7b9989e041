"""The short run of chaos; the longer one is ``python -m tests.chaos``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.harness import Chaos


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "server"), [(0, True), (1, False), (3, True), (4, False)])
def test_chaos(tmp_path: Path, seed: int, server: bool) -> None:
    chaos = Chaos(tmp_path, seed, server=server, workers=6, members=5, steps=24, kills=6, pause=0.1)
    population = chaos.run(limit=100)
    assert population.finished
    assert chaos.figures["workers killed"] >= 3, "it ended before there was any chaos"
    assert chaos.figures["acknowledged"] > 0
