"""TensorBoard event files from a journal: score and every hyperparameter of every member over steps, and HPARAMS.

Needs tensorboardX, which needs neither TensorFlow nor torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from pbt.disk.whole import replace
from pbt.errors import PBTError
from pbt.exports.tracking import ended, height
from pbt.population.entries import Entry, Reported, real, score_of
from pbt.population.member import MemberState
from pbt.population.population import Population
from pbt.population.used import trained_with

MARK = "pbt-tensorboard.json"


class _Mark(msgspec.Struct):
    seed: int
    written: int


class EventFiles:
    """Writes one run per member below `logdir`; a second call goes on after the last entry that is written.

    `hear` is a listener: see `pbt.coordinator.follower.Listener`.

    Raises:
        PBTError: tensorboardX is missing, or `logdir` holds another population.
    """

    def __init__(self, logdir: Path) -> None:
        try:
            import tensorboardX
        except ImportError:
            raise PBTError("TensorBoard files need tensorboardX: pip install 'pbtrain[tensorboard]'") from None
        self._make: Any = tensorboardX.SummaryWriter
        self._logdir = logdir
        self._writers: dict[int, Any] = {}
        self._count = 0
        self._mark: _Mark | None = None
        if (logdir / MARK).exists():
            self._mark = msgspec.json.decode((logdir / MARK).read_bytes(), type=_Mark)

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """Write the reports of one entry, unless they are written already."""
        self._count += 1
        if self._count == 1:
            self._begin(entry)
        if self._mark is None or self._count <= self._mark.written:
            return
        if isinstance(entry.event, Reported) and before is not None:
            for report in entry.event.reports:
                m = before.members[report.member]
                writer = self._writer(report.member)
                for past in report.history:
                    writer.add_scalar("score", real(score_of(past)), past.step, entry.time)
                writer.add_scalar("score", real(score_of(report)), report.step, entry.time)
                for name, value in (trained_with(m, report) or {}).items():
                    at = height(before.settings, name, value)
                    writer.add_scalar(f"hyperparameters/{name}", at, report.step, entry.time)
        for m in ended(before, entry, after):
            self._conclude(m)
        self._mark.written = self._count

    def _conclude(self, m: MemberState) -> None:
        """Write the hyperparameters with which a member ended, which TensorBoard reads once a run."""
        from tensorboardX.summary import hparams

        for summary in hparams(dict(m.hyperparameters or {}), {"score": None}):
            self._writer(m.id).file_writer.add_summary(summary)

    def _begin(self, entry: Entry) -> None:
        seed = entry.event.settings.seed  # type: ignore[union-attr]
        if self._mark is None:
            self._logdir.mkdir(parents=True, exist_ok=True)
            self._mark = _Mark(seed, 0)
        elif self._mark.seed != seed:
            raise PBTError(f"{self._logdir} holds the files of another population: name another --logdir")

    def _writer(self, member: int) -> Any:
        if member not in self._writers:
            self._writers[member] = self._make(str(self._logdir / f"member-{member:03d}"), flush_secs=3600)
        return self._writers[member]

    def flush(self) -> None:
        """Make everything heard so far visible, and remember how far that is."""
        for writer in self._writers.values():
            writer.flush()
        if self._mark is not None:
            replace(self._logdir / MARK, msgspec.json.encode(self._mark))

    def close(self) -> None:
        """Flush, and close the files."""
        self.flush()
        for writer in self._writers.values():
            writer.close()
