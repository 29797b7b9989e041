"""Members' states and warnings, judged once for every view: table, status, its JSON, doctor."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pbt.coordinator.leasing import held
from pbt.opening.opening import names_server
from pbt.population.member import MemberState
from pbt.population.population import Population

Held = Callable[[MemberState], bool]
"""Whether a member is in the hands of a living worker."""


class Note(NamedTuple):
    """A warning about a member, and its remedy."""

    what: str
    do: str


def judge_for(where: str) -> Held | None:
    """Judges whether a lease's holder lives; None where this machine can not see that: behind a server.

    Raises:
        JournalError: the folder is no population's.
    """
    if names_server(where):
        return None
    from pbt.opening import folder as folders

    return judge_in(folders.path_of(where))


def judge_in(folder: Path) -> Held:
    """`judge_for`, of a population's folder."""
    from pbt.opening import folder as folders

    alive = folders.alive(folder)
    return lambda m: held(m, alive)


def for_a_while(held: Held, seconds: float = 1.0) -> Held:
    """The same judge, which looks at a holder at most once in so many seconds."""
    seen: dict[int, tuple[int, float, bool]] = {}

    def judge(m: MemberState) -> bool:
        now = time.monotonic()
        lease, when, found = seen.get(m.id, (-1, 0.0, False))
        if lease != m.newest or now - when >= seconds:
            found = held(m)
            seen[m.id] = m.newest, now, found
        return found

    return judge


def in_training(population: Population, held: Held | None = None) -> Iterator[MemberState]:
    """The members that a worker holds; without `held` every holder is taken for living."""
    for m in population.members:
        if m.lease is not None and not m.lease.ended and not m.done and (held is None or held(m)):
            yield m


def state_of(population: Population, m: MemberState, held: Held | None = None) -> str:
    """The member's state in one word; without `held` every holder is taken for living."""
    if m.failed:
        return "failed"
    if m.done or population.reached:
        return "done"
    if m.absent:
        return "absent"
    if m.paused and (m.due or m.lease is None or m.lease.ended):
        return "paused"
    if m.waits:
        return "waiting"
    if m.lease is None or m.lease.ended:
        return "free"
    return "training" if held is None or held(m) else "orphaned"


def states_of(population: Population, held: Held | None = None) -> list[str]:
    """`state_of` every member: each holder is looked at once."""
    return [state_of(population, m, held) for m in population.members]


def lacking_a_worker(population: Population, states: list[str]) -> list[int]:
    """The members without a worker that a worker could train."""
    if population.finished:
        return []
    return [m.id for m, state in zip(population.members, states, strict=True) if state in ("free", "orphaned")]


def notes_on(population: Population, where: str | None = None) -> Iterator[Note]:
    """Notes about paused members, and about the members' last workers and reports.

    Args:
        where: the population, as commands take it; None: for its page, where things are done without any.
    """
    paused = [m.id for m in population.members if m.paused and not m.done]
    if paused:
        those = "1 member is" if len(paused) == 1 else f"{len(paused)} members are"
        them = "it" if len(paused) == 1 else "them"
        here = f"Change… on a server's page resumes {them}"
        how = here if where is None else f"pbt steer {shlex.quote(where)} resume, or at the page"
        yield Note(f"{those} paused: nothing is decided there", how)
    for m in population.members:
        if m.failed:
            yield Note(f"member {m.id} failed for good: {m.why.note}", "mend the script; pbt run tries it anew")
        elif m.losses:
            workers = "its last worker" if m.losses == 1 else f"its last {m.losses} workers"
            yield Note(
                f"member {m.id}: {workers} ended without having saved anything",
                "look at the end of the worker's output",
            )
        elif m.lease is not None and m.lease.ended == "failed" and not m.done:
            yield Note(f"member {m.id}: its last worker ended with an error", "look at the end of the worker's output")
        if m.score in ("nan", "inf", "-inf"):
            yield Note(
                f"member {m.id} reported {m.score} at step {m.step}: it ranks as worst",
                "nothing if it happens now and then: it takes over a better one's weights at its next decision",
            )
