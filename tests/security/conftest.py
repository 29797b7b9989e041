"""Servers to be attacked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbt.client.remote import Remote
from pbt.server.keys import Key
from pbt.settings import wanted
from tests.security import READ
from tests.support.population import SPACE
from tests.support.worlds import KEY, ServerWorld


@contextlib.contextmanager
def two_keys(folder: Path) -> Iterator[ServerWorld]:
    """A server with two keys and one population."""
    made = ServerWorld(folder)
    made.app.request_check.key = Key(KEY, reading=READ)
    remote = Remote(made.url, KEY)
    remote.create(wanted(space=SPACE, members=2, steps=5, interval=1, maximize=True))
    remote.close()
    yield made
    made.close()


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[ServerWorld]:
    """A server with two keys and one population."""
    with two_keys(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    """The same, for tests that change nothing."""
    with two_keys(tmp_path_factory.mktemp("standing")) as made:
        yield made
