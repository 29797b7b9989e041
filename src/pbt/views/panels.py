"""One panel for each hyperparameter: the schedule that led to the best, before the values of all members."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pbt.population.schedule import schedule
from pbt.space.domains import FROM_ONE, Choice, Domain, Float, Int, Ordinal
from pbt.space.space import Values
from pbt.space.values import Value
from pbt.views.history import History, band_in_force, drawable, in_force, pieces_of, places
from pbt.views.looks import FAINT, LATER, LIT, plain_numbers
from pbt.views.summary import shortened
from pbt.views.table import number_text

_BOUND: dict[str, Any] = {"color": "#333", "linewidth": 0.7, "linestyle": (0, (6, 3))}


class Panel:
    """One hyperparameter over steps."""

    def __init__(self, history: History, name: str, found: Sequence[tuple[int, Values]]) -> None:
        self._history = history
        self._name = name
        self._domain: Domain = history.population.settings.space[name]
        self._places = {(type(v), v): n for n, v in enumerate(getattr(self._domain, "values", ()))}
        self._found = found
        self._bounded = self._later = False

    def height(self, value: Value) -> float:
        """Where a value stands on the axis: itself, or its place among the domain's values."""
        if isinstance(self._domain, Float | Int):
            return drawable(float(value))  # type: ignore[arg-type]
        return float(self._places.get((type(value), value), -1))

    @property
    def _numeric(self) -> bool:
        return isinstance(self._domain, Float | Int)

    def handles(self) -> dict[str, Any]:
        """The marks for a legend, by their labels."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        found: dict[str, Any] = {}
        if self._found:
            found["lineage of the best"] = Line2D([], [], color=LIT, linewidth=2.2)
        if self._later:
            found["the same member after it"] = Line2D([], [], color=LIT, linewidth=1.3, linestyle=LATER)
        if len(self._history.population.members) > 1:
            if self._numeric:
                found["25 to 75 % of all"] = Patch(color=FAINT, alpha=0.4, linewidth=0)
            else:
                found["darker: more members"] = Patch(color=FAINT, alpha=0.9, linewidth=0)
        if self._bounded:
            found["bound of the space"] = Line2D([], [], **_BOUND)
        return found

    def draw(self, axis: Any, most: int) -> None:
        """Fill `axis`; its name has at most `most` characters."""
        import numpy as np

        pieces = pieces_of(self._history.lineage.segments, self._name, self.height)
        shown = self._schedule(axis)
        if self._numeric:
            shown.extend(self._band(axis, pieces))
            self._scale(axis, np.array(shown))
        else:
            self._shares(axis, pieces)
        axis.set_title(shortened(self._name, most), fontsize=9.5, pad=3).set_in_layout(False)

    def _schedule(self, axis: Any) -> list[float]:
        best, ending = self._history.population.best, self._history.ending
        if best is None or ending is None or not self._found:
            return []
        values = [self.height(values[self._name]) for _, values in self._found]
        steps = [step for step, _ in self._found]
        axis.step([*steps, best.step], [*values, values[-1]], where="post", color=LIT, linewidth=2.2, zorder=4)
        later = [(step, self.height(v[self._name])) for step, v in ending.segment.changes if step >= best.step]
        at = [best.step, *(step for step, _ in later), ending.step]
        after = [values[-1], *(value for _, value in later)]
        axis.step(
            at, [*after, after[-1]], where="post", color=LIT, linewidth=1.3, linestyle=LATER, zorder=4
        )  # fmt: skip
        axis.plot(best.step, values[-1], "*", color=LIT, markersize=11, zorder=5)
        self._later = ending.step > best.step
        return [*values, *after]

    def _band(self, axis: Any, pieces: Any) -> list[float]:
        """Draw the middle half of the values in force; the values to make room for."""
        if len(self._history.population.members) < 2 or not len(pieces):
            return [float(v) for v in pieces[:, 2]]
        steps, (low, high) = band_in_force(pieces, self._history.last, [0.25, 0.75])
        edges = [*steps, self._history.last]
        axis.fill_between(
            edges, [*low, low[-1]], [*high, high[-1]], step="post", color=FAINT, alpha=0.3, linewidth=0
        )  # fmt: skip
        settled = [n for n, step in enumerate(steps) if step >= self._history.last / 4] or range(len(steps))
        return [edge[n] for n in settled for edge in (low, high)]

    def _scale(self, axis: Any, shown: Any) -> None:
        from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

        domain = self._domain
        assert isinstance(domain, Float | Int)
        low, high = (float(shown.min()), float(shown.max())) if len(shown) else (float(domain.min), float(domain.max))
        if isinstance(domain, Int) and high - low < 2:  # a whole one above and below, or no tick is a value
            low, high = max(low - 1, domain.min), min(high + 1, domain.max)
        if domain.log == FROM_ONE:
            low, high = _near_one(axis, low, high)
        elif domain.log:
            axis.set_yscale("log")
            margin = max((high / low) ** 0.1, 1.08)
            low, high = low / margin, high * margin
            axis.set_ylim(low, high)
            few: Any = LogLocator(
                subs=(1.0, 2.0, 5.0) if high / low < 30 else (1.0, 3.0) if high / low < 300 else (1.0,)
            )
            if high / low < 5:
                few = MaxNLocator(4, integer=isinstance(domain, Int))
            axis.yaxis.set_major_locator(few)
            axis.yaxis.set_minor_locator(NullLocator())
        else:
            margin = 0.1 * (high - low) or abs(high) * 0.1 or 0.1
            low, high = low - margin, high + margin
            axis.set_ylim(low, high)
            axis.yaxis.set_major_locator(MaxNLocator(4, integer=isinstance(domain, Int)))
        plain_numbers(axis.yaxis, *((high, 1.0) if domain.log == FROM_ONE else (low, high)))
        for bound in (domain.min, domain.max):
            if low <= bound <= high:
                axis.axhline(bound, **_BOUND)
                self._bounded = True

    def _shares(self, axis: Any, pieces: Any) -> None:
        """How many members used each of the values, as shades."""
        import numpy as np
        from matplotlib.colors import LinearSegmentedColormap

        labels = [shortened(number_text(v), 18) for v in getattr(self._domain, "values", ())]
        steps = places(max(1, self._history.last))
        counts = np.zeros((len(labels), len(steps)))
        at, values = in_force(pieces, steps)
        np.add.at(counts, (values.astype(int), at), 1)
        shares = counts / np.maximum(counts.sum(axis=0), 1)
        if len(self._history.population.members) > 1:
            shades = LinearSegmentedColormap.from_list("shares", ["#ffffff", FAINT])
            edges = [*steps, self._history.last]
            axis.pcolormesh(edges, np.arange(len(labels) + 1) - 0.5, shares, cmap=shades, vmin=0, vmax=1)
        every = -(-len(labels) // 8)
        axis.set_yticks(range(0, len(labels), every), labels[::every], fontsize=8)
        axis.set_ylim(-0.5, len(labels) - 0.5)


def _near_one(axis: Any, low: float, high: float) -> tuple[float, float]:
    """The logarithmic scale of 1 - x, with ticks at 0.9, 0.99 and so on; what it reaches from and to."""
    import numpy as np
    from matplotlib.ticker import FixedLocator, NullLocator

    axis.set_yscale("function", functions=(lambda x: -np.log10(np.maximum(1.0 - x, 1e-16)), lambda y: 1.0 - 10.0**-y))
    margin = max(((1.0 - low) / (1.0 - high)) ** 0.1, 1.08)
    far, near = (1.0 - low) * margin, (1.0 - high) / margin
    parts = (1.0,) if far / near >= 300 else (1.0, 3.0) if far / near >= 30 else (1.0, 2.0, 5.0)
    powers = range(math.floor(math.log10(near)), math.ceil(math.log10(far)) + 1)
    ticks = [part * 10.0**power for power in powers for part in parts]
    axis.yaxis.set_major_locator(FixedLocator([1.0 - tick for tick in ticks if near <= tick <= far] or [low, high]))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.set_ylim(1.0 - far, 1.0 - near)
    return 1.0 - far, 1.0 - near


def panels_of(history: History) -> list[Panel]:
    """One for each hyperparameter that is explored."""
    best = history.population.best
    found = schedule(history.lineage, best) if best is not None else []
    domains = history.population.settings.space.domains
    return [Panel(history, name, found) for name, domain in domains.items() if _explored(domain)]


def fixed_text(history: History) -> list[str]:
    """The hyperparameters that do not change along a lineage, in words."""
    best, domains = history.population.best, history.population.settings.space.domains
    names = [name for name, domain in domains.items() if not _explored(domain)]
    if best is None or not names:
        return []
    said = ", ".join(f"{name}={number_text(best.hyperparameters.get(name))}" for name in names)
    return [shortened(f"not explored: {said}", 130)]


def _explored(domain: Domain) -> bool:
    return isinstance(domain, Float | Int | Ordinal | Choice) and domain.explore
