"""Orders of a launcher to its workers, in the environment; they override the settings in the script."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec

from pbt.disk import stdio
from pbt.disk.waiting import Waiting
from pbt.errors import UNREADABLE, SettingsError
from pbt.settings import Wanted

ORDERS_ENV = "PBT_RUN"
START_TIMEOUT = 30.0
"""Seconds after which the first steps begin even if not every launched worker is there."""


class Orders(msgspec.Struct, frozen=True):
    """Where to train, with which settings, as which worker.

    Attributes:
        meeting: a folder in which the workers of one launcher meet before the first step.
        token: begins the nonces of this process's leases, so that the launcher knows them in the journal.
    """

    where: str
    settings: Wanted
    worker: str
    meeting: str
    token: str = ""

    @staticmethod
    def given() -> Orders | None:
        """The orders in this process's environment, if a launcher started it."""
        text = os.environ.get(ORDERS_ENV)
        if not text:
            return None
        try:
            return msgspec.json.decode(text, type=Orders)
        except UNREADABLE:
            raise SettingsError(
                f"${ORDERS_ENV} is not what this version of pbt run sets it to: unset it, or have pbt run and the "
                "script use the same pbt"
            ) from None

    def applied(self, where: Any, asked: Wanted) -> tuple[str, Wanted]:
        """The place and the settings in force."""
        if where is not None and os.fspath(where) != self.where and os.path.abspath(where) != self.where:
            stdio.say_once(f"pbt run trains in {self.where}, not in this script's {os.fspath(where)}")
        return self.where, self.settings.over(asked)

    def arrive(self) -> None:
        """This process is a worker, and has a lease or waits for one."""
        if not self.meeting:
            return
        with Path(self.meeting, f"here-{self.worker}").open("a+") as here:
            here.seek(0)
            mine = f"{os.getpid()}\n"
            if mine not in here.readlines():
                here.write(mine)

    def wait_for_start(self) -> None:
        """Wait until all workers of the launcher have joined: late ones would copy the members of an early one."""
        end = time.monotonic() + START_TIMEOUT
        waiting = Waiting(f"waiting for the launcher's other workers, {START_TIMEOUT:g} s at most, to begin with them")
        while self.meeting and not Path(self.meeting, "start").exists() and time.monotonic() < end:
            if not Path(self.meeting).is_dir():
                return
            waiting.tell()
            time.sleep(0.01)
