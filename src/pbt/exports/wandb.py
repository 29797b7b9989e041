"""Weights & Biases: a group for a population, a run for each member; offline with ``WANDB_MODE=offline``.

Its steps must never fall back, those of a member do, so they are a metric of their own, ``member_step``. How far it was
told stands in ``wandb/pbt-NAME.json``, which is written when the runs are closed: what is killed before is told again.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import msgspec

from pbt.disk.whole import replace
from pbt.errors import PBTError, SettingsError
from pbt.exports.tracking import Point, constants
from pbt.population.recorded import Settings


class _Mark(msgspec.Struct):
    seed: int
    written: int


class WandB:
    """A tracker: see `pbt.exports.tracking.Tracker`.

    Args:
        place: PROJECT or ENTITY/PROJECT; empty: a project with the population's name.
        name: of the group.
    """

    def __init__(self, place: str, name: str) -> None:
        try:
            import wandb
        except ImportError:
            raise SettingsError("Weights & Biases needs its package: pip install 'pbtrain[wandb]'") from None
        self._wandb: Any = wandb
        entity, _, project = place.rpartition("/")
        self._entity, self._project = entity or None, re.sub(r"[^\w.-]", "_", project or name)[:128]
        self._name = name
        self._dir = Path(os.environ.get("WANDB_DIR", "."))
        self._mark = self._dir / "wandb" / f"pbt-{re.sub(r'[^A-Za-z0-9._-]', '_', name)}.json"
        self._settings: Settings | None = None
        self._runs: dict[int, Any] = {}
        self._told = 0

    def begin(self, settings: Settings) -> int:
        """See `Tracker`."""
        self._settings = settings
        if not self._mark.exists():
            return 0
        mark = msgspec.json.decode(self._mark.read_bytes(), type=_Mark)
        if mark.seed != settings.seed:
            raise PBTError(f"{self._mark} is of another population: give another name with --name")
        return mark.written

    def point(self, member: int, point: Point) -> None:
        """See `Tracker`."""
        self._run(member).log({"member_step": point.step, "reported": point.time, **point.numbers})

    def tag(self, member: int, tags: dict[str, str]) -> None:
        """See `Tracker`: what is longer than a tag may be stands in the summary."""
        run = self._run(member)
        run.summary.update(tags)
        short = [f"{name.removeprefix('pbt.')}={value}" for name, value in tags.items() if name != "pbt.lineage"]
        run.tags = (f"member={member}", *(text for text in short if len(text) <= 64))

    def end(self, member: int, failed: bool) -> None:
        """See `Tracker`."""
        self._run(member).finish(exit_code=int(failed))
        del self._runs[member]

    def commit(self, entry: int) -> None:
        """See `Tracker`: it is on the disk once the runs are closed."""
        self._told = entry

    def close(self) -> None:
        """See `Tracker`."""
        for run in self._runs.values():
            run.finish()
        self._runs.clear()
        if self._told and self._settings is not None:
            self._mark.parent.mkdir(parents=True, exist_ok=True)
            replace(self._mark, msgspec.json.encode(_Mark(self._settings.seed, self._told)))

    def _run(self, member: int) -> Any:
        if member not in self._runs:
            assert self._settings is not None
            whose = f"{self._name}\0{self._settings.seed}\0{member}"
            try:
                self._dir.mkdir(parents=True, exist_ok=True)
                run = self._wandb.init(
                    project=self._project, entity=self._entity, group=self._name[:128], name=f"member-{member:03d}",
                    id=hashlib.sha256(whose.encode()).hexdigest()[:16], resume="allow", reinit="create_new",
                    dir=str(self._dir), config=constants(self._settings),
                    settings=self._wandb.Settings(
                        silent=True, console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True,
                        save_code=False, disable_code=True,
                    ),
                )  # fmt: skip
            except Exception as error:  # its own, those of the network, a login that is missing
                first = (str(error).splitlines() or [type(error).__name__])[0]
                raise PBTError(f"Weights & Biases: {first}; WANDB_MODE=offline needs no account") from None
            run.define_metric("*", step_metric="member_step")
            self._runs[member] = run
        return self._runs[member]
