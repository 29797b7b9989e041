"""A line for each new client, save and exploit, as the original server printed them."""

from __future__ import annotations

from collections.abc import Sequence

from pbt.coordinator.answer import Answer
from pbt.population.entries import Report
from pbt.population.population import Population
from pbt.wire.messages import Save


class Verbose:
    """Prints to standard output, a line an event."""

    def joined(self, answer: Answer) -> None:
        """A client has come."""
        if answer.member is not None:
            self._say(f"client {answer.member} joined")

    def reported(self, reports: Sequence[Report], answers: Sequence[Answer], population: Population) -> None:
        """Members have reported."""
        for report, answer in zip(reports, answers, strict=True):
            if answer.checkpoint is not None and answer.checkpoint.member != report.member:
                self._say(f"client {report.member} exploited client {answer.checkpoint.member}")
            self._say(f"client {report.member} saved {report.checkpoint or 'nothing'} with {report.score}")

    def saved(self, said: Save) -> None:
        """A client has saved, after it took over what it was offered before, if it did."""
        report, source = said.report, said.decision.source if said.decision is not None else None
        if source is not None:
            self._say(f"client {report.member} exploited client {source.member}")
        self._say(f"client {report.member} saved {report.checkpoint} with {report.score}")

    @staticmethod
    def _say(line: str) -> None:
        print(line, flush=True)
