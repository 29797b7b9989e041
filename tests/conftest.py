"""Fixtures for all tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

from pbt import preempt
from tests.support import services
from tests.support.postgres import stop_postgres
from tests.support.services import S3
from tests.support.stored import KEPT, Kept
from tests.support.worlds import WORLDS, ServerWorld, World

os.environ.pop("PBT_URL", None)
os.environ.pop("PBT_KEY", None)
os.environ.pop("PBT_RUN", None)
os.environ.pop("PBT_JOURNAL", None)
os.environ.pop("PBT_JOURNAL_URL", None)
with pytest.MonkeyPatch.context() as _one_thread, suppress(ImportError):
    # Read once, when it is loaded: each of several processes with a thread for each core takes three times as long.
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        _one_thread.setenv(_name, "1")
    import scipy.linalg  # noqa: F401
# A commit passes or fails, whoever runs its tests and how fast; what explains a failure traces every line.
_calm = settings(deadline=None, phases=[phase for phase in Phase if phase is not Phase.explain])
settings.register_profile("same", _calm, derandomize=True)
settings.register_profile("anew", _calm)
settings.load_profile("same")
_state = tempfile.TemporaryDirectory()
os.environ["XDG_STATE_HOME"] = _state.name


def pytest_sessionfinish() -> None:
    """Nothing that tests have started outlives them."""
    stop_postgres()
    _state.cleanup()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow all but the first of the parameters of a test that is marked `slow_but_first`."""
    seen = set()
    for item in items:
        test = item.nodeid.partition("[")[0]
        if item.get_closest_marker("slow_but_first") and test in seen:
            item.add_marker("slow")
        seen.add(test)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """With $PBT_NO_SKIP, as in CI, a skip for want of a package is a failure."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("PBT_NO_SKIP") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be: {call.excinfo.value if call.excinfo else report.longrepr}"


@pytest.fixture(params=[pytest.param(w, marks=pytest.mark.slow if w == "postgres" else ()) for w in WORLDS])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A population in memory, in a folder, in one that machines share, behind a server, and behind two."""
    made = WORLDS[request.param](tmp_path)
    yield made
    made.check()
    made.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServerWorld]:
    """A server with an empty folder."""
    made = ServerWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=list(KEPT))
def kept(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """A store of checkpoints: a folder, an object store, and the server's."""
    service = request.getfixturevalue("s3") if request.param == "objects" else None
    made = KEPT[request.param](tmp_path, service, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """A process that speaks S3; skipped where there is none."""
    with services.s3() as service:
        yield service


@pytest.fixture(autouse=True)
def nobody_asked_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that asks this process to stop does not stop the next one."""
    monkeypatch.setattr(preempt, "_requested", False)
