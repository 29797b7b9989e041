"""What must hold of any journal and of the checkpoints beside it, at the end of any test."""

from __future__ import annotations

from pathlib import Path

from pbt.opening import folder as folders
from pbt.population.entries import Decision, Entry, Leased, Reported, decode
from pbt.population.fold import refold
from pbt.population.population import Population
from tests.support.scripts import start


def entries(where: Path) -> list[Entry]:
    return [decode(body) for body in folders.reader(where).read(0)]


def check(where: Path) -> Population:
    """What must hold of the journal in a folder."""
    return check_entries(entries(where))


def check_entries(entries: list[Entry]) -> Population:
    """What must hold of any journal: no report under an old lease, keys once, parents alive, values in the space."""
    keys = set()
    newest: dict[int, int] = {}
    written: set[str] = set()
    for entry in entries:
        event = entry.event
        if isinstance(event, Leased):
            assert event.number == newest.get(event.member, 0) + 1
            newest[event.member] = event.number
        for report in event.reports if isinstance(event, Reported) else ():
            assert report.lease == newest[report.member]
            assert (report.member, report.lease, report.seq) not in keys
            keys.add((report.member, report.lease, report.seq))
            if report.checkpoint:
                written.add(report.checkpoint)
        for decision in entry.decisions:
            assert all(parent.id in written for parent in decision.parents)
    population = refold(entries)
    assert all(m.hyperparameters in population.settings.space for m in population.members)
    return population


def checkpoint_folders(where: Path) -> set[str]:
    root = where / "checkpoints"
    return {f"{p.parent.name}/{p.name}" for p in root.glob("*/*")} if root.exists() else set()


def exploits(where: Path) -> list[Decision]:
    return [d for e in entries(where) for d in e.decisions if d.start == "copy"]


def finish(where: Path, script: Path, workers: int = 2) -> Population:
    """Train what is left, and look at the end."""
    running = [start(script, where) for _ in range(workers)]
    for process in running:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    population = check(where)
    assert population.finished
    assert checkpoint_folders(where) == population.referenced()
    return population


def workers_of(script: str) -> list[int]:
    """Processes that run the script, found by their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode().split("\0")
        except OSError:
            continue
        if len(words) > 1 and words[1] == script:
            found.append(int(path.parent.name))
    return found
