"""A journal of files without any lock, for a folder that several machines share: NFS, Lustre, sshfs.

One append is one file, however many entries: written aside in the same folder, fsynced, and published by
``link()`` under the number of its first entry, which fails if the name is there. Names are never freed
(see `names`), so that link alone is compare-and-append: a writer that knows that an append ended with entry n, and
links n + 1, has appended after n. Answers of the file system are not trusted: a link that was sent twice fails
because of its own success, so on any failure the name itself is read, and its key says whose it is.

Reading opens names, one after the other, and never lists: a listing may be old.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from pbt.disk.whole import sync, write_new
from pbt.errors import JournalError, Unavailable
from pbt.journals.files.fairness import Fairness
from pbt.journals.files.frames import WRITER, Frame, framed, unframed
from pbt.journals.files.names import aside, look_anew, name, read_file, remove
from pbt.journals.files.packing import blocks, pack
from pbt.journals.files.tail import Tail, newest
from pbt.journals.journal import Raced, mend
from pbt.journals.snapshot_file import SnapshotFile

LOOK_ANEW = 1.0
"""Seconds for which "there is no such name" may be believed to a file system that remembers its answers."""
FAR = 64
"""Names that are tried one by one, backwards, to find the append that an entry belongs to."""
WHOLE = 5.0
"""Seconds after which a file that is not whole will not become so: a client may know an old size of it."""


class FilesJournal:
    """Entries in ``journal/`` in a population's folder.

    Raises:
        JournalError: the folder of the entries is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "journal"
        if not self._folder.is_dir():
            raise JournalError(f"{self._folder} is missing: restore the folder from a copy, or start a new one")
        self._snapshot = SnapshotFile(folder)
        self._patience = Fairness()
        self._tail = Tail()
        self._writer = os.urandom(WRITER)
        self._end = 0
        self._looked = -LOOK_ANEW
        self._ahead: list[Frame] | None = None
        self._packer: threading.Thread | None = None

    def read(self, after: int) -> Iterable[bytes]:
        """The entries after number `after`.

        Raises:
            JournalError: a file is damaged.
            Unavailable: the file system can not be read now.
        """
        try:
            return self._read(after)
        except OSError as error:
            raise Unavailable(f"{self._folder} can not be read now: {error.strerror}") from None

    def _read(self, after: int) -> list[bytes]:
        if time.monotonic() - self._looked > LOOK_ANEW:
            self._look_anew()
        bodies: list[bytes] = []
        end, stride = after, self._tail.stride()
        frames = self._leap(after, stride) if after == self._end else self._around(after)
        while frames:
            for frame in frames:
                if frame.last > end:
                    bodies += frame.entries[max(0, end + 1 - frame.first) :]
                    end = frame.last
                    self._saw(frame)
            self._end = end
            stride //= 4
            frames = self._leap(end, stride)
        self._tail.note()
        return bodies

    def _saw(self, frame: Frame) -> None:
        self._tail.add(frame)
        if frame.writer != self._writer:
            self._patience.saw(frame.writer)

    def _leap(self, end: int, stride: int) -> list[Frame] | None:
        """The frames after entry number `end`: from a file further on that carries them, or from their own."""
        if stride > 1:
            frames = self._file(end + newest(lambda ahead: name(self._folder, end + ahead).exists(), stride))
            if frames and frames[0].first <= end + 1 and frames[-1].last > end:
                return frames
        return self._beginning(end + 1)

    def append(self, expected: int, entries: Sequence[bytes]) -> None:
        """Append after number `expected`, durable when it returns; or raise `Raced`."""
        if not entries:
            return
        began = time.monotonic()
        try:
            if expected != self._end and not self._is_end(expected):
                raise Raced
            appended = self._publish(expected + 1, entries)
        except Raced:
            self._patience.lost()
            raise
        except OSError as error:
            raise Unavailable(
                f"{self._folder}: nothing was recorded ({error.strerror}); "
                "make room or mend the file system, then go on"
            ) from None
        self._end = expected + len(entries)
        self._tail.add(appended)
        self._patience.won(time.monotonic() - began)
        for block in blocks(expected + 1, self._end):
            self._pack(block)

    def _publish(self, number: int, entries: Sequence[bytes]) -> Frame:
        key = self._writer + os.urandom(8)
        own = Frame(number, key, tuple(entries), framed(number, key, entries))
        carried = self._tail.before(number) if self._patience.rivals() else b""
        written, target = aside(self._folder), name(self._folder, number)
        fd = -1
        try:
            fd = write_new(written, carried + own.raw)
            try:
                os.link(written, target)
            except OSError as error:
                remove(written)  # a link that is still under way finds nothing any more
                self._make_sure(number, key, error)
            os.fsync(fd)  # makes the name durable too, where a folder can not be synced
            sync(self._folder)
            return own
        finally:
            if fd >= 0:
                os.close(fd)
            remove(written)

    def _make_sure(self, number: int, key: bytes, error: OSError) -> None:
        """After a link that failed, or whose success was not reported: check that the name is this writer's.

        Raises:
            Raced: it is another writer's.
            OSError: the name does not exist.
        """
        self._look_anew()
        frames = self._beginning(number)
        if not frames and not isinstance(error, FileExistsError):
            raise error
        if not frames or frames[0].key != key:
            self._ahead = frames
            raise Raced

    # --- files ---

    def _beginning(self, number: int) -> list[Frame] | None:
        """The frames from this number on in the file of this name; None if there is none."""
        ahead, self._ahead = self._ahead, None
        if ahead and ahead[0].first == number:
            return ahead
        give_up = None
        while True:
            found = self._file(number)
            if found is None:
                return None
            frames = [frame for frame in found if frame.first >= number]
            if frames and frames[0].first == number:
                return frames
            give_up = time.monotonic() + WHOLE if give_up is None else give_up
            if time.monotonic() > give_up:
                raise JournalError(
                    f"{name(self._folder, number)} is damaged: entry {number} is not whole in it; "
                    f"{mend(self._folder.parent)}"
                )
            time.sleep(0.05)

    def _file(self, number: int) -> list[Frame] | None:
        """The frames that can be read now in the file of this name; None if there is none."""
        try:
            data = read_file(name(self._folder, number))
        except OSError as error:
            if error.errno != errno.ESTALE:  # replaced by a segment while it was open
                raise
            data = b""
        return None if data is None else unframed(data)

    def _look_anew(self) -> None:
        self._looked = time.monotonic()
        look_anew(self._folder)

    def _around(self, number: int) -> list[Frame] | None:
        """The frames that hold entry `number` and later ones in the same file; None if it does not exist yet."""
        if number == 0:
            return self._beginning(1)
        for first in range(number, max(0, number - FAR), -1):
            frames = self._beginning(first)
            if frames:
                return frames if frames[-1].last >= number else None
        return self._from_afar(number) if number > FAR else None

    def _from_afar(self, number: int) -> list[Frame] | None:
        """The same for a number that may lie far past the end. A listing may be old: it only says where to begin."""
        with os.scandir(self._folder) as listed:
            known = [int(found.name) for found in listed if found.name.isdecimal()]
        first = max((found for found in known if found <= number), default=1)
        while frames := self._beginning(first):
            if frames[-1].last >= number:
                return frames
            first = frames[-1].last + 1
        return None

    def _is_end(self, number: int) -> bool:
        """Whether an append ended with this number."""
        if number == 0:
            return True
        frames = self._around(number)
        return frames is not None and any(frame.last == number for frame in frames)

    # --- beside the path of an append ---

    def _pack(self, block: int) -> None:
        if self._packer is not None:
            self._packer.join()
        self._packer = threading.Thread(target=pack, args=(self._folder, block), name="pack", daemon=True)
        self._packer.start()

    def fair_turn(self, meanwhile: Callable[[], None] | None = None) -> AbstractContextManager[object]:
        """Back-off instead of a lock: see `Fairness`."""
        return self._patience

    def snapshot(self) -> bytes | None:
        """The snapshot, if there is one."""
        return self._snapshot.read()

    def save_snapshot(self, body: bytes) -> None:
        """Save a snapshot: a cache, so a failure is only logged."""
        self._snapshot.write(body)

    def close(self) -> None:
        """Finish packing, if this process is at it."""
        if self._packer is not None:
            self._packer.join()
