"""How a population stands, as plain data: for ``pbt status``, and for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pbt.coordinator.leases import held
from pbt.population.entries import Entry, Leased, Lost, Report, Reported
from pbt.population.rules import undone
from pbt.population.value import Population
from pbt.views.table import note_exploits, parent_of, state_of
from pbt.views.words import checkpoint_path
from pbt.where import is_url


class Status:
    """What only the entries tell: who exploited whom last, and what deserves a warning."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.exploited: dict[int, int] = {}
        self.warnings: dict[str, str] = {}
        self._given: set[int] = set()

    def hear(self, entry: Entry, before: Population | None) -> None:
        """Listen to one entry; see `Follower.listen`."""
        note_exploits(entry, self.exploited)
        if isinstance(entry.event, Reported) and before is not None:
            for report in entry.event.reports:
                self._compare(before, report)
        if isinstance(entry.event, Leased):
            self._given.add(entry.event.member)
        self._given.update(d.member for d in entry.decisions if d.start != "on" or d.hyperparameters is not None)
        if isinstance(entry.event, Lost):
            self.warnings[entry.event.checkpoint] = (
                f"checkpoint {entry.event.checkpoint} was lost, and its users were cured"
            )

    def _compare(self, before: Population, report: Report) -> None:
        m = before.members[report.member]
        first = m.id in self._given
        self._given.discard(m.id)
        for name, value in report.used.items():
            if first and undone(m, name, value):
                decided = (m.hyperparameters or {})[name]
                self.warnings[f"{m.id}/{name}"] = (
                    f"member {m.id} trained with {name}={value!r} at step {report.step}, but {decided!r} was decided: "
                    "loading a checkpoint brought the old value back; set the hyperparameters after the load"
                )


def status_of(population: Population, seen: Status) -> dict[str, Any]:
    """Members, best, state, who waits for a worker, warnings; names as in docs/journal.md."""
    alive = _judge(seen.where)
    best = population.best
    members = [
        {
            "member": m.id,
            "step": m.step,
            "score": m.score,
            "hyperparameters": m.hyperparameters,
            "exploited_from": seen.exploited.get(m.id),
            "weights_of": parent_of(m),
            "state": state_of(population, m, alive),
            "lease": m.lease.number if m.lease else 0,
        }
        for m in population.members
    ]
    waiting = [d["member"] for d in members if d["state"] in ("free", "orphaned")]
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
              "hyperparameters": best.hyperparameters},
        "members": members,
        "waiting_for_a_worker": [] if population.finished else waiting,
        "warnings": [*seen.warnings.values(), *_warnings(population)],
    }  # fmt: skip


def _judge(where: str) -> Any:
    """Whether a lease's holder lives, where this machine can see that."""
    if is_url(where):
        return None
    from pbt import place

    alive = place.alive(Path(where))
    return lambda m: held(m, alive)


def _warnings(population: Population) -> list[str]:
    """What the members' last reports give reason for."""
    found = []
    for m in population.members:
        if m.failed:
            found.append(f"member {m.id} failed for good: {m.why.note}")
        elif m.losses:
            workers = "its last worker" if m.losses == 1 else f"its last {m.losses} workers"
            found.append(f"member {m.id}: {workers} ended without having saved anything")
        elif m.lease is not None and m.lease.ended == "failed" and not m.done:
            found.append(f"member {m.id}: its last worker ended with an error; see the worker's output, under logs/")
        if m.score in ("nan", "inf", "-inf"):
            found.append(f"member {m.id} reported {m.score} at step {m.step}: it ranks as worst")
    return found
