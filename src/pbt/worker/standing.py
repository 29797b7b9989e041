"""How a member stands, as its worker knows it: hyperparameters, step, and the checkpoint to load."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn

from pbt.checkpoints.given import Given
from pbt.coordinator.answer import Answer
from pbt.coordinator.seat import Seat
from pbt.population.chance import Chance
from pbt.population.entries import Checkpoint
from pbt.space.space import Values
from pbt.space.values import Value


class Standing(Mapping[str, Value]):
    """A member's hyperparameters, step and checkpoint, from the coordinator's newest answer.

    Args:
        seat: follows the answers.
        fetch: the folder of an answer's checkpoint, once it is seen to be whole.

    Attributes:
        id: the member's number in its population; -1 where nothing was left to train.
    """

    def __init__(self, seat: Seat, fetch: Callable[[Answer, Checkpoint | None], Path | None]) -> None:
        id = seat.answer.member
        self.id = -1 if id is None else id
        self._seat = seat
        self._fetch = fetch
        self._over = id is None
        self._read: str | None = None
        self._path: Path | None = None

    @property
    def _answer(self) -> Answer:
        return self._seat.answer

    def __getitem__(self, name: str) -> Value:
        try:
            return self._answer.hyperparameters[name]
        except KeyError:
            known = ", ".join(self._answer.hyperparameters) or "none: there is nothing left to train"
            raise KeyError(f"no hyperparameter {name!r}: the space has {known}") from None

    def __setitem__(self, name: str, value: object) -> NoReturn:
        raise TypeError(
            f"member[{name!r}] can not be set: hyperparameters are decided by the population. A value of your own: a "
            f"constant in the space, or initial=[{{{name!r}: …}}] for the first members; what the training code made "
            f"of it: report(…, used={{{name!r}: …}})"
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._answer.hyperparameters)

    def __len__(self) -> int:
        return len(self._answer.hyperparameters)

    def __repr__(self) -> str:
        return f"<member {self.id} at step {self.step}: {self.hyperparameters}>"

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    @property
    def hyperparameters(self) -> Values:
        """All hyperparameters by name (a copy)."""
        return dict(self._answer.hyperparameters)

    @property
    def seed(self) -> int:
        """A seed in [0, 2**53) of this member at its present count of decisions: a child draws its own data order."""
        return Chance(self._answer.seed, self.id, self._answer.decisions).integer("member")

    @property
    def step(self) -> int:
        """The member's own clock."""
        return self._seat.step

    @property
    def total_steps(self) -> int | None:
        """How many steps each member is to do, as the journal says by now; None: the population has no number."""
        return self._answer.steps

    @property
    def checkpoint(self) -> Path | None:
        """The folder to load before training goes on: a parent's, one's own from before, a dead worker's; or None.

        Others train from it too: it is read-only. To ask for it counts as loading it, but to ask only whether there
        is one (its truth), or to look at it (its repr, as a debugger does), does not: the path must be used.
        """
        current = self._answer.checkpoint
        if current is None or self._over:
            return None
        if self._answer.foreign:
            self._seat.loaded(current.id)
            return None
        if self._path is None:
            self._path = self._fetch(self._answer, current)
        if self._path is None:
            return None
        before = self._seat.unread, self._seat.have
        self._seat.loaded(current.id)
        return Given.at(self._path, partial(self._used, current.id), partial(self._only_looked, current.id, *before))

    @property
    def start(self) -> str:
        """How to begin: "on", "copy" and "fresh" from `checkpoint` if there is one; or a strategy's own word."""
        return self._answer.start

    @property
    def role(self) -> str | None:
        """The member's kind, where its strategy knows several (such as sub-populations and evaluators)."""
        return self._answer.role

    @property
    def parents(self) -> tuple[Path, ...]:
        """The folders that the last decision which gave weights named: the one taken over, then teachers. Read only.

        The first is there until the member has saved its own, the others until the next such decision.

        Raises:
            CheckpointError: one is not whole.
        """
        if self._over or self._answer.foreign:
            return ()
        found = (self._fetch(self._answer, parent) for parent in self._answer.parents)
        return tuple([path for path in found if path is not None])

    @property
    def checkpoint_id(self) -> str | None:
        """The name of the current checkpoint; with ``checkpoints="foreign"`` the string that was reported."""
        current = self._answer.checkpoint
        if current is None:
            return None
        if self._answer.foreign:
            self._seat.loaded(current.id)
        return current.id

    def _used(self, id: str) -> None:
        self._seat.loaded(id)
        self._read = self._seat.have

    def _only_looked(self, id: str, unread: bool, have: str | None) -> None:
        current = self._answer.checkpoint
        if unread and self._read != id and current is not None and current.id == id:
            self._seat.unread, self._seat.have = unread, have
