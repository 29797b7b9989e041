"""A line for each new client, save and exploit, as the original server printed them."""

from __future__ import annotations

from collections.abc import Sequence

from pbt.coordinator.answer import Answer
from pbt.population.entries import Report
from pbt.population.population import Population


class Verbose:
    """Prints to standard output, a line an event."""

    def __init__(self) -> None:
        self._offers: dict[int, int] = {}

    def joined(self, answer: Answer) -> None:
        """A client has come."""
        if answer.member is not None:
            self._say(f"client {answer.member} joined")

    def reported(self, reports: Sequence[Report], answers: Sequence[Answer], population: Population) -> None:
        """A client has saved, after it took over what it was offered before, if it did."""
        for report, answer in zip(reports, answers, strict=True):
            if report.took and report.member in self._offers:
                self._say(f"client {report.member} exploited client {self._offers[report.member]}")
            elif report.took is None and answer.checkpoint is not None and answer.checkpoint.member != report.member:
                self._say(f"client {report.member} exploited client {answer.checkpoint.member}")
            self._say(f"client {report.member} saved {report.checkpoint or 'nothing'} with {report.score}")
            if answer.offer is not None:
                self._offers[report.member] = answer.offer.member

    @staticmethod
    def _say(line: str) -> None:
        print(line, flush=True)
