"""Pictures for notebooks: what `plot` gives."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pbt.population.lineage import Lineage
from pbt.population.population import Population


@dataclass(frozen=True)
class Picture:
    """A picture, which a notebook shows as the value of a cell.

    Attributes:
        png: the content of a PNG file.
    """

    png: bytes

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return f"Picture({len(self.png):,} bytes of PNG)"


def picture_of(
    population: Population, lineage: Lineage, title: str, path: str | os.PathLike[str] | None, family: bool = False
) -> Picture:
    """Scores and schedule, or the family.

    Args:
        path: a .png, .svg or .pdf file that is written, too.

    Raises:
        PBTError: as `pbt.views.pictures.draw`.
    """
    from pbt.views.history import History
    from pbt.views.pictures import ALL, FAMILY, check_matplotlib, draw, drawn

    check_matplotlib()
    history, parts = History(population, lineage), FAMILY if family else ALL
    if path is not None:
        draw(history, Path(path), title, parts=parts)
    return Picture(drawn(history, title, parts=parts))


class PlottedLineage(Lineage):
    """The lineage of a run, which can be drawn."""

    def of_run(self, population: Population, title: str) -> None:
        """Whose lineage it is, once it has been followed to the end."""
        self._population, self._title = population, title

    def plot(self, path: str | os.PathLike[str] | None = None) -> Picture:
        """The family tree of the living members and shares of clades: as ``pbt plot --family`` draws them.

        Args:
            path: a .png, .svg or .pdf file that is written, too.

        Returns:
            A picture that a notebook shows.

        Raises:
            PBTError: matplotlib is missing; no member has reported yet; or the file can not be written.
        """
        return picture_of(self._population, self, self._title, path, family=True)
