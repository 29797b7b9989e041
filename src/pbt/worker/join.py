"""`join` and `turns`: how a training script takes part in a population."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack, get_args

from pbt import preempt
from pbt.checkpoints.store import CheckpointStore
from pbt.coordinator.answer import Answer
from pbt.coordinator.interface import AnyCoordinator
from pbt.disk import stdio
from pbt.disk.waiting import Waiting
from pbt.errors import NobodyFree, PBTError, SettingsError
from pbt.opening.folder import fresh_folder
from pbt.opening.opening import open_population
from pbt.population.entries import Released
from pbt.settings import SharedSettings, Wanted, resolve, unused, wanted
from pbt.space.space import Space
from pbt.worker.member import Member, held_here
from pbt.worker.notices import Notices
from pbt.worker.orders import Orders
from pbt.worker.outbox import WhenAway
from pbt.worker.processes import check_process
from pbt.worker.turns import Turn, Turns
from pbt.worker.waits import for_a_member

_log = logging.getLogger("pbt")


def turns(
    where: str | os.PathLike[str] | None = None,
    space: Space | Mapping[str, Any] | None = None,
    *,
    when_away: WhenAway = "wait",
    **settings: Unpack[SharedSettings],
) -> Turns:
    """Train members of a population in turns, until nothing is left to train.

    One worker can train any number of members this way, and any number of workers one population. Each turn begins by
    setting everything up from ``member.checkpoint``; so start, resume, take-over, exploit and a new architecture are
    one code path.

    The settings belong to the population: the first worker creates it with them. Later ones may leave them out; those
    that they give must be the same. Steps are the unit that the training loop counts (epochs, updates, frames).

    Args:
        where: a folder, or the URL of a server's population such as ``http://host:7777/digits``; by default
            ``$PBT_URL``, else a new folder under ``./pbt-runs/`` for this process alone.
        space: hyperparameters by name: `pbt.Float`, `pbt.Int`, `pbt.Ordinal`, `pbt.Choice`, or a constant.
        when_away: while the server is away or the disk is full: ``"wait"``, or ``"continue"`` training;
            then reports are kept in order and sent once the server is back, and a decision that it took meanwhile is
            obeyed late.
        members: how many models, 1 or more. Needed for a new population, unless it is `open` or `where` is left out
            (then 1).
        steps: steps that each member is to do, 1 or more. By default members train until a goal or `member.finish()`.
        interval: steps between two decisions on a member, 1 or more. By default a fortieth of `steps`, rounded up;
            1 if `steps` is unknown.
        maximize: whether a higher score is better. Needed for a new population.
        goal: a finite score that ends the run once a checkpoint reaches it.
        strategy: a name, a dict with a "name" and parameters, or an object. By default ``"pbt"``.
        seed: of all chance, 0 or more. By default drawn, and recorded.
        initial: hyperparameters of the first members, a dict each; those left out are drawn from the space.
        quorum: members that must be ranked before a low rank has consequences, 1 or more. By default half of those
            that still train, at least 2.
        synchronous: decide on all members at once, when the last of them has done its interval. By default False.
        open: every `join` adds a member; instead of `members`.
        turn_steps: steps that a worker trains a member at least before it may go to one that is further behind, 1 or
            more. By default one interval.
        barrier_timeout: seconds, above 0, for which a synchronous population waits for a member without a living
            worker. By default 600.
        checkpoints: ``"own"`` (the default: kept with the population), the URL of an object store such as
            ``s3://bucket/prefix``, or ``"foreign"`` (strings that only the script understands).

    Returns:
        An iterator over turns, each a `pbt.Member`; empty where nothing is left to train.

    Raises:
        SettingsError: settings differ from those of the population, or are missing for a new one; or this process
            is one of several ranks of one training.
        SpaceError: the space is malformed, or a configuration of `initial` lies outside it.
        PBTError: a child of multiprocessing calls this while it imports the script.
    """
    _check(when_away)
    worker = _hired(where, space, settings)

    def take() -> Turn:
        answer = worker.next(turn=True)
        return Turn(worker.coordinator, worker.store(answer), answer, when_away, worker.where)

    return Turns(take)


def join(
    where: str | os.PathLike[str] | None = None,
    space: Space | Mapping[str, Any] | None = None,
    *,
    member: int | None = None,
    wait: bool = True,
    when_away: WhenAway = "wait",
    **settings: Unpack[SharedSettings],
) -> Member:
    """Take one member of a population, to train it until it is finished.

    Args:
        where: as in `turns`.
        space: as in `turns`.
        member: the id of a certain member, from 0. By default the one that is furthest behind.
        wait: whether to wait while all members are in the hands of living workers.
        when_away: as in `turns`.
        settings: those of `turns`, with the same meaning.

    Returns:
        The member; where nothing is left to train, one whose `steps()` is empty.

    Raises:
        NobodyFree: with ``wait=False``, if all members are in the hands of living workers.
        SettingsError, SpaceError, PBTError: as in `turns`.
    """
    _check(when_away)
    worker = _hired(where, space, settings)
    while True:
        answer = worker.next(turn=False, member=member, wait=wait)
        joined = Member(worker.coordinator, worker.store(answer), answer, when_away, worker.where)
        if not joined.lost:
            return joined


def _check(when_away: str) -> None:
    if when_away not in get_args(WhenAway):
        raise SettingsError(f"when_away is {when_away!r}: 'wait' or 'continue'")


def _check_where(where: object, ordered: bool) -> None:
    """An empty text is no wish to train alone: it comes from a variable that was to name the population."""
    if where is None:
        return
    if not isinstance(where, str | os.PathLike):
        raise SettingsError(f"where is {where!r}: give a folder or the URL of a server's population")
    if not ordered and not os.fspath(where):
        raise SettingsError(
            "where is empty, as of a variable that is not set: name a folder or the URL of a server's population, or "
            "leave it out to train alone"
        )


def _hired(where: str | os.PathLike[str] | None, space: Any, settings: Mapping[str, Any]) -> _Worker:
    """This process as a worker; errors are raised without the frames in between."""
    try:
        return _Worker(where, space, settings)
    except PBTError as error:
        raise error.with_traceback(None) from None


class _Worker:
    """This process, looking for members of one population."""

    def __init__(self, where: str | os.PathLike[str] | None, space: Any, settings: Mapping[str, Any]) -> None:
        check_process()
        preempt.begin()
        orders = Orders.given()
        asked = said = wanted(space=space, **settings)
        _check_where(where, ordered=orders is not None)
        if orders is not None:
            where, asked = orders.applied(where, asked)
        place = where or os.environ.get("PBT_URL") or None
        alone = place is None
        if place is None:
            asked = asked.over(Wanted(members=None if asked.open else 1))
            resolve(asked)
            place = _alone()
        self._trained = False
        self._orders = orders
        stdio.hold()
        self._opened = open_population(os.fspath(place), begin=lambda: resolve(asked))
        self.where = self._opened.where
        self.coordinator: AnyCoordinator = self._opened.coordinator
        self._notices = Notices(self.where, self.coordinator, alone, orders is not None)
        not_used = unused(self.coordinator.create(asked), said)
        if not_used:
            stdio.say_once(f"{self.where} goes by what a command line decided: {'; '.join(not_used)}")
        self._store: CheckpointStore | None = None

    def store(self, answer: Answer) -> CheckpointStore | None:
        """The checkpoint store, opened for the first leased member; if that fails, the member is given back."""
        if self._store is None and answer.member is not None:
            try:
                self._store = self._opened.store(answer.checkpoints)
            except BaseException:
                self.coordinator.tell(Released(answer.member, answer.lease))
                self.coordinator.let_go(answer.member)
                raise
        return self._store

    def _give_back(self, answer: Answer) -> None:
        """Release a member that can not be trained now (failed, or waiting at the barrier)."""
        assert answer.member is not None
        if answer.wait:
            self.coordinator.tell(Released(answer.member, answer.lease))
        self.coordinator.let_go(answer.member)

    def _nonce(self) -> str:
        """128 random bits, for the retries of one call."""
        return (self._orders.token if self._orders is not None else "") + secrets.token_hex(16)

    def next(self, turn: bool, member: int | None = None, wait: bool = True) -> Answer:
        """A member; without one there is nothing left to train, or this process was asked to stop."""
        nonce, waiting, waited = self._nonce(), Waiting(lambda: self._reason(member)), False
        while True:
            if waiting.over():
                return Answer(stop=True)
            try:
                answer = self.coordinator.join(nonce, None, member, turn)
            except NobodyFree:
                if not wait:
                    raise
                answer = Answer(wait=True)
            if answer.member is not None and (answer.failed or answer.wait):
                self._give_back(answer)
                nonce = self._nonce()
                continue
            if self._orders is not None and (answer.member is not None or answer.wait):
                self._orders.arrive()
                if answer.fresh:
                    self._orders.wait_for_start()
            if answer.member is None and answer.stop and not self._trained and self._orders is None:
                _log.warning(
                    "%s is finished: nothing is left to train. Train on with pbt run --steps, or name another folder.",
                    self.where,
                )
            if answer.member is not None or answer.stop:
                if answer.member is None and turn and self._trained and not waited:  # else another one ended it
                    self._notices.end()
                self._trained = True
                self._notices.tell(answer, turn)
                return answer
            if not wait:
                raise NobodyFree("every member is in the hands of a living worker: start more members, or wait")
            waited = True
            try:
                waiting.pause()
            except KeyboardInterrupt:
                if not preempt.interrupted():
                    raise

    def _reason(self, wish: int | None) -> str:
        """Why no member can be had."""
        return for_a_member(self.where, self.coordinator, wish, held_here(self.where))


def _alone() -> str:
    """A fresh folder under ./pbt-runs/ for a script that was started without a population."""
    script = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] not in ("", "-c", "-m") else "run"
    return str(fresh_folder(script))
