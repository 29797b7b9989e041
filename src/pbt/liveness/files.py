"""The sign of life of workers on several machines: a counter in a file, which its holder rewrites.

Clocks of two machines are never compared: a holder is presumed dead once an observer has seen its counter stand
still for a term of the observer's own monotonic time. Reports need not be looked at, since a process that
reports also counts.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pbt.disk.sharing import make_folder, open_shared, refusal
from pbt.liveness.flock import FlockLiveness
from pbt.population.member import Lease

_log = logging.getLogger("pbt")
TERM = 120.0
"""Seconds for which a counter must stand still; clients of NFS may see an old one for half of that."""
BEAT_EVERY = 10.0
"""Seconds between two rewritings."""
LOOKS = 24
"""How often at most an observer looks at one counter in a term."""
SERVER = "server"
_WIDTH = 12


class _Seen(NamedTuple):
    """An observer's record of one lease: its last look, the count seen, and the seconds without a change."""

    number: int
    at: float
    text: bytes
    still: float


class FilesLiveness:
    """One file per member in ``leases/``, rewritten in place, so that no client holds on to a replaced one.

    Args:
        folder: the population's folder.
        clock: monotonic seconds.
        term: seconds.
    """

    kind = "counter"

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic, term: float | None = None) -> None:
        self._folder = folder / "leases"
        self._clock = clock
        self._term = TERM if term is None else term
        self._alone = FlockLiveness(folder)
        self._held: dict[int, _Beating] = {}
        self._seen: dict[str, _Seen] = {}

    def hold(self, member: int, number: int, block: str = "") -> str:
        """Begin to count for a lease; "" if this process trains the member already.

        Raises:
            SettingsError: this user may not write the counter, and would soon be taken for dead.
        """
        held = self._held.get(member)
        if held is not None and held.process == os.getpid():
            return ""
        self._held[member] = _begin(self._path(str(member)), number)
        return self.kind

    def serve(self) -> bool:
        """Count for a server, which gives leases of its own; False: another one lives here, as far as can be seen."""
        try:
            if not self._alone.serve():
                return False
        except OSError as error:
            _log.debug("no lock is to be had there: %s", error)
        self._held[-1] = _begin(self._path(SERVER), 0)
        return True

    def beat(self, member: int, number: int) -> None:
        """Nothing to do: a thread counts."""

    def let_go(self, member: int) -> None:
        """Count no longer."""
        held = self._held.pop(member, None)
        if held is not None:
            _beating.discard(held)

    def close(self) -> None:
        """Serve no longer."""
        self.let_go(-1)
        self._alone.close()

    def dead(self, member: int, lease: Lease) -> bool:
        """Whether the holder's counter has stood still for a term; a lease that a server gave: the server's."""
        if lease.sign == self.kind:
            held = self._held.get(member)
            if held is not None and held.number == lease.number and held.process == os.getpid():
                return False
            return self._still(str(member), lease.number)
        if lease.sign == SERVER:
            return self._still(SERVER, 0)
        return lease.sign == "here"

    def _still(self, name: str, number: int) -> bool:
        """Whether a counter has been seen to stand still for a term.

        Only time between two looks counts, so that neither an outage of the file system nor an observer
        that was stopped makes all holders look dead.
        """
        now, look_every = self._clock(), self._term / LOOKS
        seen = self._seen.get(name)
        if seen is not None and seen.number != number:
            seen = None
        if seen is not None and now - seen.at < look_every:
            return seen.still >= self._term
        try:
            text = self._read(name, number)
        except OSError as error:
            _log.debug("no sign of life of %s can be read: %s", name, error)
            self._seen.pop(name, None)
            return False
        still = 0.0
        if seen is not None and seen.text == text:
            still = seen.still + min(now - seen.at, self._term / 4)
        self._seen[name] = _Seen(number, now, text, still)
        return still >= self._term

    def _read(self, name: str, number: int) -> bytes:
        """The counter of a lease; b"" if the file has the counter of another lease, or there is none."""
        try:
            text = self._path(name).read_bytes()
        except FileNotFoundError:
            return b""
        return text if text.split(b" ")[0] == b"%012d" % number else b""

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.count"


class _Beating:
    """A counter that this process rewrites."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = path
        self.number = number
        self.process = os.getpid()
        self._key = os.urandom(8).hex()
        self._count = 0
        self.failing = False

    def beat(self) -> bool:
        """Count one further, unless a later lease of the member counts here. Whether it did not."""
        self._count += 1
        fd = open_shared(self.path, os.O_RDWR | os.O_CREAT)
        try:
            if self._later(os.pread(fd, _WIDTH, 0)):
                return False
            os.pwrite(fd, b"%012d %012d %s\n" % (self.number, self._count, self._key.encode()), 0)
        finally:
            os.close(fd)
        return True

    def _later(self, text: bytes) -> bool:
        return text.isdigit() and int(text) > self.number


_beating: set[_Beating] = set()
_thread: threading.Thread | None = None


def _begin(path: Path, number: int) -> _Beating:
    """Count in a file from now on, in one thread for the whole process."""
    global _thread
    beating = _Beating(path, number)
    try:
        make_folder(path.parent)
        beating.beat()
    except PermissionError:
        raise refusal(path, path.parent.parent) from None
    except OSError as error:
        _log.debug("no sign of life could be given yet: %s", error)
    _beating.add(beating)
    if _thread is None or not _thread.is_alive():
        _thread = threading.Thread(target=_beat_all, name="signs of life", daemon=True)
        _thread.start()
    return beating


def beat_now() -> None:
    """Count one further for all that this process holds."""
    for beating in _beating.copy():
        _beat_once(beating)


def _beat_all() -> None:
    while True:
        time.sleep(BEAT_EVERY)
        beat_now()


def _beat_once(beating: _Beating) -> None:
    try:
        if not beating.beat():
            _beating.discard(beating)
    except OSError as error:
        say = _log.debug if beating.failing else _log.warning
        say("%s: no sign of life can be given (%s); others will take this worker for dead", beating.path, error)
        beating.failing = True
    else:
        beating.failing = False


def _forget_in_child() -> None:
    """A forked child is not the holder: it must not count for its parent."""
    global _thread
    _thread = None
    _beating.clear()


os.register_at_fork(after_in_child=_forget_in_child)
