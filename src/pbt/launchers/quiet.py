"""Quiet: no report comes for a while. What the workers' logs say of it is shown where people look: at the launcher."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Sequence

from pbt.launchers.workers import Worker
from pbt.population.population import Population
from pbt.worker.waits import paused_words

PATIENCE, FIRST_PATIENCE = 30.0, 60.0
"""Seconds without a report after which the reason is looked for; before the first, when scripts import and set up."""
_USUAL = 1.5
"""Times the longest of the last gaps between two reports, below which a gap is as usual."""
_GAPS = 50
_EVERY = 5.0
"""Seconds between two looks into the logs."""
_TROUBLE = re.compile(r"member \d+ waits: |trying again|no room")
"""In a line that a worker writes when what it waits for does not come by itself: a full disk, a server that is away."""


class Quiet:
    """Judges by the reports of all workers.

    Args:
        where: the population's folder or URL.
        clock: monotonic seconds.
    """

    def __init__(self, where: str, workers: Sequence[Worker], clock: Callable[[], float] = time.monotonic) -> None:
        self._where = where
        self._workers = workers
        self._clock = clock
        self._last = clock()
        self._gaps: deque[float] = deque(maxlen=_GAPS)
        self._met = False
        self._looked = -_EVERY
        self._said = ""

    def heard(self) -> None:
        """A report came."""
        now = self._clock()
        if self._met:
            self._gaps.append(now - self._last)
        self._met, self._last = True, now
        self._looked = now - _EVERY

    def words(self, population: Population | None) -> str:
        """Why nothing is reported, or where that is told; "" while all is as usual."""
        now = self._clock()
        if not any(worker.running for worker in self._workers):
            return ""
        if now - self._looked >= _EVERY:
            self._looked = now
            self._said = self._paused(population) or self._reason(now - self._last)
        return self._said

    def _paused(self, population: Population | None) -> str:
        """Where nobody can be trained before somebody resumes them."""
        left = [] if population is None or population.finished else [m for m in population.members if not m.done]
        if all(m.paused and (m.due or m.lease is None or m.lease.ended) for m in left) and left:
            return paused_words(self._where, [m.id for m in left])
        return ""

    def _reason(self, silent: float) -> str:
        if silent < PATIENCE:
            return ""
        running = [worker for worker in self._workers if worker.running]
        said = [(worker, worker.tail().rpartition("\n")[2].strip()) for worker in running]
        begin = f"no report for {silent:.0f} s"
        for worker, line in said:
            if worker.printed() < silent and _TROUBLE.search(line):  # what it said before the last report is over
                return f"{begin}; worker {worker.slot} says: {line} (its output: {worker.log_quoted})"
        usual = _USUAL * max(self._gaps, default=0.0) if self._met else FIRST_PATIENCE
        if silent < usual:
            return ""
        worker, line = next((pair for pair in said if pair[1]), said[0])
        told = f"worker {worker.slot} printed last: {line}" if line else "the workers have printed nothing"
        return f"{begin}; {told} (the output of worker {worker.slot}: {worker.log_quoted})"
