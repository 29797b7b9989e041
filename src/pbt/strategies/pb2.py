"""Population-based bandits, PB2 (Parker-Holder, Nguyen and Roberts 2020, arXiv 2002.02518).

Exploits are decided as by `PBT`. The child's hyperparameters are those for which a Gaussian process of
what an interval gains, over time, score and hyperparameters, has the greatest upper confidence bound:

    argmax_h  mu(t, R, h) + sqrt(beta) sigma(t, R, h),   beta = 0.2 log(0.4 n)

with (t, R) the parent's step and score and n the number of rows. Members in training, and children of the same entry,
count as observed for sigma, so that no two children get the same values. Explorations are owed: they run outside every
lock, after the entry that decided on the exploits.

Where the published code departs from the paper, `preset` chooses: see docs/algorithms/pb2.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from msgspec.structs import replace

from pbt.errors import SettingsError
from pbt.population.entries import Decision, Entry, Why
from pbt.population.population import Population
from pbt.space.space import Values
from pbt.strategies.explore import perturb_or_resample
from pbt.strategies.pbt import PBT
from pbt.strategies.rows import Row, Rows
from pbt.strategies.shown import Table, cell

if TYPE_CHECKING:
    from pbt.strategies.surrogate import Form, Model

LEAST_ROWS = 3
"""Rows before which there is nothing to fit: children are explored as by `PBT`."""
_SHOWN = 20
"""Rows that a page shows."""


class PB2(PBT, frozen=True):
    """Truncation selection, and hyperparameters from a Gaussian process. Choices stay those of the parent.

    Args:
        preset: "corrected"; "paper": without the score as a variable, domains on their linear scale; "reference": as
            the authors' published code, which adds the variance in place of the deviation and hardly forgets.
        rows: intervals remembered at most, the newest.
        explorations: the share of children that are explored as by `PBT`, in [0, 1]: what no model foresees.
        earlier: intervals of an earlier population, which count as observed, where this space has their
            hyperparameters; see `pbt.load`.
    """

    remembers: ClassVar[bool] = True
    memory_type: ClassVar[Any] = Rows | None
    joint: ClassVar[bool] = False
    """Choices are variables of the process too."""

    preset: Literal["corrected", "paper", "reference"] = "corrected"
    rows: int = 1000
    explorations: float = 0.0
    earlier: tuple[Row, ...] = ()

    def check(self) -> None:
        """Parameters in their ranges, and NumPy and SciPy at hand.

        Raises:
            SettingsError: naming what is wrong.
        """
        super().check()
        if self.rows < LEAST_ROWS:
            raise SettingsError(f"rows is {self.rows}: remember at least {LEAST_ROWS}")
        if not 0 <= self.explorations <= 1:
            raise SettingsError(f"explorations is {self.explorations:g}: a share from 0 to 1")
        try:
            import pbt.strategies.surrogate  # noqa: F401
        except ImportError as error:
            raise SettingsError(
                f"this strategy needs NumPy and SciPy ({error}): pip install 'pbtrain[models]'"
            ) from None

    def _describe_exploration(self) -> str:
        return "a Gaussian process of what intervals gained then says its hyperparameters"

    def show(self, population: Population, memory: Rows) -> list[Table]:
        """The newest rows of the model."""
        domains = [n for n, d in population.settings.space.domains.items() if d.explore]
        rows = tuple(
            (r.member, r.began, r.ended, r.before, r.after, *(cell(r.values[name]) for name in domains))
            for r in reversed(memory.rows[-_SHOWN:])
        )
        head = ("member", "from step", "to step", "score before", "after", *domains)
        return [Table(f"What the model knows: {len(memory.rows)} intervals", head, rows, note=f"The newest {_SHOWN}.")]

    def remember(self, memory: Rows | None, before: Population | None, entry: Entry) -> Rows:
        """The gains of intervals."""
        return (memory or Rows.beginning(self.earlier, entry)).after(before, entry, self.rows)

    def decide(self, population: Population, memory: Any, due: Sequence[int]) -> list[Decision]:
        """As `PBT`, except that an exploit owes its hyperparameters."""
        decisions = super().decide(population, memory, due)
        return [_owing(d) if d.source is not None else d for d in decisions]

    def explore(
        self, population: Population, memory: Rows, owed: Sequence[Decision]
    ) -> Mapping[int, tuple[Values, Why]]:
        """Values of the greatest upper confidence bound, for one child after the other."""
        chosen = self.chosen(population, memory, owed)
        models: dict[Any, Model | None] = {}
        found: dict[int, tuple[Values, Why]] = {}
        for d in owed:
            foreseen = population.chance(d.member).uniform("model") >= self.explorations
            rows = self.rows_for(population, memory.rows, chosen[d.member]) if foreseen else ()
            if len(rows) < LEAST_ROWS:
                found[d.member] = self._perturbed(population, d)
                continue
            key = self.model_of(population, chosen[d.member])
            model = models.get(key) or models.setdefault(key, self._model(population, rows, owed))
            assert model is not None
            found[d.member] = _best(population, model, d, chosen[d.member])
        return found

    def chosen(self, population: Population, memory: Rows, owed: Sequence[Decision]) -> dict[int, Values]:
        """By child, values from which only the variables of the model change: the parent's."""
        return {d.member: d.source.hyperparameters for d in owed if d.source is not None}

    def rows_for(self, population: Population, rows: Sequence[Row], values: Values) -> Sequence[Row]:
        """The rows that say something about a configuration: all."""
        return rows

    def model_of(self, population: Population, values: Values) -> Any:
        """Configurations for which this is equal share a model."""
        return None

    def _perturbed(self, population: Population, d: Decision) -> tuple[Values, Why]:
        assert d.source is not None
        space, chance = population.settings.space, population.chance(d.member)
        values, operations = perturb_or_resample(space, d.source.hyperparameters, chance, self.factors, self.resample)
        return values, replace(d.why, operations=operations)

    def _model(self, population: Population, rows: Sequence[Row], owed: Sequence[Decision]) -> Model:
        """The model right after an entry; members in training count as observed."""
        from pbt.strategies.surrogate import Model

        model = Model(population.settings, rows, self._form(), self.joint)
        waiting = {d.member for d in owed}
        for m in population.members:
            if m.living and m.id not in waiting and m.hyperparameters is not None:
                model.train(m.hyperparameters)
        return model

    def _form(self) -> Form:
        from pbt.strategies.surrogate import Form

        if self.preset == "paper":
            return Form(score=False, log=False)
        if self.preset == "reference":
            return Form(deviation=False, normalised_time=True, log=False)
        return Form()


def _best(population: Population, model: Model, d: Decision, values: Values) -> tuple[Values, Why]:
    assert d.source is not None
    rng = population.chance(d.member).generator("start")
    found = model.best(d.source.step, float(d.source.score), values, rng)
    operations = dict.fromkeys(model.variables.cube, "model")
    operations.update((n, "drawn") for n in model.variables.choices if values[n] != d.source.hyperparameters[n])
    more = {**d.why.more, "gain": round(found.mean, 4), "deviation": round(found.deviation, 4)}
    return found.values, replace(d.why, operations=operations, more=more)


def _owing(decision: Decision) -> Decision:
    return replace(decision, hyperparameters=None, why=replace(decision.why, operations={}))
