"""Reports and decisions of a journal into two files, without ever holding all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pbt.coordinator.follower import Follower
from pbt.errors import SettingsError
from pbt.exports.columns import Names, decision_columns, report_columns
from pbt.exports.files import FORMATS, Sink
from pbt.journals.journal import Reads
from pbt.population.population import Population
from pbt.views.rows import Recorded


class Exported(NamedTuple):
    """What was written."""

    reports: Path
    decisions: Path
    rows: tuple[int, int]


def export(
    journal: Reads, folder: Path, form: str, tell: Callable[[int], None] = lambda n: None, piece: int = 2000
) -> Exported:
    """Write ``reports`` and ``decisions`` into a folder, over what is there.

    The journal is read twice, first for the names of metrics; entries that come meanwhile are left out.

    Args:
        form: one of `FORMATS`.
        tell: is called now and then with the number of entries that were read.
        piece: entries whose rows are held at once, which are a group of a Parquet file.

    Raises:
        SettingsError: a package is missing, or the folder can not be written.
        Uncreated: nothing was created yet.
    """
    names = Names()
    population = _read(journal, None, lambda recorded, last: names.see(_drained(recorded)[0]), tell, piece)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _write(journal, folder, form, names, population, tell, piece)
    except OSError as error:
        raise SettingsError(f"{folder} can not be written: {error.strerror}") from None


def _write(
    journal: Reads, folder: Path, form: str, names: Names, population: Population, tell: Callable[[int], None],
    piece: int,
) -> Exported:  # fmt: skip
    paths = [folder / f"{name}.{form}" for name in ("reports", "decisions")]
    columns = [report_columns(population, names), decision_columns(population)]
    sinks: list[Sink] = []
    counts = [0, 0]

    def write(recorded: Recorded, last: bool) -> None:
        for i, rows in enumerate(_drained(recorded, last)):
            sinks[i].write(rows)
            counts[i] += len(rows)

    try:
        for path, each in zip(paths, columns, strict=True):
            sinks.append(FORMATS[form](path, each))
        _read(journal, population.count, write, tell, piece)
        for sink in sinks:
            sink.done()
    except BaseException:
        for sink in sinks:
            sink.drop()
        raise
    return Exported(paths[0], paths[1], (counts[0], counts[1]))


def _drained(recorded: Recorded, last: bool = True) -> tuple[list, list]:  # type: ignore[type-arg]
    reports = list(recorded.reports)
    recorded.reports.clear()
    return reports, recorded.take(last)


def _read(
    journal: Reads, up_to: int | None, take: Callable[[Recorded, bool], None], tell: Callable[[int], None], piece: int
) -> Population:
    """Fold the journal up to an entry, calling `take` after each piece."""
    follower, recorded, read = Follower(journal), Recorded(), 0
    follower.listen(recorded.hear)
    while up_to is None or read < up_to:
        now = follower.catch_up(piece if up_to is None else min(piece, up_to - read))
        read += now
        take(recorded, now == 0 or read == up_to)
        tell(read)
        if now == 0 or (up_to is None and now < piece):
            break
    return follower.population
