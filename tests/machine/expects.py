"""What a coordinator must do when something is said to it, from PROTOCOL.md: an event, a refusal, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from pbt.errors import Conflict, Invalid, LeaseLost, NobodyFree, PBTError, UnknownMember
from pbt.population import changes
from pbt.population.changes import Steer
from pbt.population.entries import (
    Absent,
    Decision,
    Leased,
    Lost,
    Released,
    Report,
    Reported,
    Steered,
    Why,
    canonical,
)
from tests.machine.model import Member, Model, mean_of

Gone = set[tuple[int, int]]


@dataclass
class Refused:
    """An error of this class, and nothing in the journal."""

    error: type[PBTError]


Expected = Refused | list[Any]
"""A refusal, or the events that must stand in the journal afterwards; none: it was said before, or too late."""


def to_reports(model: Model, gone: Gone, given: Sequence[Report]) -> Expected:
    """One report, or several at once: all are taken, or none; of several, those whose lease is lost are passed over."""
    if len({r.member for r in given}) < len(given):
        return Refused(Invalid)
    taken: list[Report] = []
    late: list[Released] = []
    giving_way: list[Released] = []
    for report in given:
        verdict = _to_report(model, gone, canonical(Reported((report,))).reports[0])  # type: ignore[union-attr]
        if isinstance(verdict, Refused) and len(given) > 1 and verdict.error is LeaseLost:
            continue
        if isinstance(verdict, Refused):
            return verdict
        if isinstance(verdict, Report):
            taken.append(verdict)
        elif verdict is not None:
            replaced = model.are_replaced(model.members[report.member], report)
            (late if report.release and replaced else giving_way).append(verdict)
    if taken:
        return [Reported(tuple(taken)), *late]
    return [*(late or giving_way)]


def _to_report(model: Model, gone: Gone, r: Report) -> Refused | Report | Released | None:
    if not 0 <= r.member < len(model.members):
        return Refused(UnknownMember)
    m = model.members[r.member]
    if m.last is not None and (m.last.lease, m.last.seq) == (r.lease, r.seq):
        return _to_repeat(model, gone, m, r)
    if m.lease is None or m.lease.number != r.lease or m.lease.ended:
        return Refused(LeaseLost)
    if r.seq <= (m.last.seq if m.last is not None and m.last.lease == r.lease else 0):
        return Refused(Conflict)
    if model.are_replaced(m, r):
        return Released(m.id, r.lease) if r.release else _giving_way(model, gone, m, r)
    if model.goal_reached:
        return None
    if model.waits(m):
        return Refused(Conflict)
    if not _is_in_order(model, m, r):
        return Refused(Invalid)
    return replace(r, release=r.release or _turn_is_over(model, gone, m, r))


def _to_repeat(model: Model, gone: Gone, m: Member, r: Report) -> Refused | Released | None:
    assert m.last is not None
    if replace(r, release=False) != replace(m.last, release=False):
        return Refused(Conflict)
    return _giving_way(model, gone, m, r)


def _giving_way(model: Model, gone: Gone, m: Member, r: Report) -> Released | None:
    """A turn that waits while it could train another: one that a round lacks, or any, where its own is paused."""
    assert m.lease is not None and model.settings is not None
    mine = m.lease.number == r.lease and not m.lease.ended
    if not (mine and m.lease.turn and m in model.due()) or model.finished():
        return None
    if not model.settings.synchronous:
        return Released(m.id, r.lease) if m.id in model.paused and model.available(gone) else None
    lacks = any(o in model.living() for o in model.available(gone))
    return Released(m.id, r.lease) if lacks else None


def _is_in_order(model: Model, m: Member, r: Report) -> bool:
    """The step goes forward, a checkpoint is there where one is due, and has its report's name."""
    assert model.settings is not None
    steps = [m.step, *(past.step for past in r.history), r.step]
    if any(b <= a for a, b in pairwise(steps)):
        return False
    last = model.settings.steps is not None and r.step >= model.settings.steps
    due = r.step >= m.ready or last or r.release or model.reaches_goal(mean_of(r))
    if r.checkpoint is None:
        return not due
    return r.checkpoint == f"{r.member}/{r.lease}-{r.seq}"


def _turn_is_over(model: Model, gone: Gone, m: Member, r: Report) -> bool:
    assert m.lease is not None and model.settings is not None
    if not m.lease.turn or r.checkpoint is None or r.step < m.lease.began + model.settings.turn_steps:
        return False
    return any(o is not m and o.saved_step < r.step for o in model.available(gone))


def to_join(model: Model, gone: Gone, nonce: str, wish: int | None, turn: bool) -> Expected:
    """A lease on the member furthest behind that nobody trains."""
    assert model.settings is not None
    for m in model.members:
        if m.lease is not None and m.lease.nonce == nonce and not m.lease.ended:
            return []
    grows = model.settings.members is None and not model.goal_reached
    if model.finished() and not grows:
        return []
    if wish is None and grows:
        return [Leased(len(model.members), 1, nonce, turn)]
    if wish is not None and not 0 <= wish < len(model.members):
        return Refused(UnknownMember)
    if wish is not None and model.done(model.members[wish]):
        return Refused(Invalid)
    free = [m for m in model.available(gone) if wish in (None, m.id)]
    if not free:
        return [] if wish is None else Refused(NobodyFree)
    newest = free[0].lease
    return [Leased(free[0].id, 1 if newest is None else newest.number + 1, nonce, turn)]


def to_told(model: Model, event: Any, decisions: Sequence[Decision] = ()) -> Expected:
    """`released`, `lost`, `absent` of a lease that is over say nothing new; nor a decision on one decided on since."""
    if isinstance(event, Absent):
        still = tuple(pair for pair in event.members if _can_be_missed(model, *pair))
        return [Absent(still)] if still else []
    if isinstance(event, Steered):
        stale = any(d.decided != model.members[d.member].decisions for d in decisions)
        return [] if stale or event.nonce in model.steered else [event]
    assert isinstance(event, Released | Lost)
    m = model.members[event.member]
    if m.lease is None or m.lease.number != event.lease or m.lease.ended:
        return []
    if isinstance(event, Lost):
        known = m.broken and m.cure  # another may have told before, for whom this one was not cured
        current = m.checkpoint is not None and m.checkpoint.id == event.checkpoint
        if known or not (current or model.began_with_lost(m)):
            return []
    return [event]


def to_steered(model: Model, asked: Steer) -> Expected:
    """The entry of a change, or that it can not be made now."""
    change = asked.change
    if asked.nonce in model.steered:
        return []
    entry: dict[str, Any] | None = None
    if isinstance(change, changes.Pause) and not model.goal_reached:
        trained = [m.id for m in model.members if m.id in change.members and not model.done(m)]
        entry = {"pause": sorted({*trained} - model.paused)}
    elif isinstance(change, changes.Resume):
        entry = {"resume": sorted(model.paused & ({*change.members} or model.paused))}
    elif isinstance(change, changes.Pin):
        entry = {"pin": sorted({change.checkpoint} - {pin.id for pin in model.pins})}
    elif isinstance(change, changes.Unpin):
        entry = {"unpin": [change.checkpoint]}
    elif isinstance(change, changes.Bound):
        assert model.settings is not None
        lr: Any = model.settings.space["lr"]
        entry = {"bound": {} if (change.low, change.high) == (lr.min, lr.max) else {"lr": [change.low, change.high]}}
    elif isinstance(change, changes.Assign) and _can_be_set(model, change):
        entry = {"set": list(change.members)}
    if entry is None or not next(iter(entry.values())):
        return Refused(Conflict)
    return [Steered(entry, asked.by)]


def _can_be_set(model: Model, change: changes.Assign) -> bool:
    m = model.members[change.members[0]]
    known = m.hyperparameters
    return not (model.done(m) or model.goal_reached) and known is not None and known["lr"] != change.values["lr"]


def assigned(model: Model, change: Any, by: str) -> tuple[Decision, ...]:
    """The decision by which values are set."""
    if not isinstance(change, changes.Assign) or not _can_be_set(model, change):
        return ()
    assert model.settings is not None
    m = model.members[change.members[0]]
    values = model.settings.space.clip({**(m.hyperparameters or {}), **change.values})
    why = Why(note=f"by {by}", operations=dict.fromkeys(change.values, "by hand"))
    return (Decision(m.id, m.ready, hyperparameters=values, why=why, decided=m.decisions),)


def _can_be_missed(model: Model, id: int, number: int) -> bool:
    """A barrier waits for it: it lives, is not due, and nobody has leased it since."""
    m = model.members[id]
    return m in model.living() and m not in model.due() and number == (0 if m.lease is None else m.lease.number)


def to_finish(model: Model, id: int, lease: int) -> Expected:
    """`member.finish()` is a stop."""
    m = model.members[id]
    if m.lease is None or m.lease.number != lease or m.lease.ended:
        return []
    return [] if model.done(m) else [Steered({"finish": id}, by="worker")]


def answer(model: Model, id: int, lease: int) -> dict[str, Any]:
    """How a member stands, for the holder of `lease`."""
    assert model.settings is not None
    m = model.members[id]
    stop = model.finished() or model.done(m)
    at_end = model.finished() and (model.goal_reached or model.settings.members is not None)
    return {
        "member": id,
        "lease": lease,
        "seq": m.last.seq if m.last is not None and m.last.lease == lease else 0,
        "steps": model.settings.steps,
        "goal": model.settings.goal,
        "maximize": model.settings.maximize,
        "seed": model.settings.seed,
        "step": m.step,
        "hyperparameters": m.hyperparameters or {},
        "checkpoint": m.checkpoint,
        "ready": m.ready,
        "decisions": m.decisions,
        "given": m.given,
        "wait": model.waits(m) and not stop,
        "stop": stop,
        "released": m.lease is None or m.lease.number != lease or m.lease.ended != "",
        "failed": m.failed,
        "keep": model.keep(m),
        "drop": m.drop,
        "referenced": tuple(sorted(model.referenced())) if at_end else None,
    }


LEASE = ("number", "nonce", "turn", "began", "saved", "ended")
MEMBER = (
    "hyperparameters",
    "checkpoint",
    "before",
    "step",
    "score",
    "ready",
    "decisions",
    "given",
    "since",
    "owed",
    "standing",
    "broken",
    "losses",
    "misses",
    "stopped",
    "failed",
    "absent",
    "done",
    "last",
)


def member(model: Model, id: int) -> dict[str, Any]:
    """A member as it must be seen."""
    m = model.members[id]
    plain = {name: getattr(m, name) for name in MEMBER if name not in ("standing", "done")}
    lease = None if m.lease is None else {name: getattr(m.lease, name) for name in LEASE}
    more = {"standing": model.standing(m), "done": model.done(m), "evaluations": m.evaluations, "drop": m.drop}
    return {**plain, **more, "due": m in model.due(), "lease": lease}


def population(model: Model) -> dict[str, Any]:
    """All members together, as they must be seen."""
    return {
        "ranked": [m.id for m in model.ranked()],
        "due": [m.id for m in model.due()],
        "best": model.best,
        "finished": model.finished(),
        "referenced": model.referenced(),
        "keep": {m.id: model.keep(m) for m in model.members},
        "reached": model.goal_reached,
        "living": len(model.living()),
        "paused": sorted(model.paused),
        "pins": model.pins,
        "undone": sum(not model.done(m) for m in model.members),
    }


def same(got: Any, must: Any) -> bool:
    """The same event, but for what only its writer knows."""
    if isinstance(got, Leased) and isinstance(must, Leased):
        return replace(got, sign="") == replace(must, sign="")
    if isinstance(got, Steered) and isinstance(must, Steered):
        return replace(got, nonce="") == replace(must, nonce="")
    return type(got) is type(must) and got == must


def stopped(model: Model, id: int) -> tuple[Decision, ...]:
    """The decision that `finish` is."""
    return (Decision(id, model.members[id].ready, stop=True, why=Why(note="finished by its worker")),)
