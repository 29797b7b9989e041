"""One population that the server serves: its coordinator, and commits in groups."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from pbt.coordinator.answer import Answer
from pbt.coordinator.commands import Command, ReportCommand
from pbt.coordinator.coordinator import Coordinator, Outcome
from pbt.coordinator.leasing import held
from pbt.coordinator.telling import TellCommand
from pbt.errors import PBTError
from pbt.population.entries import Report
from pbt.population.member import MemberState
from pbt.server.backends import Stored
from pbt.wire.messages import HOLD

_LOOK_AGAIN = 1.0
"""Seconds after which a waiting question looks again: others may append to the folder too."""

_LATELY = 0.02
"""Seconds: connections that ask within them share commits."""
QUICK = 0.005
"""Seconds that a commit may hold up the event loop."""

_log = logging.getLogger("pbt.server")
T = TypeVar("T")

Group = list[tuple[Command, "asyncio.Future[list[Answer]]"]]


class _Inline:
    """Whether a commit may run in the event loop, which saves two changes of thread: 10 to 20 % of a report's time.

    It may where one connection alone has asked lately, so that no other is held up, and where the last commit, in
    whichever thread, was quick.

    Args:
        near: whether a commit is the work of this machine alone.
    """

    def __init__(self, near: bool) -> None:
        self._near = near
        self._slow = False
        self._asker: object = None
        self._asked = 0.0

    def may(self, asker: object) -> bool:
        """Whether a command that came by the connection `asker` may be committed in the loop."""
        now = time.monotonic()
        others = asker != self._asker and now - self._asked < _LATELY
        self._asker, self._asked = asker, now
        return asker is not None and self._near and not others and not self._slow

    def took(self, seconds: float) -> None:
        """Note the time that a commit took."""
        self._slow = seconds > QUICK


class ServedPopulation:
    """One population."""

    def __init__(self, kept: Stored) -> None:
        self.folder = kept.folder
        self.alive = kept.alive
        self.coordinator = Coordinator(kept.journal, kept.alive)
        self._inline = _Inline(kept.near)
        self._give_back = kept.give_back
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="commit", daemon=True)
        self._thread.start()
        self._queue: Group = []
        self._committing = False
        self._busy = 0
        self._count = 0
        self._changed = asyncio.Event()
        self._closing = False
        self.users = 0
        self.used = time.monotonic()

    @contextmanager
    def in_use(self) -> Iterator[ServedPopulation]:
        """Keep the population open during a request, which may take several commits."""
        self.users += 1
        try:
            yield self
        finally:
            self.users -= 1
            self.used = time.monotonic()

    @property
    def idle(self) -> bool:
        """Whether it may be closed: no request is open, and no lease is alive by this server's signs of life."""
        if self.users or self._busy or self._queue or self._committing:
            return False
        return not any(held(m, self.alive) for m in self._given())

    def silent(self) -> frozenset[tuple[int, int]]:
        """(member, lease) of whose holder nothing was heard for a term."""
        return frozenset((m.id, m.newest) for m in self._given() if not held(m, self.alive))

    def _given(self) -> Iterator[MemberState]:
        """Members whose leases were given by a server, and are not over."""
        for m in self.coordinator.population.members if self.coordinator.exists else ():
            if m.lease is not None and m.lease.sign == self.alive.kind and not m.lease.ended and not m.done:
                yield m

    def ask(self, command: Command, asker: object = None) -> asyncio.Future[list[Answer]]:
        """Answer after the commit of the group that this command is in.

        Args:
            asker: the connection that the command came by.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Answer]] = loop.create_future()
        if self._inline.may(asker) and self._busy == 0:
            self._deliver([(command, future)], self._serve([command]))
        else:
            self._queue.append((command, future))
            if not self._committing:
                self._commit_next(loop)
        return future

    def _commit_next(self, loop: asyncio.AbstractEventLoop) -> None:
        group, self._queue = self._queue, []
        self._committing = bool(group)
        if group:
            commands = [command for command, _ in group]
            self._busy += 1
            self._jobs.put(lambda: _call(loop, self._committed, loop, group, self._serve(commands)))

    def _committed(self, loop: asyncio.AbstractEventLoop, group: Group, outcomes: Sequence[Outcome]) -> None:
        self._busy -= 1
        self._commit_next(loop)
        self._deliver(group, outcomes)

    def _deliver(self, group: Group, outcomes: Sequence[Outcome]) -> None:
        self._tell_if_changed()
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if future.cancelled():
                continue
            if isinstance(outcome, PBTError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _serve(self, commands: Sequence[Command]) -> Sequence[Outcome]:
        began = time.monotonic()
        try:
            return self.coordinator.serve(commands)
        except PBTError as error:
            return [error] * len(commands)
        except Exception as error:
            _log.exception("serving %s", self.folder)
            return [_unforeseen(error)] * len(commands)
        finally:
            self._inline.took((time.monotonic() - began) / len(commands))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    async def call(self, work: Callable[[], T]) -> T:
        """Run something on the population's thread, between two commits."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            try:
                result = work()
            except PBTError as error:
                _call(loop, self._called, future, None, error)
            except BaseException as error:
                _log.exception("in the population of %s", self.folder)
                _call(loop, self._called, future, None, _unforeseen(error))
            else:
                _call(loop, self._called, future, result, None)

        self._busy += 1
        self._jobs.put(job)
        return await future

    def _called(self, future: asyncio.Future[Any], result: object, error: Exception | None) -> None:
        self._busy -= 1
        self._tell_if_changed()
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)

    def _tell_if_changed(self) -> None:
        count = self.coordinator.population.count if self.coordinator.exists else 0
        if count != self._count:
            self._count = count
            self._changed.set()
            self._changed = asyncio.Event()

    def beat(self, member: int, lease: int) -> None:
        """Note a sign of life if it belongs to a member's newest lease; earlier leases are ignored."""
        members = self.coordinator.population.members if self.coordinator.exists else ()
        if 0 <= member < len(members) and members[member].newest == lease:
            self.alive.beat(member, lease)

    async def report(self, reports: Sequence[Report], asker: object) -> list[Answer]:
        """Record reports; a question that must wait is held until something changes, `HOLD` seconds at most."""
        for report in reports:
            self.beat(report.member, report.lease)
        loop = asyncio.get_running_loop()
        end = loop.time() + HOLD
        command = ReportCommand(reports, self.alive)
        while True:
            changed = self._changed
            answers = await self.ask(command, asker)
            waiting = [a for a in answers if a.wait and not a.released]
            if not waiting or self._closing or loop.time() >= end:
                return answers
            if not await self._move_on(waiting):
                await _wait(changed, _LOOK_AGAIN)

    async def _move_on(self, waiting: Sequence[Answer]) -> bool:
        """Compute owed explorations, or declare a member absent after the barrier's timeout.

        Returns:
            whether there was anything to do.
        """
        for answer in waiting:
            assert answer.member is not None
            owed = self.coordinator.owed_to(answer.member)
            if owed is not None:
                await self.ask(await asyncio.to_thread(owed.explore))
                return True
        absent = self.coordinator.absentees()
        if absent is not None:
            await self.ask(TellCommand(absent))
        return absent is not None

    def release_waiters(self) -> None:
        """Answer held questions now: the server is closing."""
        self._closing = True
        self._changed.set()

    def close(self) -> None:
        """Finish the present commit and give everything back."""
        self._jobs.put(None)
        self._thread.join()
        self.coordinator.close()
        self._give_back()


def _unforeseen(error: BaseException) -> PBTError:
    return PBTError(f"the server has failed in an unforeseen way ({type(error).__name__}: {error}); see its output")


def _call(loop: asyncio.AbstractEventLoop, what: Callable[..., None], *arguments: object) -> None:
    """Have the loop call something, unless it has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(what, *arguments)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
