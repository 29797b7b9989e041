"""The fold: how an entry changes a population. No I/O, no clock, no chance of its own.

`apply` = `happened` followed by `decided`; the coordinator uses the halves apart, since a strategy
decides between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from pbt.errors import JournalError
from pbt.population.draft import Draft
from pbt.population.entries import (
    Absent,
    Checkpoint,
    Created,
    Decision,
    Entry,
    Event,
    Explored,
    Leased,
    Lost,
    Number,
    Released,
    Report,
    Reported,
    Steered,
    evaluations,
    score_of,
)
from pbt.population.losses import against, nothing_to_show
from pbt.population.member import Lease, MemberState, Unheard
from pbt.population.population import Population
from pbt.population.ranking import key_of
from pbt.population.steered import steer
from pbt.population.used import trained_with

REMEMBERED = 10
"""Evaluations kept for the t-test of Jaderberg et al. 2017, which compares the last 10."""
CURE_AFTER = 3
"""Leases in a row without anything to show after which a member is cured."""
FAILED_AFTER = 2 * CURE_AFTER
"""As many after which it has failed."""


def apply(population: Population | None, entry: Entry) -> Population:
    """The population after `entry`."""
    return apply_all(population, (entry,))


def apply_all(population: Population | None, entries: Iterable[Entry]) -> Population:
    """The population after all `entries`, as by applying one after the other, without the values in between.

    Raises:
        JournalError: there are none, and nothing before them.
    """
    draft = None if population is None else Draft(population)
    for entry in entries:
        draft = Draft(_created(entry.event)) if draft is None else _happen(draft, entry.event)
        _decide_all(draft, entry.decisions)
    if draft is None:
        raise JournalError("the journal is empty: nothing was created here yet")
    return draft.freeze()


def refold(entries: Iterable[Entry]) -> Population:
    """The population that all `entries` fold to.

    Raises:
        JournalError: if there are none.
    """
    return apply_all(None, entries)


def happened(population: Population | None, event: Event) -> Population:
    """The population with the event applied, before any decision."""
    return _created(event) if population is None else _happen(Draft(population), event).freeze()


def decided(population: Population, decisions: Sequence[Decision]) -> Population:
    """The population after the decisions of the entry whose event `happened`; this counts the entry."""
    if not decisions:
        return replace(population, count=population.count + 1, speakers=())
    draft = Draft(population)
    _decide_all(draft, decisions)
    return draft.freeze()


def _created(event: Event) -> Population:
    if not isinstance(event, Created):
        raise JournalError("the journal does not begin with 'created': its beginning is missing")
    n = event.settings.members or 0
    members = tuple(MemberState(id=i) for i in range(n))
    return Population(settings=event.settings, members=members, due=tuple(range(n)), living=n, undone=n)


def _happen(draft: Draft, event: Event) -> Draft:
    if isinstance(event, Created):
        raise JournalError("the journal says 'created' twice: two populations were written into one")
    _HAPPENED[type(event)](draft, event)
    draft.settle()
    return draft


def _decide_all(draft: Draft, decisions: Sequence[Decision]) -> None:
    draft.count += 1
    for decision in decisions:
        _decide(draft, decision, draft.count)
    draft.settle()
    draft.speakers = ()


def _decide(draft: Draft, decision: Decision, entry: int) -> None:
    m = draft[decision.member]
    count = m.decisions + 1
    common: dict[str, Any] = {
        "decisions": count,
        "ready": decision.ready,
        "due": False,
        "cure": False,
        "why": decision.why,
    }
    values = decision.hyperparameters
    if decision.role is not None:
        common["role"] = decision.role
    if decision.contends is not None:
        common["contends"] = decision.contends
    if decision.start == "on":
        if decision.decided is not None and not decision.stop:
            # Told from outside: it changes hyperparameters, and is not what a member that is due waits for.
            common.update(due=m.due, cure=m.cure)
        if values is not None:
            common.update(hyperparameters=values, former=m.hyperparameters, owed=0)
            common["unheard"] = (*m.unheard, Unheard(count, m.hyperparameters))
        common["offer"] = decision.parents[0] if decision.parents else None
    else:
        parent, teachers = decision.source, decision.teachers
        draft.hold(m, parent, *teachers)
        common.update(
            checkpoint=parent,
            before=None,
            teachers=teachers,
            start=decision.start,
            step=parent.step if parent else 0,
            score=parent.score if parent else None,
            evaluations=parent.evaluations if parent else (),
            since=parent.step if parent else 0,
            hyperparameters=values,
            former=m.hyperparameters,
            unheard=(),
            native=m.unborn or (m.native and values == m.hyperparameters and (not parent or parent.member == m.id)),
            owed=entry if decision.owed else 0,
            standing=False,
            broken=False,
            stopped=False,
            failed=False,
            losses=0 if m.stopped else m.losses,
            misses=0,
        )
    if decision.gives:
        common["given"] = count
    if decision.stop:
        # The first entries of format 1 said it in the note alone.
        common.update(stopped=True, owed=0, failed=decision.failed or decision.why.note.startswith("failed: "))
    draft.put(replace(m, **common))


def _leased(draft: Draft, event: Leased) -> None:
    if event.member == len(draft.members) and draft.settings.members is None:
        draft.grow(MemberState(id=event.member))
    m = draft[event.member]
    losses, misses = m.losses, m.misses
    if against(draft, m):
        losses, misses = losses + 1, 0
    elif nothing_to_show(m):
        misses += 1
    cure = m.broken or (losses > m.losses and losses % CURE_AFTER == 0)
    back = m.checkpoint
    draft.speakers = (event.member,)
    draft.put(
        replace(
            m,
            lease=Lease(
                number=event.number,
                nonce=event.nonce,
                turn=event.turn,
                sign=event.sign,
                began=back.step if back else 0,
                shown=draft.shown,
            ),
            losses=losses,
            misses=misses,
            unheard=(),
            absent=False,
            cure=cure or m.cure,
            due=m.due or cure,
            step=back.step if back else 0,
            score=back.score if back else None,
            evaluations=back.evaluations if back else (),
        ),
    )


def _released(draft: Draft, event: Released) -> None:
    m = draft[event.member]
    if m.lease is None or m.lease.number != event.lease or m.lease.ended:
        return
    draft.put(_end_lease(m, "failed" if event.failed else "orderly"))


def _end_lease(m: MemberState, how: str) -> MemberState:
    assert m.lease is not None
    return replace(m, lease=replace(m.lease, ended=how))


def _reported(draft: Draft, event: Reported) -> None:
    draft.speakers = tuple([r.member for r in event.reports])
    for report in event.reports:
        draft.reports += 1 + len(report.history)
        m = draft.members[report.member]
        score = score_of(report)
        before = m.evaluations
        if report.history:
            before = (*before, *(e for past in report.history for e in evaluations(past)))
            m = replace(m, reports=m.reports + len(report.history))
        seen = (*before, *evaluations(report))[-REMEMBERED:]
        if m.unheard:
            m = replace(m, unheard=tuple([u for u in m.unheard if u.decision > report.decided]))
        if report.checkpoint is None:
            m = replace(
                m, step=report.step, score=score, evaluations=seen, last=report, drop=(), reports=m.reports + 1,
            )  # fmt: skip
        else:
            m = _saved(draft, m, report, score, seen)
        draft.put(_end_lease(m, "orderly") if report.release else m)


def _saved(draft: Draft, m: MemberState, report: Report, score: Number, seen: tuple[Number, ...]) -> MemberState:
    settings, values = draft.settings, trained_with(m, report)
    assert report.checkpoint is not None and values is not None and m.lease is not None
    checkpoint = Checkpoint(report.checkpoint, m.id, report.step, score, values, seen)
    key = key_of(score, settings.maximize)
    before = None if m.broken or settings.foreign else m.checkpoint
    draft.shown += 1
    draft.hold(m, checkpoint, before, *m.teachers)
    if m.contends:
        draft.contend(checkpoint, key)
        if settings.goal is not None and key <= key_of(settings.goal, settings.maximize):
            draft.reached = True
    return replace(
        m, step=report.step, score=score, evaluations=seen, last=report, drop=(), reports=m.reports + 1,
        checkpoint=checkpoint, before=before, start="on", key=key, standing=True, broken=False, losses=0, misses=0,
        cure=False, due=report.step >= m.ready, lease=m.lease if m.lease.saved else replace(m.lease, saved=True),
    )  # fmt: skip


def _explored(draft: Draft, event: Explored) -> None:
    for id, values in event.values.items():
        m = draft[id]
        if m.owed == event.entry:
            draft.put(replace(m, hyperparameters=values, owed=0, why=event.why.get(id, m.why)))


def _lost(draft: Draft, event: Lost) -> None:
    for m in tuple(draft.members):
        if m.before is not None and m.before.id == event.checkpoint:
            draft.hold(m, m.checkpoint, *m.teachers)
            draft.put(replace(m, before=None))
        elif m.checkpoint is not None and m.checkpoint.id == event.checkpoint:
            said = m.id == event.member
            if m.before is None:
                draft.put(replace(m, broken=True, standing=False, cure=m.cure or said, due=m.due or said))
            else:
                m = _fallen_back(draft, m, m.before)
                in_hand = m.lease is not None and not m.lease.ended
                draft.put(m if in_hand and not said else _from_checkpoint(m))
        elif m.id == event.member and m.began_with_lost:
            draft.put(_from_checkpoint(m))
    draft.lose(event.checkpoint)


def _fallen_back(draft: Draft, m: MemberState, to: Checkpoint) -> MemberState:
    """From a lost checkpoint to the one before it. A holder that can read its weights goes on where it is."""
    draft.hold(m, to, *m.teachers)
    own = to.member == m.id
    key = key_of(to.score, draft.settings.maximize) if own else m.key
    return replace(m, checkpoint=to, before=None, standing=own, key=key)


def _from_checkpoint(m: MemberState) -> MemberState:
    """What it did since is undone. Hyperparameters that were decided for a later step are decided on again."""
    to = m.checkpoint
    assert to is not None
    others = to.member == m.id and m.hyperparameters != to.hyperparameters
    due = to.step >= m.ready or others
    return replace(m, step=to.step, score=to.score, evaluations=to.evaluations, due=due)


def _absent(draft: Draft, event: Absent) -> None:
    for id, number in event.members:
        m = draft[id]
        if m.newest == number and not m.due:
            draft.put(replace(m, absent=True))


_HAPPENED: dict[type[Any], Callable[[Draft, Any], None]] = {
    Leased: _leased,
    Released: _released,
    Reported: _reported,
    Explored: _explored,
    Lost: _lost,
    Absent: _absent,
    Steered: steer,
}
