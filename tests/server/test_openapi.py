"""The API's document says what the server does: every address of it, and the shape of every answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from pbt.client.remote import Remote
from pbt.errors import family
from pbt.server.openapi import document
from pbt.server.routes import ROUTES
from pbt.settings import wanted
from pbt.views.columns import MEDIA, decode
from tests.support.population import SPACE, Script
from tests.support.requests import at, request
from tests.support.worlds import KEY, ServerWorld

NUMBERS = {"member": 0, "lease": 1}
QUERIES = {
    "populations": "?detail=1", "reason": "?entry=1&member=0", "decisions": "?member=0", "extinct": "?step=1",
    "lines": "?members=0,1",
}  # fmt: skip


@pytest.fixture
def said() -> dict[str, Any]:
    return json.loads(json.dumps(document()))  # type: ignore[no-any-return]


def valid(said: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    jsonschema.Draft202012Validator({**schema, "components": said["components"]}).validate(value)


def operations(said: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in said["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_route_is_in_the_document_and_the_reverse(said: dict[str, Any]) -> None:
    """That the application answers each, and nothing else, the tests below see."""
    routed = {(route.method, route.path.replace(":file", "")) for route in ROUTES}
    assert {(method, path) for method, path, _ in operations(said)} == routed
    assert len(routed_names(said)) == len(routed)


def routed_names(said: dict[str, Any]) -> set[str]:
    return {operation["operationId"] for _, _, operation in operations(said)}


def test_the_document_is_served_with_the_key_alone(served: ServerWorld, said: dict[str, Any]) -> None:
    code, found = request(served, "GET", "/api/v1/openapi.json")
    assert (code, found) == (200, said)
    assert request(served, "GET", "/api/v1/openapi.json", Authorization=None)[0] == 401


def test_every_error_has_a_status_that_the_document_knows(said: dict[str, Any]) -> None:
    from pbt.errors import PBTError

    local = {"wrong-method"}  # on addresses that are in the document under another method alone
    for method, path, operation in operations(said):
        for code, kind in family().items():
            if method == "POST" and code not in local:
                assert str(kind.status) in operation["responses"], (path, code)
        for status, response in operation["responses"].items():
            if status not in ("200", "206", "304"):
                assert response == {"$ref": f"#/components/responses/{status}"}
    assert family()["error"] is PBTError
    for response in said["components"]["responses"].values():
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Failure"}


def test_real_answers_and_real_errors_are_as_the_document_says(
    served: ServerWorld,
    said: dict[str, Any],
) -> None:
    remote = Remote(f"http://127.0.0.1:{served.port}/digits", KEY)
    remote.open()
    remote.create(wanted(space=SPACE, members=3, steps=50, interval=1, maximize=True))
    script = Script.__new__(Script)
    answer = remote.join("n")
    remote.let_go(0)
    script.answers = {0: answer}
    report = script.draft(0, [0.5, float("nan")], metrics={"loss": "inf"})

    bodies: dict[str, Any] = {
        "report": json.loads(msgspec.json.encode([report])),
        "save": {"report": json.loads(msgspec.json.encode(report))},
        "join": {"nonce": "m"},
        "beat": NUMBERS,
        "stand": NUMBERS,
        "create": {"members": 3},
        "open": {},
        "tell": {"event": {"kind": "steered", "change": {"steps": 60}}},
        "steer": {"change": {"kind": "pause", "members": [1]}, "by": "a test", "nonce": "n"},
        "finish": NUMBERS,
        "publish": {"id": "0/1-1", "upload": "0" * 16, "sha256": "0" * 64},
        "drop": {"id": "0/1-9"},
        "collect": {"member": 0, "lease": 1, "seq": 1},
        "sweep": {},
        "post_session": {"key": KEY},
        "post_code": {},
    }
    columns = 0
    codes = {"publish": 422, "sweep": 409, "file": 422}
    for method, path, operation in operations(said):
        name = operation["operationId"]
        content = operation["responses"]["200"]["content"]
        schema = next(iter(content.values()))["schema"]
        where = path.replace("{name}", "digits").replace("{member}/{version}/{file}", "0/1-1/weights")
        where += QUERIES.get(name, "")
        if name == "events":
            continue  # a stream has no end: see test_events
        if method == "POST":
            body = json.dumps(bodies[name]).encode()
            code, found = request(served, "POST", where, body)
            valid(said, operation["requestBody"]["content"]["application/json"]["schema"], bodies[name])
        elif method == "PUT":
            where += "?offset=0&size=3&upload=" + "0" * 16
            code, found = request(served, "PUT", where, b"abc", **{"Content-Type": "application/octet-stream"})
        elif method == "DELETE":
            code, found = request(served, method, where)
        elif name == "file":
            code, found = request(served, "GET", where)
        else:
            code, found = fetch(served, where, next(iter(content)))
            columns += content.keys() == {MEDIA}
        assert code == codes.get(name, 200), (path, found)
        if code != 200:
            schema = {"$ref": "#/components/schemas/Failure"}
        for each in found if "application/x-ndjson" in content else [found]:
            valid(said, schema, each)
        wrong = json.dumps({"key": "wrong"}).encode()
        code, failed = request(served, method, where, wrong, Authorization="Bearer wrong")
        if name in ("get_session", "delete_session"):
            continue  # whoever asks
        valid(said, {"$ref": "#/components/schemas/Failure"}, failed)
    assert columns == 6


def fetch(world: ServerWorld, path: str, media: str) -> tuple[int, Any]:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=10)
    connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
    response = connection.getresponse()
    assert response.headers["content-type"].partition(";")[0] == media
    body = response.read()
    connection.close()
    if media == MEDIA:
        return response.status, decode(body).meta
    return response.status, json.loads(body) if media == "application/json" else list(
        map(json.loads, body.splitlines())
    )


@pytest.mark.slow_but_first
@pytest.mark.parametrize(
    ("method", "path", "code", "allowed"),
    [
        ("PUT", "/", 405, "GET"), ("DELETE", "/digits/journal", 405, "GET"), ("GET", "/digits/report", 405, "POST"),
        ("PATCH", "/digits/open", 405, "POST"), ("POST", "/", 405, "GET"), ("POST", "/digits/journal", 405, "GET"),
        ("TRACE", "/digits/beat", 405, "POST"), ("OPTIONS", "/api/v1/openapi.json", 405, "GET"),
        ("GET", "/digits/", 404, None), ("GET", "/digits/journal/", 404, None), ("POST", "/digits/fly", 404, None),
        ("PROPFIND", "/digits/fly", 404, None),
    ],
)  # fmt: skip
def test_other_methods_and_addresses(
    served: ServerWorld,
    said: dict[str, Any],
    method: str,
    path: str,
    code: int,
    allowed: str | None,
) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    connection.request(method, at(path), b"{}", headers)
    response = connection.getresponse()
    failed = json.loads(response.read())
    connection.close()
    assert response.status == code
    assert allowed is None or allowed in response.headers["allow"]
    valid(said, {"$ref": "#/components/schemas/Failure"}, failed)
    assert not Path(served.folder, "digits").exists()
