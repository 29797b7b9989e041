"""`Checkpointer`: publishes, loads and collects the checkpoints of one member, on behalf of its worker."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from pbt.checkpoints.lending import FULL, Lending
from pbt.checkpoints.plain import remove
from pbt.checkpoints.store import CheckpointStore
from pbt.coordinator.admission import checkpoint_due
from pbt.coordinator.answer import Answer
from pbt.coordinator.interface import AnyCoordinator
from pbt.coordinator.seat import Seat
from pbt.errors import CheckpointError, Conflict, DiskFull, Invalid, OutOfReach
from pbt.population.entries import Checkpoint, Lost, Released, Report, score_of
from pbt.space.numbers import text

_log = logging.getLogger("pbt")
Save = Callable[[Path], object]
_ROOM = 1024 * 1024
"""Bytes left on a disk below which a failed saving is blamed on it: PyTorch, for one, gives no errno."""


class Checkpointer:
    """The checkpoints of one member, as its present worker sees them.

    Args:
        coordinator: the coordinator, which is told of a checkpoint that is lost.
        store: where they are kept; None where nothing is kept, since they are foreign.

    Attributes:
        gave_back: the member was given back, since its checkpoint is lost and its cure must wait.
    """

    def __init__(self, coordinator: AnyCoordinator, store: CheckpointStore | None) -> None:
        self._coordinator = coordinator
        self.gave_back = False
        self._store = store
        self._published: str | None = None
        self._lending = Lending()

    def staging(self, answer: Answer) -> Path:
        """A new empty folder to save into."""
        assert answer.member is not None
        return self._seen().staging(answer.member, answer.lease)

    def _seen(self) -> CheckpointStore:
        if self._store is None:
            raise Invalid("this population's checkpoints are foreign: report names of your own, with checkpoint=")
        return self._store

    def with_checkpoint(self, report: Report, answer: Answer, save: Save | None, given: Any) -> Report:
        """The report with the checkpoint that is due or given, published.

        Raises:
            Invalid: one is due, and there is neither `save` nor a path; or `save` is no function, the path none.
        """
        if save is not None and not callable(save):
            raise Invalid(
                f"save is {save!r}: it is a function of a folder, which it writes into; a path is checkpoint="
            )
        if given is not None and not answer.foreign and not isinstance(given, str | os.PathLike):
            raise Invalid(f"checkpoint is {given!r}: it is the path of what was saved; a function that saves is save=")
        reason = checkpoint_due(report, answer.ready, answer.steps, answer.goal, answer.maximize)
        if given is None and (not reason or save is None or answer.foreign):
            if reason:
                how = (
                    "checkpoint='your name for it'" if answer.foreign else "save=function(folder) or checkpoint=folder"
                )
                raise Invalid(
                    f"member {report.member}, step {report.step}: a checkpoint is due ({reason}); give report() {how}"
                )
            return report
        if answer.foreign:
            name = os.fsdecode(given) if isinstance(given, bytes) else str(given)
            return replace(report, checkpoint=text(name, "checkpoint"))
        return self._publish(report, answer, save, given)

    def _publish(self, report: Report, answer: Answer, save: Save | None, given: Any) -> Report:
        """The report with its checkpoint, published.

        Raises:
            DiskFull: for want of room, which some file systems only say when files are synced.
        """
        store, staging = self._seen(), None
        id = report.checkpoint_id
        parent = answer.checkpoint.id if answer.checkpoint is not None else None
        of = Checkpoint(id, report.member, report.step, score_of(report), answer.hyperparameters)
        try:
            if given is None:
                assert save is not None
                staging = self._saved(save, store.staging(report.member, report.lease))
            else:
                path = Path(given)
                own = store.is_staging(path) and not self._lending.is_copy(path)
                staging = path if own else store.adopt(path, report.member, report.lease)
            store.publish(staging, of, parent, partial(self._is_named, report))
        except (OSError, CheckpointError) as error:
            if staging is not None and (given is None or staging != Path(given)):
                remove(staging)
            if isinstance(error, OSError) and not isinstance(error, DiskFull) and error.errno in FULL:
                raise DiskFull(f"checkpoint {id}: no room for it ({error}); make room") from error
            raise
        self._published = id
        return replace(report, checkpoint=id)

    def _is_named(self, report: Report) -> bool:
        now = self._coordinator.stand(report.member, report.lease)
        return now.released or now.seq >= report.seq

    @staticmethod
    def _saved(save: Save, staging: Path) -> Path:
        """The staging folder after `save` has written into it; it is removed if `save` fails.

        Raises:
            DiskFull: the disk is full, whatever error the library that wrote raised.
        """
        try:
            save(staging)
        except Exception as error:
            full = getattr(error, "errno", None) in FULL or shutil.disk_usage(staging).free < _ROOM
            remove(staging)
            if full:
                raise DiskFull(f"{staging.parent}: no room for a checkpoint ({error}); make room") from error
            raise
        return staging

    def unpublish(self, report: Report, answer: Answer) -> None:
        """Delete the checkpoint of a report that was not recorded.

        The report may have been recorded all the same, if its answer was lost and another worker has reported since.
        The checkpoint is deleted only if it is not among the referenced ones: an unreferenced one stays so.
        """
        id = report.checkpoint
        if id is not None and self._store is not None and id == self._published and id not in answer.keep:
            self._store.delete(id)

    def whole(self, answer: Answer, seat: Seat) -> tuple[Answer, Path | None]:
        """How the member stands, with the folder that its worker lacks, once that is there and whole.

        A lost one is told and cured.

        Raises:
            OutOfReach: the store can not be read now; the member was given back.
        """
        while True:
            checkpoint = seat.lacks(answer)
            if checkpoint is None:
                return answer, None
            try:
                return answer, self.fetch(answer, checkpoint)
            except CheckpointError as error:
                answer = self._without(checkpoint, answer, error)
            except OSError as error:
                self._give_back(answer)
                raise OutOfReach(f"member {answer.member}: the checkpoints are out of reach: {error}") from error

    def _without(self, checkpoint: Checkpoint, answer: Answer, error: CheckpointError) -> Answer:
        """How the member stands now; if no other weights were given to it since, once this was told and decided on."""
        assert answer.member is not None
        newer = self._coordinator.stand(answer.member, answer.lease)
        if newer.released or newer.stop or newer.given > answer.given:
            return newer
        _log.warning("member %d: %s; it goes on from another checkpoint", answer.member, error)
        newer = self._coordinator.tell(Lost(answer.member, answer.lease, checkpoint.id))
        if newer.wait and not newer.released:
            # A barrier's round must be completed first, perhaps by members that only this worker can train.
            self.gave_back = True
            newer = self._give_back(answer)
        return newer

    def _give_back(self, answer: Answer) -> Answer:
        assert answer.member is not None
        return self._coordinator.tell(Released(answer.member, answer.lease))

    def fetch(self, answer: Answer, checkpoint: Checkpoint | None) -> Path | None:
        """A checkpoint's folder, once it is seen to be whole; None without one, or if it is foreign.

        A checkpoint that other members load too is copied where this process could write to its files.

        Raises:
            CheckpointError: it is not whole.
            OSError: the store can not be reached or read now.
        """
        if checkpoint is None or answer.foreign:
            return None
        assert answer.member is not None
        return self._lending.folder(self._seen(), checkpoint, answer.member, answer.lease)

    def collect(self, answer: Answer) -> None:
        """Delete the unreferenced checkpoints that the answer names, and older ones of this member. Idempotent."""
        if self._store is None or answer.foreign or answer.member is None:
            return
        held = (*answer.parents, *((answer.checkpoint,) if answer.checkpoint is not None else ()))
        self._lending.only({checkpoint.id for checkpoint in held})
        for id in answer.drop:
            self._store.delete(id)
        if answer.stop and not answer.released:
            self._store.collect(answer.member, answer.lease + 1, 0, answer.keep)
        else:
            self._store.collect(answer.member, answer.lease, answer.seq, answer.keep)
        if answer.referenced is not None:
            with suppress(Conflict):  # it was given more steps since
                self._store.sweep(StillReferenced(partial(self._coordinator.stand, answer.member, answer.lease)))

    def end(self) -> None:
        """This worker no longer trains the member."""
        self._lending.end()


class StillReferenced(Iterable[str]):
    """The referenced checkpoints of a finished population, read anew at each iteration.

    Iterating raises Conflict if the population is not finished any longer, since its steps were raised.

    Args:
        stand: how a member of it stands.
    """

    def __init__(self, stand: Callable[[], Answer]) -> None:
        self._stand = stand

    def __iter__(self) -> Iterator[str]:
        referenced = self._stand().referenced
        if referenced is None:
            raise Conflict("the population is not finished: a checkpoint without references may still get one")
        return iter(referenced)
