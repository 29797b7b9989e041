"""Messages at the beginning of training and at its end: the population's place and size, and what came out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from pbt.coordinator.answer import Answer
from pbt.disk import stdio

if TYPE_CHECKING:
    from pbt.coordinator.interface import AnyCoordinator


class Notices:
    """The messages that are due when the first member is leased, and when the last one is done.

    Args:
        where: the folder, absolute, or the URL.
        alone: the folder was made for this process, so that no other one will join.
        launched: a launcher shows where training goes.
    """

    def __init__(self, where: str, coordinator: AnyCoordinator, alone: bool, launched: bool) -> None:
        self._where = where
        self._coordinator = coordinator
        self._alone = alone
        self._launched = launched
        self._new = not launched and _is_new(coordinator)
        self._told = False

    def tell(self, answer: Answer, turn: bool) -> None:
        """A member was taken, to be trained for a turn or to its end."""
        if self._told or answer.member is None:
            return
        self._told = True
        if self._new:
            stdio.say(self._beginning(answer, turn))
        if answer.steps is None and answer.goal is None:
            call = "turns" if turn else "join"
            stdio.say(
                "neither steps= nor goal= is given: a member is trained until the script calls member.finish(), or "
                f"Ctrl-C; pbt.{call}(…, steps=1000) ends by itself"
            )

    def end(self) -> None:
        """This process has ended the population."""
        if self._launched:
            return
        best = getattr(getattr(self._coordinator, "population", None), "best", None)
        score = "" if best is None else f", best saved score {best.score:.6g}"
        stdio.say_once(f"finished{score}: pbt status {shlex.quote(self._where)}")

    def _beginning(self, answer: Answer, turn: bool) -> str:
        settings = self._coordinator.population.settings  # type: ignore[attr-defined]
        n = settings.members
        steps = "" if answer.steps is None else f", {answer.steps} steps each"
        size = "an open population" if n is None else "1 member" if n == 1 else f"{n} members"
        if not self._alone:
            return f"new population in {self._where} ({size}{steps})"
        if n == 1:
            scope = f"1 member{steps.removesuffix(' each')}"
        elif turn:
            scope = f"{size}{steps}, all trained by this process in turns"
        else:
            scope = f"{size}{steps}, of which this process trains one (pbt.turns trains them all)"
        return f"training alone, in {self._where}: {scope}; to share it give a folder, or set PBT_URL"


def _is_new(coordinator: AnyCoordinator) -> bool:
    """Whether nothing was created yet; of a server's population that is not asked."""
    from pbt.coordinator.coordinator import Coordinator

    if not isinstance(coordinator, Coordinator):
        return False
    coordinator.catch_up()
    return not coordinator.exists
