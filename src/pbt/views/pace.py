"""The pace of training in a live view: time elapsed and to go, reports per second, members that just took over."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from pbt.errors import counted
from pbt.population.entries import Entry, Reported
from pbt.population.population import Population

_WINDOW = 20.0
"""Seconds, at least, over which a rate is measured; later on, a third of the whole time."""
_SAMPLES = 50
_SOON = 3.0
"""Seconds of training before a rate says anything, and for which a take-over stays marked at least."""


class _Sample(NamedTuple):
    at: float
    reports: int
    steps: float


class Pace:
    """Measures from `begin` on; the entries before it are history.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self._samples: deque[_Sample] = deque()
        self._before: int | None = None
        self._training = False
        self._took: dict[int, float] = {}
        self._reported: set[int] = set()
        self.exploits = 0

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """A listener: see `pbt.coordinator.follower.Listener`."""
        if isinstance(entry.event, Reported):
            self._reported.update(r.member for r in entry.event.reports)
        for decision in entry.decisions:
            self.exploits += decision.exploits
            if decision.source is not None and self._began is not None:
                self._took[decision.member] = self._clock()
                self._reported.discard(decision.member)

    def begin(self) -> None:
        """Training begins, or goes on, now."""
        self._began = self._clock()

    def just_took_over(self) -> frozenset[int]:
        """Members that took over weights and have not reported since, or did so a moment ago."""
        now = self._clock()
        self._took = {m: at for m, at in self._took.items() if m not in self._reported or now - at < _SOON}
        return frozenset(self._took)

    def words(self, population: Population | None, stands: bool = False) -> str:
        """All of it on one line.

        Args:
            stands: nothing moves, so that no time to go can be told.
        """
        now = self._clock()
        elapsed = now - (now if self._began is None else self._began)
        said = [f"{_clock(elapsed)} elapsed"]
        if population is not None:
            reports, to_go = self._measure(population, now, elapsed)
            said += [words for words in (to_go, reports) if words and not stands]
            said.append(counted(self.exploits, "exploit"))
        return " · ".join(said)

    def _measure(self, population: Population, now: float, elapsed: float) -> tuple[str, str]:
        window = max(_WINDOW, elapsed / 3)
        sample = _Sample(now, population.reports, _trained(population))
        samples = self._samples
        if self._before is None:
            self._before = sample.reports
        if not self._training:  # setting up, which lasts until the first report, is no training
            samples.clear()
            self._training = sample.reports > self._before
        if not samples or now - samples[-1].at >= window / _SAMPLES:
            samples.append(sample)
        while len(samples) > 2 and now - samples[1].at > window:
            samples.popleft()
        first = samples[0]
        span = now - first.at
        if span < _SOON or population.finished:
            return "", ""
        rate = (sample.steps - first.steps) / span
        left = (population.settings.steps or 0) * len(population.members) - sample.steps
        to_go = f"about {_about(left / rate)} to go" if rate > 0 and left > 0 else ""
        return _rate((sample.reports - first.reports) / span), to_go


def _trained(population: Population) -> float:
    """The sum of the members' steps, each up to the last one; a done member counts with all of them."""
    steps = population.settings.steps
    if steps is None:
        return 0.0
    return float(sum(steps if m.done else min(m.step, steps) for m in population.members))


def _clock(seconds: float) -> str:
    minutes, s = divmod(int(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def _about(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)} {unit}"
    return f"{max(1, round(seconds))} s"


def _rate(per_second: float) -> str:
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:.{0 if per_second * seconds >= 10 else 1}f} reports/{unit}"
    return ""
