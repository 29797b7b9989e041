"""The promises, checked from the journal alone, and against what workers wrote down."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pbt.population.entries import Entry, Lost, Reported
from pbt.population.fold import apply, decided, happened
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from tests.support.lineages import whole


def check_journal(entries: Sequence[Entry]) -> Population:
    """Every promise that a journal can show to have been broken."""
    population: Population | None = None
    seen: set[tuple[int, int, int]] = set()
    for number, entry in enumerate(entries, 1):
        before = population
        if isinstance(entry.event, Reported):
            assert before is not None
            for r in entry.event.reports:
                lease = before.members[r.member].lease
                assert lease is not None and lease.number == r.lease and not lease.ended, f"{number}: an old lease"
                assert (r.member, r.lease, r.seq) not in seen, f"{number}: report {r} a second time"
                seen.add((r.member, r.lease, r.seq))
                assert r.step > before.members[r.member].step, f"{number}: steps go back"
        middle = happened(before, entry.event)
        for decision in entry.decisions:
            for parent in decision.parents:
                assert middle.references(parent.id, parent.member), f"{number}: parent {parent.id} is gone"
                own = parent.member == decision.member
                assert own or middle.members[parent.member].living, f"{number}: parent {parent.id} is nobody's any more"
            if decision.hyperparameters is not None:
                assert decision.hyperparameters in middle.settings.space, f"{number}: outside the space"
        deciding = [d.member for d in entry.decisions]
        assert len(deciding) == len(set(deciding)), f"{number}: two decisions on one member"
        population = decided(middle, entry.decisions)
        assert population == apply(before, entry)
        assert len(population.referenced()) <= 2 * len(population.members) + 1
        for m in population.members:
            assert m.hyperparameters is None or m.hyperparameters in population.settings.space
    assert population is not None
    _check_lineages(entries, population)
    return population


def _check_lineages(entries: Sequence[Entry], population: Population) -> None:
    lineage = Lineage.of(entries)
    for m in population.members:
        if m.checkpoint is None:
            continue
        for segment, end in whole(lineage, m.checkpoint):
            steps = [step for step, _ in segment.scores if step <= end]
            assert steps == sorted(set(steps)), "steps within a lineage go back"


def check_notes(entries: Sequence[Entry], notes: Path) -> Counter[str]:
    """What workers were told is there ; every checkpoint that they loaded was published."""
    written = set(_keys(entries))
    checkpoints = {r.checkpoint for e in entries if isinstance(e.event, Reported) for r in e.event.reports}
    counts: Counter[str] = Counter()
    for note in _notes(notes):
        if "acknowledged" in note:
            counts["acknowledged"] += 1
            assert tuple(note["acknowledged"]) in written, f"{note} is not in the journal"
        if "loaded" in note:
            counts["loaded"] += 1
            assert note["loaded"] in checkpoints
        counts["lost leases"] += "lost" in note
    counts["checkpoints lost"] = sum(isinstance(e.event, Lost) for e in entries)
    return counts


def _keys(entries: Iterable[Entry]) -> Iterable[tuple[int, int, Any]]:
    for entry in entries:
        if isinstance(entry.event, Reported):
            yield from ((r.member, r.step, r.score) for r in entry.event.reports)


def _notes(folder: Path) -> Iterable[dict[str, Any]]:
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                yield json.loads(line)
