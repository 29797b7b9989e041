"""Servers to be attacked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pbt.client.remote import Remote
from pbt.server.keys import Key
from pbt.settings import wanted
from tests.security import READ
from tests.support.population import SPACE
from tests.support.worlds import KEY, ServerWorld


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[ServerWorld]:
    """A server with two keys and one population."""
    made = ServerWorld(tmp_path)
    made.app.request_check.key = Key(KEY, reading=READ)
    remote = Remote(made.url, KEY)
    remote.create(wanted(space=SPACE, members=2, steps=5, interval=1, maximize=True))
    remote.close()
    yield made
    made.close()
