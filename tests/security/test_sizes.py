"""What is too deep, too long, too large or too much."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from pbt.client.remote import Remote
from pbt.population.entries import LARGEST
from pbt.settings import wanted
from tests.security import RAW
from tests.support.population import SPACE
from tests.support.requests import request
from tests.support.worlds import KEY, ServerWorld


def _reports(**more: Any) -> bytes:
    return json.dumps([{"member": 0, **RAW, **more}]).encode()


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("tell", b'{"event":{"kind":"steered","change":' + b'{"a":' * 90_000 + b"1" + b"}" * 90_000 + b"}}"),
        ("create", b'{"strategy":{"name":"pbt","parameters":{"a":' + b"[" * 90_000 + b"]" * 90_000 + b"}}}"),
        ("report", b"[" * 500_000),
        ("report", b'[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":1,"used":{"\xff":1}}]'),
        ("report", b'[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":1,"used":{"\\ud800":1}}]'),
        ("report", b'[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":1e999}]'),
        ("report", b'[{"member":0,"lease":1,"seq":1,"decided":1,"step":1,"score":Infinity}]'),
        ("report", _reports(step=2**63)),
        ("report", _reports(step=2**64)),
        ("report", _reports(step=LARGEST + 1)),
        ("report", _reports(seq=10**300)),
        ("report", _reports(lease=-(2**63))),
        ("report", _reports(step=int("9" * 4200))),
        ("report", _reports(used={"n" * 70_000: 1})),
        ("report", _reports(checkpoint="x" * 900_000)),
        ("report", _reports(score=[0.5] * 100_000)),
        ("join", b'{"nonce": "' + b"n" * 300 + b'"}'),
        ("create", b'{"members": 10001, "maximize": true, "space": {"domains": {"a": {"kind": "constant", "value": 1'
                   b"}}}}"),
        ("create", b'{"space": {"domains": {"a": {"kind": "float", "min": -1.7e308, "max": 1.7e308}}}}'),
        ("create", b'{"space": {"domains": {"a": {"kind": "float", "min": 1, "max": ' + b"9" * 400 + b"}}}}"),
        ("tell", b'{"event":{"kind":"steered","change":{}},"decisions":[{"member":0,"ready":1,"parents":['
                 b'{"id":"x","member":99,"step":1,"score":1,"hyperparameters":{}}]}]}'),
        ("tell", b'{"event":{"kind":"steered","change":{}},"decisions":[{"member":99,"ready":1}]}'),
        ("tell", b'{"event":{"kind":"steered","change":{}},"decisions":[{"member":0,"ready":1,"start":"copy"}]}'),
        ("tell", b'{"event":{"kind":"steered","change":{}},"decisions":[{"member":0,"ready":1,"start":"fresh"}]}'),
    ],
)  # fmt: skip
def test_what_is_too_deep_too_long_or_too_large_is_refused(reading: ServerWorld, verb: str, body: bytes) -> None:
    request(reading, path="/digits/join", body=b'{"nonce": "n", "member": 0}')
    entries = len(list(reading.journal.read(0)))
    began = time.monotonic()
    code, said = request(reading, path=f"/{'new' if verb == 'create' else 'digits'}/{verb}", body=body)
    assert 400 <= code < 500, said
    assert len(said["error"]) > 10 and len(str(said)) < 2000
    assert time.monotonic() - began < 5
    assert len(list(reading.journal.read(0))) == entries


def test_a_key_that_stands_twice_counts_as_its_last(reading: ServerWorld) -> None:
    request(reading, path="/digits/join", body=b'{"nonce": "n", "member": 0}')
    body = _reports(checkpoint="0/1-1")[:-2] + b',"score":7.0}]'
    assert request(reading, path="/digits/report", body=body)[0] == 200
    assert reading.population.members[0].score == 7.0


def test_a_thousand_reports_in_one_request_are_answered_or_refused_whole(reading: ServerWorld) -> None:
    body = json.dumps([{**RAW, "member": n % 2} for n in range(8000)]).encode()
    began = time.monotonic()
    code, said = request(reading, path="/digits/report", body=body)
    assert code == 422 and "two reports of one member" in said["error"]
    assert time.monotonic() - began < 5


def test_the_largest_step_is_taken_and_a_larger_one_is_not(reading: ServerWorld) -> None:
    remote = Remote(f"http://127.0.0.1:{reading.port}/long", KEY)
    remote.create(wanted(space=SPACE, members=2, interval=LARGEST, goal=9.0, maximize=True))
    remote.join("a")
    body = _reports(step=LARGEST, checkpoint="0/1-1")
    code, said = request(reading, path="/long/report", body=body)
    assert code == 200, said
    assert said[0]["step"] == LARGEST  # type: ignore[index]
    assert request(reading, path="/long/report", body=_reports(seq=2, step=LARGEST, checkpoint="0/1-2"))[0] == 422
    remote.let_go(0)
    remote.close()


@pytest.mark.slow
def test_signs_of_life_of_nobody_take_no_memory(reading: ServerWorld) -> None:
    served = reading.populations.served("digits")
    before = len(served.alive.heard)
    for n in range(300):
        request(reading, path="/digits/beat", body=json.dumps({"member": n % 2, "lease": 1000 + n}).encode())
        request(reading, path="/digits/report", body=_reports(lease=5000 + n))
    assert request(reading, path="/digits/beat", body=b'{"member": -1, "lease": 0}')[0] == 404
    assert len(served.alive.heard) == before
