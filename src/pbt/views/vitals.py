"""Signs of how well a population does: what happened to workers and members, waits between reports, decisions."""

from __future__ import annotations

from array import array
from collections import Counter, deque
from typing import NamedTuple

from pbt.population.entries import Absent, Entry, Leased, Lost, Released, Reported, Steered
from pbt.population.population import Population
from pbt.space.numbers import real
from pbt.views.hands import OWN, what_changed

KEPT = 200
"""The latest incidents that are kept."""
_SHOWN = 240
"""Letters of a sentence on a change from outside."""


class Incident(NamedTuple):
    """Something that is out of the ordinary.

    Attributes:
        kind: "error": a worker gave its member back with an error; "taken over": a member whose worker had fallen
            silent; "lost": a checkpoint; "not finite": a score, for the first time since one was; "absent";
            "failed"; "begun anew"; "cured": it was given weights because its workers or its checkpoint failed;
            "steered": a change from outside.
        time: seconds since 1970.
        member: None: it is the population.
    """

    entry: int
    time: float
    kind: str
    member: int | None
    sentence: str


class Vitals:
    """A listener of the fold.

    Attributes:
        incidents: the latest.
        counts: of all, by kind.
        leased: when each member's newest lease began, in seconds since 1970.
        times, waits: of each report but the first under a lease: when it came, and the seconds since the one before.
        steps, exploits: of each decision but births: the member's step, and 1 where it took over another's weights.
    """

    def __init__(self) -> None:
        self.incidents: deque[Incident] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()
        self.leased: dict[int, float] = {}
        self.times, self.waits = array("d"), array("f")
        self.steps, self.exploits = array("d"), array("B")
        self._heard: dict[int, float] = {}

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """A listener: see `pbt.coordinator.follower.Listener`."""
        if before is None:
            return
        reported: dict[int, int] = {}
        if isinstance(entry.event, Reported):
            reported = self._report(entry.event, entry.time, before, after.count)
        else:
            self._event(entry, before, after.count)
        for d in entry.decisions:
            unborn = d.member >= len(before.members) or before.members[d.member].unborn
            if unborn:
                continue
            m = before.members[d.member]
            step, source = reported.get(d.member, m.step), d.source
            self.steps.append(step)
            self.exploits.append(d.exploits)
            at = f"member {d.member} at step {step:,}"
            if d.stop and d.failed:
                self._note(after.count, entry.time, "failed", d.member, f"{at} failed and is trained no further")
            elif d.start == "fresh":
                self._note(after.count, entry.time, "begun anew", d.member, f"{at} was begun anew")
            elif source is not None and (m.cure or m.broken or isinstance(entry.event, Lost)):
                whose = "its own" if source.member == d.member else f"member {source.member}'s"
                said = f"{at} was given {whose} checkpoint of step {source.step:,} to go on from"
                self._note(after.count, entry.time, "cured", d.member, said)

    def _report(self, event: Reported, time: float, before: Population, entry: int) -> dict[int, int]:
        for report in event.reports:
            m = before.members[report.member]
            last = self._heard.get(m.id)
            if last is not None:
                self.times.append(time)
                self.waits.append(max(0.0, time - last))
            self._heard[m.id] = time
            if isinstance(report.score, str) and (m.score is None or real(m.score) - real(m.score) == 0):
                said = f"member {m.id} reported {report.score} at step {report.step:,}"
                self._note(entry, time, "not finite", m.id, said)
        return {report.member: report.step for report in event.reports}

    def _event(self, said_in: Entry, before: Population, entry: int) -> None:
        event, time = said_in.event, said_in.time
        if isinstance(event, Leased):
            self._lease(event, time, before, entry)
        elif isinstance(event, Released) and event.failed:
            said = f"the worker of member {event.member} ended with an error"
            self._note(entry, time, "error", event.member, said)
        elif isinstance(event, Lost):
            said = f"member {event.member} found checkpoint {event.checkpoint} lost"
            self._note(entry, time, "lost", event.member, said)
        elif isinstance(event, Absent):
            for id, _ in event.members:
                self._note(entry, time, "absent", id, f"member {id} fell silent, and is waited for no longer")
        elif isinstance(event, Steered) and event.by not in OWN:
            by = f", by {event.by}" if event.by else ""
            why = f": {event.why}" if event.why else ""
            said = f"{what_changed(before, said_in, event)}{by}{why}"
            self._note(entry, time, "steered", None, said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…")

    def _lease(self, event: Leased, time: float, before: Population, entry: int) -> None:
        m = before.members[event.member] if event.member < len(before.members) else None
        if m is not None and m.lease is not None and not m.lease.ended and m.lease.nonce != event.nonce:
            said = f"another worker took over member {m.id} at step {m.saved_step:,}, whose worker had fallen silent"
            self._note(entry, time, "taken over", m.id, said)
        self.leased[event.member] = time
        self._heard.pop(event.member, None)

    def _note(self, entry: int, time: float, kind: str, member: int | None, sentence: str) -> None:
        self.incidents.append(
            Incident(entry, time, kind, member, f"{sentence[0].upper()}{sentence[1:]}".rstrip(".") + ".")
        )
        self.counts[kind] += 1
