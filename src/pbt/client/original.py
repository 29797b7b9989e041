"""`PBTClient`, with the names and the meaning of the original: the script saves, asks, and takes or leaves.

A script written for the original runs with its import line changed at most.
"""

from __future__ import annotations

import logging
import os
import random
import secrets
from typing import Any, NamedTuple

from pbt.client.remote import Remote
from pbt.coordinator.answer import Answer
from pbt.errors import Forbidden, Invalid, PBTError, SettingsError, refuses
from pbt.population.entries import Checkpoint, Decision, Report, Score, Why
from pbt.settings import Wanted
from pbt.space.domains import Float, Int
from pbt.space.numbers import measured, number, plain, short, text
from pbt.space.reading import read_space
from pbt.space.space import Values
from pbt.strategies.explore import perturb
from pbt.strategies.original import Original
from pbt.strategies.registry import ORIGINAL, record

_log = logging.getLogger("pbt")


class PBTCheckpoint:
    """The record of one save."""

    def __init__(self, client_id: int, metric_value: float, hyperparameters: Values, parameters_path: str) -> None:
        self._client_id = client_id
        self._metric_value = metric_value
        self._hyperparameters = hyperparameters
        self._parameters_path = parameters_path

    def client_id(self) -> int:
        """The member's number."""
        return self._client_id

    def metric_value(self) -> float:
        """As it was given."""
        return self._metric_value

    def hyperparameters(self) -> Values:
        """Those in force at the save."""
        return dict(self._hyperparameters)

    def parameters_path(self) -> str:
        """As it was given."""
        return self._parameters_path

    def __repr__(self) -> str:
        return f"PBTCheckpoint(client {self._client_id}: {self._metric_value} at {self._parameters_path})"


class _Save(NamedTuple):
    """A save under way.

    Attributes:
        report: what is saved.
        decision: what became of the member before it.
        taken: the checkpoint that it took over before it.
        values: its hyperparameters.
    """

    report: Report
    decision: Decision | None
    taken: Checkpoint | None
    values: Values


class PBTClient:
    """One member of a population on a `PBTServer` or under ``pbt serve``.

    Args:
        server_ip: the server's address or name, or a whole URL.
        server_port: its port.
        auth_key: its key, text or bytes; "" for a server without one.
        config_path: the search space, a CSV of name,min,max,scale (or a .toml file).

    Raises:
        SpaceError: the file is malformed.
        SettingsError: the population has another space.
        Unreachable, Forbidden: no server, or not with this key.
    """

    def __init__(
        self, server_ip: str, server_port: int, auth_key: str | bytes, config_path: str | os.PathLike[str]
    ) -> None:
        self._space = read_space(os.fspath(config_path))
        host = f"[{server_ip}]" if ":" in server_ip and not server_ip.startswith(("[", "http")) else server_ip
        url = server_ip if server_ip.startswith(("http://", "https://")) else f"http://{host}:{int(server_port)}"
        self._remote = Remote(url, auth_key or None)
        self._draws = random.SystemRandom()
        self._path: str | None = None
        try:
            self._join()
        except Forbidden as error:
            raise type(error)(f"{error}; the key that is given to PBTClient counts first") from None

    def _join(self) -> None:
        asked = Wanted(space=self._space, open=True, strategy=record(ORIGINAL), checkpoints="foreign", interval=1)
        self._answer: Answer = self._remote.join(secrets.token_hex(16), asked)
        if self._answer.member is None:
            raise PBTError("this population has reached its goal: start another server, or name another population")
        self._process = os.getpid()
        self._seq = 0
        self._taken: Checkpoint | None = None
        self._pending: _Save | None = None
        self._values: Values = dict(self._answer.hyperparameters)

    def _here(self) -> None:
        """A client that was inherited by a forked process is a member of its own there."""
        if os.getpid() != self._process:
            self._join()

    def client_id(self) -> int:
        """The member's number."""
        self._here()
        assert self._answer.member is not None
        return self._answer.member

    def save(self, parameters_path: str | os.PathLike[str], metric_value: float) -> PBTCheckpoint:
        """Report where the parameters lie and how good they are.

        Raises:
            Invalid: the metric is no number, or the path can not be written as UTF-8.
            LeaseLost: nothing was heard of this client for a minute, and another has taken its place.
        """
        self._here()
        path = text(os.fsdecode(parameters_path), "parameters_path")
        self._send_again()
        score = number(metric_value, "metric_value")
        self._seq += 1
        self._pending = self._draft(score, path, self._taken, dict(self._values))
        self._send_again()
        assert self._answer.member is not None
        return PBTCheckpoint(self._answer.member, metric_value, dict(self._values), path)

    def _draft(self, score: Score, path: str | None, taken: Checkpoint | None, values: Values) -> _Save:
        """A save, and the decision on the member since the last one, on the member as it was last answered for."""
        a, decision = self._answer, self._decided(taken, values)
        assert a.member is not None
        decided = a.decisions + (decision is not None)
        report = Report(
            member=a.member, lease=a.lease, seq=self._seq, decided=decided, step=0, score=score, checkpoint=path
        )
        return _Save(report, decision, taken, values)

    def _decided(self, taken: Checkpoint | None, values: Values) -> Decision | None:
        """The decision on the member since its last save; None: there was none."""
        a = self._answer
        assert a.member is not None
        if taken is not None:
            return Decision(
                a.member, taken.step + 1, start="copy", parents=(taken,), hyperparameters=values,
                why=Why(note="taken by its client"), decided=a.decisions,
            )  # fmt: skip
        if values != a.hyperparameters:
            return Decision(
                a.member, a.ready, hyperparameters=values, why=Why(note="changed by its client"), decided=a.decisions
            )
        return None

    def _send_again(self) -> None:
        """Send the save that is under way: the same bytes, also after an exception that lost the answer."""
        while self._pending is not None:
            save = self._pending
            try:
                answer = self._remote.save(save.report, save.decision)
            except PBTError as error:
                if refuses(error):
                    self._pending = None
                raise
            known, self._answer = self._answer, answer
            if answer.seq == save.report.seq or answer.stop or answer.released:
                self._pending = None
                if self._taken is save.taken:  # else taken after the save: it belongs to the next one
                    self._taken, self._path = None, save.report.checkpoint
            else:
                self._draft_anew(known, save)

    def _draft_anew(self, known: Answer, save: _Save) -> None:
        """Another decision was made on the member meanwhile; this client keeps its weights and values."""
        taken = save.taken
        if self._answer.given > known.given and taken is None:
            taken = known.checkpoint
            self._taken = self._taken or taken
        self._pending = self._draft(save.report.score, save.report.checkpoint, taken, save.values)

    def should_exploit(self) -> bool:
        """Whether the last save was among the worst, so that the offered parameters should be taken over."""
        self._here()
        return self._answer.offer is not None and self._answer.why.low and self._taken is None

    def exploit(self) -> None:
        """Take over the path and the hyperparameters that the last save was offered; twice is once.

        Raises:
            PBTError: before the first save, when nothing was offered yet.
        """
        self._here()
        offer = self._answer.offer
        if offer is None:
            raise PBTError("nothing to exploit: save() first, with a finite metric; its answer carries the offer")
        if self._taken is None:
            self._taken = offer
            self._path = offer.id
            self._values = self._space.clip(offer.hyperparameters)

    def explore(self) -> None:
        """Multiply each hyperparameter in force by 0.8 or 1.2, inside the bounds of the CSV."""
        self._here()
        self._values = perturb(self._space, self._values, self._draws.random, Original().factors)

    def parameters_path(self) -> str | None:
        """The path taken over by `exploit`, else that of the last save; None before both."""
        self._here()
        return self._path

    def hyperparameters(self) -> Values:
        """Those in force, by name."""
        self._here()
        return dict(self._values)

    def set_hyperparameter(self, name: str, value: Any) -> None:
        """Set one by hand; a value outside the bounds is clipped, with a warning.

        Raises:
            SettingsError: no hyperparameter of this name.
            Invalid: the value is no number where the space has numbers, or nan.
        """
        self._here()
        if name not in self._space.domains:
            raise SettingsError(f"no hyperparameter {name!r}: the space has {', '.join(self._space)}")
        domain, given = self._space[name], plain(value)
        if isinstance(domain, Float | Int):
            given = measured(given, name)
        if given != given:
            raise Invalid(f"{name} is nan: give a value of the space")
        clipped = domain.clip(given)
        if given not in domain:
            _log.warning("%s=%s lies outside the space; %r is used", name, short(value), clipped)
        self._values[name] = clipped
