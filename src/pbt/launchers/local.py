"""`LocalRun`: a population trained by workers on this machine, from their start to its end.

It judges by the journal, not by exit codes alone: an exit with 0 and no report is a failure, a lost
lease is none, and a worker whose member is done is started again for the next one.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from pbt.coordinator.follower import Follower
from pbt.coordinator.interface import AnyCoordinator
from pbt.errors import PBTError, counted
from pbt.launchers.hopeless import hopeless
from pbt.launchers.logs import log_of
from pbt.launchers.quiet import Quiet
from pbt.launchers.stalls import Stalls
from pbt.launchers.watchdog import Watchdog
from pbt.launchers.workers import Worker, environment
from pbt.population.entries import Entry, Leased, Released, Reported
from pbt.population.losses import against
from pbt.population.population import Population
from pbt.settings import Wanted
from pbt.worker.orders import START_TIMEOUT, Orders

RESTARTS = 3
"""Failures of one worker in a row, none its member's fault, after which it is not started again."""
_PAUSE = 0.1


class LocalRun:
    """Starts workers, restarts those that die, and ends them all.

    Args:
        where: the folder or URL of the population.
        command: the command that each worker runs.
        workers: how many run at once; more members than workers is normal.
        settings: those of the command line, which override the scripts'.
        follower: reads the journal.
        coordinator: is told which workers have ended.
        logs: how the names of the workers' files begin, as `fresh_logs` gives it.
        gpus: names of GPUs, dealt out in turn.
        stall: seconds without a report after which a worker is ended and started again; None: never.
        say: shows a line to the user.
    """

    def __init__(
        self,
        where: str,
        command: Sequence[str],
        *,
        workers: int,
        settings: Wanted,
        follower: Follower,
        coordinator: AnyCoordinator,
        logs: Path,
        gpus: Sequence[str] = (),
        stall: float | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self._where = where
        self._command = list(command)
        self._settings = settings
        self._gpus = gpus
        self._stalls = Stalls(stall)
        self._say = say
        self._told_to_stop = False
        self._coordinator = coordinator
        self._id = secrets.token_hex(4)
        self._follower = follower
        self._follower.listen(self._hear)
        self._tokens: dict[tuple[int, int], str] = {}
        self._given_back: set[tuple[int, int]] = set()
        self._reports: Counter[str] = Counter()
        self._shown: Counter[str] = Counter()
        self._last_output: dict[int, str] = {}
        self._workers = [Worker(slot, log_of(logs, slot)) for slot in range(workers)]
        self._quiet = Quiet(where, self._workers)
        self.failures: list[str] = []
        self._told: set[str] = set()
        self.interrupted = 0

    def run(self, show: Callable[[], None] = lambda: None) -> None:
        """Train until the population is finished, all workers have failed, or the run is interrupted.

        Args:
            show: called several times a second, to update a display.
        """
        self._meeting = Path(tempfile.mkdtemp(prefix="pbt-start-"))
        self._began = time.monotonic()
        self._watchdog = Watchdog()
        before = signal.signal(signal.SIGINT, self._interrupt)
        before_term = signal.signal(signal.SIGTERM, self._interrupt)
        try:
            while self._step():
                show()
                time.sleep(_PAUSE)
        finally:
            self._end_all()
            signal.signal(signal.SIGINT, before)
            signal.signal(signal.SIGTERM, before_term)
            self._watchdog.close()
            shutil.rmtree(self._meeting, ignore_errors=True)
        self._follower.catch_up()
        self._name_the_failed()
        show()

    @property
    def active(self) -> int:
        """How many workers run."""
        return sum(w.running for w in self._workers)

    @property
    def trouble(self) -> str:
        """Why no report comes, where none has come for longer than usual; else ""."""
        return self._quiet.words(self._follower.population if self._follower.exists else None)

    def _step(self) -> bool:
        for worker in self._workers:
            code = worker.reap(self._watchdog)
            if code is not None:
                self._follower.catch_up()
                self._ended(worker, code)
        self._follower.catch_up()
        if self.interrupted:
            if not self._told_to_stop and self.active:
                those = counted(self.active, "worker")
                self._say(f"stopping at the next report of {those}, which saves (Ctrl-C again ends at once)")
                self._told_to_stop = True
            return self.active > 0
        finished = self._follower.finished
        for worker in self._workers:
            if not (worker.running or worker.over or finished):
                self._start(worker)
            elif worker.running and not worker.stalled and not finished:
                self._end_if_stalled(worker)
        self._open_the_start()
        return self.active > 0

    def _start(self, worker: Worker) -> None:
        token = f"{self._id}.{worker.slot}.{worker.starts}."
        orders = Orders(self._where, self._settings, str(worker.slot), str(self._meeting), token)
        self._stalls.heard(token)
        worker.start(self._command, environment(worker.slot, len(self._workers), self._gpus), orders, self._watchdog)

    def _end_if_stalled(self, worker: Worker) -> None:
        """A worker that hangs does not heed SIGTERM: it is ended at once, and started again like any that died."""
        population = self._follower.population if self._follower.exists else None
        if self._stalls.hangs(worker.token, population):
            worker.stalled = True
            self._say(f"worker {worker.slot} has said nothing for {self._stalls.limit:g} s: it is ended")
            worker.signal(signal.SIGKILL)

    def _open_the_start(self) -> None:
        here = all(w.over or (self._meeting / f"here-{w.slot}").exists() for w in self._workers)
        if here or time.monotonic() - self._began > START_TIMEOUT:
            (self._meeting / "start").touch()

    def _ended(self, worker: Worker, code: int) -> None:
        held = [key for key, token in self._tokens.items() if token == worker.token]
        taken_over = self._release(held)
        self._follower.catch_up()
        output = worker.tail()
        if held and not self._follower.members[held[-1][0]].done:
            self._last_output[held[-1][0]] = output
        shown = self._shown[worker.token] > 0
        worker.useful = worker.useful or shown
        if shown:
            worker.failures = 0
        if self.interrupted or self._follower.finished or taken_over or (code == 0 and shown):
            return
        worker.failures += not self._is_members_fault(held, worker)
        why = self._described(worker, code, held)
        self._show(why, output)
        in_vain = not any(self._reports.values()) and hopeless(code, output) is not None
        if in_vain or worker.failures > RESTARTS:
            worker.over = True
            often = f"{worker.failures} times in a row; " if worker.failures > 1 else "which repeating does not heal; "
            self.failures.append(f"{why}, {often}its whole output is in {worker.log_quoted}")

    def _described(self, worker: Worker, code: int, held: Sequence[tuple[int, int]]) -> str:
        """A process's end: exit code, its member, and whether it had reported a checkpoint."""
        how = "hung and was ended" if worker.stalled else f"ended with {_words(code)}"
        whose = f" with member {held[-1][0]}" if held else ""
        if self._shown[worker.token]:
            quiet = ""
        else:
            quiet = " without a report that had a checkpoint" if self._reports[worker.token] else " without a report"
        return f"worker {worker.slot} {how}{quiet}{whose}"

    def _is_members_fault(self, held: Sequence[tuple[int, int]], worker: Worker) -> bool:
        """Whether the end counts against the member that was held last, which bounds how often it is repeated.

        A worker that never reported a checkpoint may itself be at fault, where other workers do better.
        """
        if not held:
            return False
        population = self._follower.population
        m = population.members[held[-1][0]]
        if not against(population, m):
            return False
        return worker.useful or (m.lease is not None and m.lease.shown == population.shown)

    def _name_the_failed(self) -> None:
        for m in self._follower.population.members if self._follower.exists else ():
            if m.failed:
                end = self._last_output.get(m.id)
                tail = "" if not end else "; the end of the last one's output:\n" + _indented(end)
                values = ", ".join(f"{name}={value}" for name, value in (m.hyperparameters or {}).items())
                self.failures.append(f"member {m.id} ({values}): {m.why.note}{tail}")

    def _show(self, why: str, output: str) -> None:
        """Show the end of a failed worker's output, unless the same was shown before."""
        kind = _last_words(output)
        if not output:
            self._say(f"{why}; it had printed nothing")
        elif kind in self._told:
            self._say(f"{why}: {output.splitlines()[-1].strip()} (as before)")
        else:
            self._told.add(kind)
            self._say(f"{why}; the end of its output:\n{_indented(output)}")

    def _release(self, held: Sequence[tuple[int, int]]) -> bool:
        """Give back the members that the dead process held; whether another worker had taken over the last of them."""
        members = self._follower.members
        for member, number in held:
            lease = members[member].lease
            if lease is not None and lease.number == number and not lease.ended:
                try:
                    done = members[member].done and not members[member].failed
                    self._coordinator.tell(Released(member, number, failed=not (self.interrupted or done)))
                except PBTError as error:
                    self._say(f"member {member} could not be given back: {error}")
        if not held or held[-1] in self._given_back:
            return False
        newest = members[held[-1][0]].lease
        return newest is not None and newest.number != held[-1][1]

    def _hear(self, before: Population | None, entry: Entry, after: Population) -> None:
        event = entry.event
        if isinstance(event, Released):
            self._given_back.add((event.member, event.lease))
        elif isinstance(event, Leased):
            token = event.nonce.rpartition(".")[0]
            self._tokens[event.member, event.number] = f"{token}." if token else ""
            self._stalls.heard(f"{token}.")
        elif isinstance(event, Reported):
            self._quiet.heard()
            for report in event.reports:
                token = self._tokens.get((report.member, report.lease), "")
                self._reports[token] += 1
                self._shown[token] += report.checkpoint is not None
                self._stalls.heard(token)

    def _interrupt(self, number: int, frame: object) -> None:
        self.interrupted += 1
        for worker in self._workers:
            if self.interrupted == 1:
                worker.ask(self._meeting / f"here-{worker.slot}")
            else:
                worker.signal(signal.SIGKILL)

    def _end_all(self) -> None:
        """Whatever still runs is asked to end, and ended."""
        for worker in self._workers:
            worker.signal(signal.SIGTERM)
        end = time.monotonic() + 10
        while self.active and time.monotonic() < end:
            for worker in self._workers:
                worker.reap(self._watchdog)
            time.sleep(0.02)
        for worker in self._workers:
            worker.signal(signal.SIGKILL)


def _indented(output: str) -> str:
    return "\n".join(f"  | {line}" for line in output.splitlines())


def _last_words(output: str) -> str:
    """The last line, such as "KeyError: 'lr'", by which one failure is known from another; numbers do not matter."""
    lines = output.splitlines()
    return re.sub(r"\d+", "N", lines[-1].strip()) if lines else ""


def _words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:  # most real-time signals have no name
        return f"signal {-code}"


def command_of(arguments: Sequence[str]) -> list[str]:
    """The command after ``--``; a bare .py file is run by this Python."""
    import sys

    if arguments and arguments[0].endswith(".py") and not os.access(arguments[0], os.X_OK):
        return [sys.executable, *arguments]
    return list(arguments)
