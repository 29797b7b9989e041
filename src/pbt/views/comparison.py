"""Populations side by side: what was asked of them that differs, what came out, and the schedules that they found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from pbt.opening.opening import name_of
from pbt.population.entries import Entry, real
from pbt.population.lineage import Lineage
from pbt.population.population import Population
from pbt.population.ranking import key_of
from pbt.population.schedule import schedule, values_at
from pbt.space.names import flat
from pbt.views.fitting import without_middle
from pbt.views.table import number_text

PARTS = 5
"""Places along the steps at which schedules are told."""
_LONGEST = 48
"""Letters of a setting's value."""


class Side:
    """One population. `hear` is a listener: see `pbt.coordinator.follower.Listener`.

    Attributes:
        decided: decisions, births among them; `exploits` gave a member another one's weights.
        first, last: when the first and the last entry were written, in seconds since 1970.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self.name = name_of(where)
        self.lineage = Lineage()
        self.decided = self.exploits = 0
        self.first: float | None = None
        self.last: float | None = None
        self._population: Population | None = None

    def hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        """Go on by an entry."""
        self.lineage.follow(before, entry, after)
        self._population = after
        self.first, self.last = entry.time if self.first is None else self.first, entry.time
        for d in entry.decisions:
            self.decided += 1
            self.exploits += d.exploits

    @property
    def population(self) -> Population:
        """As last heard."""
        assert self._population is not None
        return self._population

    def outcome(self) -> dict[str, Any]:
        """What came out, as plain data."""
        p, best = self.population, self.population.best
        later = self.decided - sum(not m.unborn for m in p.members)
        return {
            "best": None if best is None else best.score,
            "best_member": None if best is None else best.member,
            "best_step": None if best is None else best.step,
            "step": max((m.step for m in p.members), default=0),
            "state": "finished" if p.finished else "unfinished",
            "reports": p.reports,
            "exploits": self.exploits,
            "exploit_rate": round(self.exploits / later, 4) if later else None,
            "failed": sum(m.failed for m in p.members),
            "seconds": None if self.first is None or self.last is None else round(self.last - self.first, 3),
        }

    def settings(self) -> dict[str, Any]:
        """Every setting by a flat name: of the space a domain each, of the strategy a parameter each."""
        said = msgspec.to_builtins(self.population.settings)
        space, strategy = said.pop("space"), self.population.settings.strategy
        del said["strategy"]
        found = {"strategy": strategy.name, **{f"strategy.{n}": v for n, v in strategy.parameters.items()}}
        found |= {f"space.{name}": _domain(self.population, name) for name in space["domains"]}
        if space.get("constraints"):
            found["space constraints"] = space["constraints"]
        return found | {name: v for name, v in said.items() if name != "overrides"}

    def schedule(self, parts: int = PARTS) -> list[dict[str, Any]]:
        """The schedule of the best at places at equal distances from its beginning to its end."""
        best = self.population.best
        if best is None:
            return []
        pieces = schedule(self.lineage, best)
        steps = sorted({round(best.step * i / (parts - 1)) for i in range(parts)})
        last = max(0, best.step - 1)
        return [{"step": step, "hyperparameters": values_at(pieces, min(step, last))} for step in steps]


def _domain(population: Population, name: str) -> str:
    return repr(population.settings.space.domains[name])


def differing(sides: Sequence[Side]) -> dict[str, list[Any]]:
    """The settings that are not the same in all, by name, with a value for each; None: it has no such setting."""
    every = [side.settings() for side in sides]
    names = dict.fromkeys(name for settings in every for name in settings)
    found = {name: [settings.get(name) for settings in every] for name in names}
    return {name: values for name, values in found.items() if any(value != values[0] for value in values)}


def best_of(sides: Sequence[Side]) -> int | None:
    """The place of the population with the best score; None: they go in different directions, or one has none."""
    if len({side.population.settings.maximize for side in sides}) > 1:
        return None
    maximize = sides[0].population.settings.maximize
    scores = [side.population.best.score if side.population.best else None for side in sides]
    if None in scores:
        return None
    keys = [key_of(real(score), maximize) for score in scores]
    return keys.index(min(keys)) if keys.count(min(keys)) == 1 else None


def comparison(sides: Sequence[Side]) -> dict[str, Any]:
    """All of it as plain data: see docs/terminal.md."""
    return {
        "populations": [{"where": side.where, "name": side.name, **side.outcome()} for side in sides],
        "best": best_of(sides),
        "differing": differing(sides),
        "schedules": [side.schedule() for side in sides],
    }


def comparison_lines(sides: Sequence[Side], width: int) -> Iterator[str]:
    """All of it in lines of at most `width` letters: a column each, or where that does not fit one below the other."""
    best, outcomes = best_of(sides), [side.outcome() for side in sides]
    once = len({side.name for side in sides}) == len(sides)
    names = [f"{side.name if once else side.where}{' ★' if at == best else ''}" for at, side in enumerate(sides)]
    yield from _rows(["", *names], _outcomes(sides, outcomes), width)
    settings = [[name, *(_short(value) for value in values)] for name, values in differing(sides).items()]
    yield ""
    yield "settings that differ" if settings else "the settings are the same"
    yield from _rows(["", *names], settings, width) if settings else ()
    yield from ("", "schedules of the best, from their beginning to their end")
    yield from _rows(["", *names], list(_schedules(sides)), width)


def _outcomes(sides: Sequence[Side], outcomes: Sequence[dict[str, Any]]) -> list[list[str]]:
    goal = ["maximized" if side.population.settings.maximize else "minimized" for side in sides]
    same = len(set(goal)) == 1
    return [
        [f"best score ({goal[0]})" if same else "best score",
         *(number_text(o["best"]) + ("" if same else f" {g}") for o, g in zip(outcomes, goal, strict=True))],
        ["at step", *(f"{o['best_step']:,}" if o["best_step"] is not None else "–" for o in outcomes)],
        ["members", *(f"{len(side.population.members):,}" for side in sides)],
        ["steps done", *(f"{o['step']:,}" for o in outcomes)],
        ["state", *(o["state"] for o in outcomes)],
        ["reports", *(f"{o['reports']:,}" for o in outcomes)],
        ["exploits", *(f"{o['exploits']:,}" for o in outcomes)],
        ["of decisions", *("–" if o["exploit_rate"] is None else f"{o['exploit_rate']:.1%}" for o in outcomes)],
        ["failed members", *(str(o["failed"]) for o in outcomes)],
        ["duration", *("–" if o["seconds"] is None else _duration(o["seconds"]) for o in outcomes)],
    ]  # fmt: skip


def _schedules(sides: Sequence[Side]) -> Iterator[list[str]]:
    found = [side.schedule() for side in sides]
    names = dict.fromkeys(name for places in found for place in places for name in flat(place["hyperparameters"]))
    for name in names:
        yield [name, *(_course(places, name) for places in found)]


def _course(places: Sequence[dict[str, Any]], name: str) -> str:
    """The values one after the other, each as often as it changes."""
    values = [number_text(place["hyperparameters"].get(name)) for place in places]
    return " → ".join(value for i, value in enumerate(values) if i == 0 or values[i - 1] != value) or "–"


def _rows(titles: list[str], rows: list[list[str]], width: int) -> Iterator[str]:
    table = [titles, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(titles))]
    if sum(widths) + 2 * len(widths) <= width:
        for row in table:
            yield "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        return
    for name, *cells in rows:
        yield name
        yield from (f"  {title}: {cell}" for title, cell in zip(titles[1:], cells, strict=True))


def _short(value: Any) -> str:
    if value is None or isinstance(value, float):
        return number_text(value)
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return without_middle(text, _LONGEST)


def _duration(seconds: float) -> str:
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"
