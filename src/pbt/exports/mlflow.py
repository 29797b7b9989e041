"""MLflow: an experiment for a population, a run for each member. Needs mlflow, or mlflow-skinny with a server.

Hyperparameters are metrics, since they change and MLflow refuses a parameter that does; parameters are what never
changes. The experiment's tag ``pbt.written`` is the last entry that was told.
"""

from __future__ import annotations

import logging
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from pbt.errors import PBTError, SettingsError
from pbt.exports.tracking import Point, constants
from pbt.population.recorded import Settings

_MOST = 900
"""Metrics in a request; MLflow takes 1,000."""
_LONGEST = 250
_FORBIDDEN = re.compile(r"[^\w.\- /]")


class MLflow:
    """A tracker: see `pbt.exports.tracking.Tracker`.

    Args:
        uri: what MLflow calls a tracking URI; empty: ``$MLFLOW_TRACKING_URI``.
        name: of the experiment.
    """

    def __init__(self, uri: str, name: str) -> None:
        logging.getLogger("alembic").setLevel(logging.WARNING)
        try:
            from mlflow.entities import Metric, Param, RunTag
            from mlflow.tracking import MlflowClient
        except ImportError:
            raise SettingsError("MLflow needs its package: pip install 'pbtrain[mlflow]'") from None
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self._metric: Any = Metric
        self._param: Any = Param
        self._tag: Any = RunTag
        self._name = name
        self._uri = uri
        self._client: Any = self._called(MlflowClient, tracking_uri=uri or None)
        self._experiment = ""
        self._settings: Settings | None = None
        self._runs: dict[int, str] = {}
        self._waiting: dict[int, list[Any]] = defaultdict(list)
        self._names: dict[str, str] = {}

    def begin(self, settings: Settings) -> int:
        """See `Tracker`."""
        self._settings = settings
        found = self._called(self._client.get_experiment_by_name, self._name)
        if found is None:
            tags = {"pbt.seed": str(settings.seed)}
            self._experiment = self._called(self._client.create_experiment, self._name, tags=tags)
            return 0
        if found.tags.get("pbt.seed") != str(settings.seed):
            raise PBTError(f"MLflow has an experiment {self._name!r} of something else: give another name with --name")
        self._experiment = found.experiment_id
        token: str | None = None
        while True:
            page = self._called(self._client.search_runs, [self._experiment], max_results=1000, page_token=token)
            self._runs |= {int(run.data.tags["pbt.member"]): run.info.run_id for run in page}
            token = page.token
            if not token:
                return int(found.tags.get("pbt.written", 0))

    def point(self, member: int, point: Point) -> None:
        """See `Tracker`."""
        at = int(point.time * 1000)
        waiting = self._waiting[member]
        waiting += [self._metric(self._key(name), x, at, point.step) for name, x in point.numbers.items()]
        if len(waiting) >= _MOST:
            self._send(member)

    def tag(self, member: int, tags: dict[str, str]) -> None:
        """See `Tracker`."""
        told = [self._tag(name, value[-5000:]) for name, value in tags.items()]
        self._called(self._client.log_batch, self._run(member), tags=told)

    def end(self, member: int, failed: bool) -> None:
        """See `Tracker`."""
        self._send(member)
        self._called(self._client.set_terminated, self._run(member), "FAILED" if failed else "FINISHED")

    def commit(self, entry: int) -> None:
        """See `Tracker`."""
        for member in [*self._waiting]:
            self._send(member)
        self._called(self._client.set_experiment_tag, self._experiment, "pbt.written", str(entry))

    def close(self) -> None:
        """See `Tracker`: there is nothing open."""

    def _run(self, member: int) -> str:
        if member not in self._runs:
            tags = {"pbt.member": str(member), "pbt.population": self._name}
            run = self._called(
                self._client.create_run, self._experiment, run_name=f"member-{member:03d}", tags=tags
            )  # fmt: skip
            self._runs[member] = run.info.run_id
            assert self._settings is not None
            params = [self._param(self._key(n), str(v)) for n, v in constants(self._settings).items()]
            for at in range(0, len(params), 100):
                self._called(self._client.log_batch, run.info.run_id, params=params[at : at + 100])
        return self._runs[member]

    def _send(self, member: int) -> None:
        waiting = self._waiting.pop(member, [])
        for at in range(0, len(waiting), _MOST):
            self._called(self._client.log_batch, self._run(member), metrics=waiting[at : at + _MOST])

    def _key(self, name: str) -> str:
        """A name that MLflow takes: other characters become underscores, told apart by a number where need be."""
        if name not in self._names:
            key = base = _FORBIDDEN.sub("_", name)[:_LONGEST]
            n = 1
            while key in self._names.values():
                n += 1
                key = f"{base}-{n}"
            self._names[name] = key
        return self._names[name]

    def _called(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # MLflow's own, those of its database, of the network
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise PBTError(f"MLflow at {self._uri or 'its tracking URI'}: {first}; call again to go on") from None


def uri_of(rest: str) -> str:
    """The tracking URI behind ``mlflow://``: a host with a port, a database file, or nothing."""
    if rest.startswith(("http:", "https:", "sqlite:", "postgresql", "mysql", "databricks")) or not rest:
        return rest
    if rest.startswith(("/", ".", "~")) or rest.endswith(".db"):
        return f"sqlite:///{Path(os.path.expanduser(rest)).absolute()}"
    return f"http://{rest}"
