"""How a population stands, as plain data: for ``pbt status``, and for programs."""

from __future__ import annotations

from typing import Any

from pbt.population.entries import Entry, Leased, Report, Reported
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.schedule import schedule
from pbt.population.used import trained_with, undone
from pbt.views.judge import judge_for, lacking_a_worker, notes_on, states_of
from pbt.views.losses import Losses
from pbt.views.summary import checkpoint_path, fetch_command
from pbt.views.table import note_exploits, parent_of


class Status:
    """Facts that only the entries tell: each member's last exploit, and warnings."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.exploited: dict[int, int] = {}
        self.warnings: dict[str, str] = {}
        self.losses = Losses()
        self._given: set[int] = set()

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """A listener: see `pbt.coordinator.follower.Listener`."""
        note_exploits(entry, self.exploited)
        if isinstance(entry.event, Reported) and before is not None:
            for report in entry.event.reports:
                self._compare(before, report)
        if isinstance(entry.event, Leased):
            self._given.add(entry.event.member)
        self._given.update(d.member for d in entry.decisions if d.start != "on" or d.hyperparameters is not None)
        self.losses.hear(before, entry, after)

    def _compare(self, before: Population, report: Report) -> None:
        m = before.members[report.member]
        if m.id not in self._given or trained_with(m, report) != m.hyperparameters:
            return
        self._given.discard(m.id)
        for name, value in report.used.items():
            if undone(m, name, value):
                decided = (m.hyperparameters or {})[name]
                self.warnings[f"{m.id}/{name}"] = (
                    f"member {m.id} trained with {name}={value!r} at step {report.step}, but {decided!r} was decided: "
                    "loading a checkpoint brought the old value back; set the hyperparameters after the load"
                )


def status_of(population: Population, seen: Status, lineage: Lineage) -> dict[str, Any]:
    """Members, best, state, members without a worker, warnings; names as in docs/journal.md."""
    states = states_of(population, judge_for(seen.where))
    best, lost = population.best, seen.losses.note()
    notes = [*([lost] if lost is not None else []), *notes_on(population, seen.where)]
    members = [
        {
            "member": m.id,
            "step": m.step,
            "score": m.score,
            "hyperparameters": m.hyperparameters,
            "exploited_from": seen.exploited.get(m.id),
            "weights_of": parent_of(m),
            "state": states[m.id],
            "lease": m.lease.number if m.lease else 0,
        }
        for m in population.members
    ]
    return {
        "state": "finished" if population.finished else "unfinished",
        "entries": population.count,
        "reports": population.reports,
        "maximize": population.settings.maximize,
        "steps": population.settings.steps,
        "seed": population.settings.seed,
        "best": None
        if best is None
        else {"score": best.score, "member": best.member, "step": best.step, "checkpoint": best.id,
              "path": checkpoint_path(seen.where, population.settings, best),
              "fetch": fetch_command(seen.where, population.settings),
              "hyperparameters": best.hyperparameters,
              "schedule": [{"step": step, "hyperparameters": values} for step, values in schedule(lineage, best)]},
        "members": members,
        "waiting_for_a_worker": lacking_a_worker(population, states),
        "warnings": [*seen.warnings.values(), *(f"{note.what}; {note.do}" for note in notes)],
    }  # fmt: skip
