"""What SCOUT shows of its memory: sources and probes, and how often each of its means has been right."""

from __future__ import annotations

from pbt.population.population import Population
from pbt.strategies.scouting import Scouted, Stint
from pbt.strategies.shown import Cell, Table


def panels(population: Population, memory: Scouted) -> list[Table]:
    """Two tables."""
    of = {stint.id: member for member, stint in memory.stints.items()}
    rows = [
        (member, *_standing(stint, of), stint.judged * population.settings.interval if stint.judged >= 0 else None)
        for member, stint in sorted(memory.stints.items())
        if stint.probe is not None or stint.status or stint.family
    ]
    used = (
        ("a probe wins: the share protected, and of replacements that are probes", round(memory.share, 3)),
        ("the model is asked for hyperparameters, once it has rows enough", round(memory.odds, 3)),
    )
    return [
        Table(
            "Sources and probes", ("member", "is", "of member", "judged at step"), tuple(rows),
            note="" if rows else "No member is a probe, and no source has been judged.",
        ),
        Table("What has been learnt", ("how likely", "probability"), used),
    ]  # fmt: skip


def _standing(stint: Stint, of: dict[int, int]) -> tuple[Cell, Cell]:
    """What a member is, and of whom; the source of a probe may be gone."""
    if stint.probe is not None:
        return "probe", of.get(stint.probe.source)
    if stint.status:
        return "source, its last probe won" if stint.status > 0 else "source, its last probe lost", None
    return "child of a confirmed source", None
