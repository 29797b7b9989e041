"""The reason of one decision: the journal's own words, what was changed, and the ranking that it saw."""

from __future__ import annotations

import math

from msgspec.structs import replace

from pbt.errors import NotFound
from pbt.population.entries import Decision, Entry, Number, Steered, number
from pbt.population.fold import decided, happened
from pbt.population.population import Population
from pbt.population.ranking import Ranked
from pbt.population.rules import ranked_in, standing
from pbt.space.numbers import real
from pbt.views.asked import Asked
from pbt.views.followed import Followed
from pbt.views.reasons import sentence
from pbt.views.shapes import DecisionLine, MemberDecisions, Reason, Seen


def reason(followed: Followed, asked: Asked) -> Reason:
    """The decision on ``member`` in ``entry``.

    Raises:
        NotFound: there is none.
    """
    entry, member = asked.number("entry", low=1), asked.number("member")
    found = followed.decision(member, entry)
    if found is None:
        raise NotFound(f"journal entry {entry} decides nothing on member {member}")
    before, said = followed.moments.at(followed.journal, entry)
    population = _found(happened(before, said.event), said, member)
    row = found.row
    recorded = next(d for d in said.decisions if d.member == member)
    decision = replace(recorded, hyperparameters=row.hyperparameters, why=row.why)
    own = population.members[member].hyperparameters if member < len(population.members) else None
    return Reason(
        entry, said.time, member, row.step, decision, sentence(*found), found.before, own, row.hyperparameters,
        _seen(population, decision),
    )  # fmt: skip


def _found(population: Population, said: Entry, member: int) -> Population:
    """What the strategy saw: after the decisions that came from outside, of which the member's was none."""
    by_hand = isinstance(said.event, Steered)
    outside = [d for d in said.decisions if d.decided is not None or (by_hand and d.stop and not d.failed)]
    told = any(d.member == member for d in outside)
    return population if told or not outside else decided(population, outside)


def decisions(followed: Followed, asked: Asked) -> MemberDecisions:
    """All decisions on ``member``.

    Raises:
        UnknownMember: there is no such member.
    """
    member = followed.population.member(asked.number("member")).id
    rows = [
        DecisionLine(row.entry, row.time, row.step, row.start, row.parent, sentence(row, before), row.hyperparameters)
        for row, before in followed.decisions(member)
    ]
    return MemberDecisions(followed.entry, rows)


def last_sentence(followed: Followed, member: int) -> str | None:
    """The reason of a member's last decision; None before its birth."""
    found = followed.decision(member)
    return None if found is None else sentence(*found)


def _seen(population: Population, decision: Decision) -> Seen:
    """The ranking as the decision found it: of the member's sub-population where that is what it ranked in."""
    ranked = _group(population, decision)
    ids, k = [id for _, id in ranked], decision.why.k
    scores: list[Number] = [_score(population, key, id) for key, id in ranked]
    first = [m.id for m, _ in zip(standing(population, ranked), range(k), strict=False)]
    return Seen(ids, scores, ids[len(ids) - k :] if k else [], first)


def _group(population: Population, decision: Decision) -> Ranked:
    if decision.why.of == len(population.ranked) or decision.member >= len(population.members):
        return population.ranked
    group = ranked_in(population, population.members[decision.member].role)
    return group if decision.why.of == len(group) else population.ranked


def _score(population: Population, key: float, id: int) -> Number:
    """The score by which a member ranks; one that is not finite is its last."""
    if math.isfinite(key):
        return number(-key if population.settings.maximize else key)
    score = population.members[id].score
    return "nan" if score is None or math.isfinite(real(score)) else score
