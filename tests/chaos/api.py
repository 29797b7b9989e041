"""Requests made from the API's own document, right ones and wrong ones: none may be answered 5xx or off the document.

The longer run: ``python -m tests.chaos.api --requests 5000``
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.errors import UnsupportedSchema
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

import pbt
import pbt.server.served
import pbt.server.signing
from pbt.client.remote import Remote
from pbt.population.changes import KINDS
from pbt.population.member import MemberState
from pbt.settings import wanted
from pbt.wire.addresses import SESSION
from tests.support.population import SPACE, Script
from tests.support.worlds import KEY, ServerWorld

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance, negative_data_rejection, unsupported_method,
]  # fmt: skip
POPULATIONS: dict[str, dict[str, Any]] = {
    "digits": {},
    "rounds": {"synchronous": True, "members": 2},
    "long": {"steps": None, "goal": 100.0},
    "open": {"members": None, "open": True, "strategy": "original", "checkpoints": "foreign", "steps": None},
    "owing": {"strategy": {"name": "tests.deferring:Deferring"}},
    "empty": {},
    "nowhere": {},
}


REPORT = ("member", "lease", "seq", "decided", "step")
SCORES = st.one_of(
    st.floats(-1e300, 1e300), st.sampled_from(["nan", "inf", "-inf"]), st.lists(st.floats(-1, 1), max_size=12)
)


class Found:
    """What came of a run."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()
        self.defects: dict[str, str] = {}
        self.seconds = 0.0

    @property
    def requests(self) -> int:
        """How many were answered."""
        return sum(self.answers.values())

    def __str__(self) -> str:
        statuses = Counter[int]()
        for (_, status), n in self.answers.items():
            statuses[status] += n
        said = ", ".join(f"{n} x {status}" for status, n in sorted(statuses.items()))
        by = Counter[str]()
        for (label, status), n in self.answers.items():
            by[label] += n if status == 200 else 0
        lines = [f"{self.requests} requests in {self.seconds:.0f} s: {said}; {len(self.defects)} defects"]
        lines.append("answered 200: " + ", ".join(f"{label} {n}" for label, n in sorted(by.items())))
        return "\n".join([*lines, *(f"--- {what}\n{how}" for what, how in self.defects.items())])


def populate(world: ServerWorld) -> None:
    """Populations of every kind, in which something has happened already."""
    for name, given in POPULATIONS.items():
        if name == "nowhere":
            continue
        remote = Remote(f"http://127.0.0.1:{world.port}/{name}", KEY)
        remote.open()
        if name == "empty":
            continue
        settings = {"space": SPACE, "members": 4, "steps": 100, "interval": 1, "maximize": True, "seed": 7} | given
        remote.create(wanted(**{key: value for key, value in settings.items() if value is not None}))
        for n in range(4):
            answer = remote.join(f"nonce-{n}")
            remote.let_go(answer.member or 0)
            if name == "digits" and n < 2 and answer.member is not None:
                script = Script.__new__(Script)
                script.answers = {answer.member: answer}
                remote.report(script.draft(answer.member, 0.5 + n, step=1))
        remote.close()


def attack(world: ServerWorld, requests: int, seed: int | None = None, only: tuple[str, ...] = ("",)) -> Found:
    """Ask at least so many times, half of it on purpose wrongly."""
    found, began = Found(), time.monotonic()
    headers = {"Authorization": f"Bearer {KEY}"}
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{world.port}/api/v1/openapi.json", headers=headers)
    operations = [operation.ok() for operation in schema.get_all_operations()]
    endless = "/events"  # a stream, which no check waits for
    operations = [o for o in operations if o.path.endswith(only) and not o.path.endswith(endless)]
    each = requests / (2 * sum(map(_weight, operations)))
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _attack(operation, mode, math.ceil(each * _weight(operation)), found, world, headers, seed)
    found.seconds = time.monotonic() - began
    return found


def _weight(operation: Any) -> int:
    """Where more can be said, more is."""
    return 4 if operation.path.endswith(("/report", "/tell", "/join", "/create", "/steer")) else 1


def _attack(
    operation: Any,
    mode: GenerationMode,
    n: int,
    found: Found,
    world: ServerWorld,
    headers: dict[str, str],
    seed: int | None,
) -> None:
    @hypothesis.seed(0 if seed is None else seed)
    @hypothesis.settings(
        max_examples=n, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @hypothesis.given(st.data())
    def ask(data: st.DataObject) -> None:
        checks = list(CHECKS)
        try:
            case = data.draw(operation.as_strategy(generation_mode=mode))
        except UnsupportedSchema:  # schemathesis can not spell out everything that a schema forbids
            hypothesis.reject()
        if mode is GenerationMode.POSITIVE:
            _nudge(case, data, world)
        elif "name" in (case.path_parameters or {}) and data.draw(st.booleans()):
            case.path_parameters["name"] = data.draw(st.sampled_from(list(POPULATIONS)))
            checks.remove(negative_data_rejection)  # that may have been what was wrong
        response = case.call(base_url=f"http://127.0.0.1:{world.port}", headers=headers)
        found.answers[operation.label, response.status_code] += 1
        try:
            case.validate_response(response, checks=checks)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                what = f"{operation.label} {response.status_code}: {type(failure).__name__}: {str(failure)[:160]}"
                found.defects.setdefault(what, f"{case.as_curl_command()[:1500]}\n{response.text[:500]}")

    with suppress(hypothesis.errors.Unsatisfiable):  # there is no wrong request where nothing can be said
        ask()


def _nudge(case: Any, data: st.DataObject, world: ServerWorld) -> None:
    """Most requests go to populations that exist, about members, leases and checkpoints that are there."""
    case.body = _whole(case.body)
    if case.operation.path == SESSION and isinstance(case.body, dict) and data.draw(st.booleans()):
        case.body = {"key": KEY}
    if "name" not in (case.path_parameters or {}) or data.draw(st.integers(0, 19)) == 0:
        return
    fresh = case.operation.path.endswith(("/create", "/join")) and data.draw(st.booleans())
    name = data.draw(st.sampled_from([f"new-{n}" for n in range(30)] if fresh else list(POPULATIONS)))
    case.path_parameters["name"] = name
    served = world.populations.served(name) if name in POPULATIONS else world.populations.opened(name)
    if served is None or not served.coordinator.exists or data.draw(st.integers(0, 3)) == 0:
        return
    members = data.draw(st.permutations(served.coordinator.population.members))
    members.sort(key=lambda m: m.done or m.lease is None or m.lease.ended != "")
    if isinstance(case.body, list):
        case.body[len(members) :] = []
        case.body += [] if case.body else [dict.fromkeys(REPORT, 0) | {"score": data.draw(SCORES)}]
    for one, m in zip(case.body if isinstance(case.body, list) else [case.body], members, strict=False):
        for part in (one, *_inside(one)):
            if isinstance(part, dict):
                _fit(part, m, data)


def _whole(said: Any) -> Any:
    """5.0 is an integer to JSON Schema, and none to us."""
    if isinstance(said, dict):
        return {name: _whole(value) for name, value in said.items()}
    if isinstance(said, list):
        return [_whole(value) for value in said]
    return int(said) if isinstance(said, float) and said.is_integer() and abs(said) <= 2**53 else said


def _inside(said: Any) -> list[Any]:
    if not isinstance(said, dict):
        return []
    if "settings" in said and said["settings"] is not None:
        said["settings"] = None
    decisions = said.get("decisions")
    return [said.get("event"), said.get("change"), *(decisions if isinstance(decisions, list) else [])]


def _fit(said: dict[str, Any], m: MemberState, data: st.DataObject) -> None:
    """What is said, made to fit a member as it stands; all else stays as it was made up."""
    seq = 1 + (m.last.seq if m.last is not None and m.last.lease == m.newest else 0)
    own = f"{m.id}/{m.newest}-{seq}" if data.draw(st.integers(0, 4)) else None
    fits: dict[str, Any] = {
        "member": m.id, "lease": m.newest, "seq": seq, "decided": m.decisions, "step": m.step + 1, "ready": m.step + 1,
        "hyperparameters": data.draw(st.sampled_from([None, m.hyperparameters])),
        "checkpoint": own if "seq" in said or m.checkpoint is None else m.checkpoint.id,
        "members": [[m.id, m.newest]],
        "change": data.draw(st.sampled_from([{"steps": 200}, {"again": [m.id]}, {"set": [m.id]}, {}])),
        "parents": [] if m.checkpoint is None else [msgspec.to_builtins(m.checkpoint)],
    }  # fmt: skip
    if "change" in said and "kind" not in said:
        said.update({"by": "a test", "why": "", "seen": None, "nonce": str(data.draw(st.integers(0, 999)))})
        return
    if "kind" in said and "event" not in said and said["kind"] in KINDS:
        some = "best" if m.checkpoint is None else m.checkpoint.id
        fits = {
            "member": m.id, "parent": data.draw(st.integers(0, 3)), "members": [m.id], "checkpoint": some,
            "values": {"lr": data.draw(st.floats(1e-4, 1.0))}, "name": "lr", "steps": 200,
        }  # fmt: skip
    for field in said.keys() & fits.keys():
        said[field] = fits[field]
    if "seq" in said:
        said.update({"checkpoint": own, "used": {}})
        if isinstance(said.get("score"), dict) and data.draw(st.integers(0, 4)):  # objectives are refused
            said["score"] = 1.0


def run(requests: int, seed: int | None = None, only: tuple[str, ...] = ("",)) -> Found:
    """One server, one run."""
    held, pbt.server.served.HOLD = pbt.server.served.HOLD, 0.05
    slowed, pbt.server.signing.WAIT = pbt.server.signing.WAIT, 0.01
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        world = ServerWorld(Path(folder))
        try:
            populate(world)
            return attack(world, requests, seed, only)
        finally:
            world.close()
            pbt.server.served.HOLD, pbt.server.signing.WAIT = held, slowed


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    found = run(options.requests, options.seed)
    print(found)
    sys.exit(bool(found.defects))


if __name__ == "__main__":
    main()
