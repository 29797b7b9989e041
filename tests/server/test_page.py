"""The page for browsers: it holds no secret and needs no key; everything else does."""

from __future__ import annotations

import http.client

import pytest

from pbt.wire.addresses import API, POPULATIONS
from tests.support.requests import request
from tests.support.worlds import ServerWorld


def look(world: ServerWorld, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=10)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    response.text = response.read().decode()  # type: ignore[attr-defined]
    connection.close()
    return response


@pytest.mark.parametrize("path", ["/", "/digits", "/a-name_of.64"])
def test_a_browser_gets_a_page_without_a_key_and_may_run_nothing_on_it(served: ServerWorld, path: str) -> None:
    found = look(served, path)
    assert (found.status, found.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "pbt status" in found.text  # type: ignore[attr-defined]
    policy = dict(part.split(" ", 1) for part in found.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["object-src"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in found.headers["content-security-policy"]
    assert found.headers["x-content-type-options"] == "nosniff"
    assert list(served.folder.iterdir()) == []
    assert look(served, path, "HEAD").text == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", [POPULATIONS, f"{API}/openapi.json", API, "/digits/journal", "/.hidden", "/a%2Fb"])
def test_nothing_else_is_given_without_a_key(served: ServerWorld, path: str) -> None:
    assert look(served, path).status == 401


def test_the_page_goes_to_nobody_who_means_another_host(served: ServerWorld) -> None:
    assert look(served, "/", Host="evil.example").status == 403
    assert look(served, "/", Origin="http://evil.example").status == 403


def test_an_older_client_is_told_where_the_addresses_are_now(served: ServerWorld) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    key = {"Authorization": f"Bearer {served.key}", "Content-Type": "application/json"}
    connection.request("POST", "/digits/join", b'{"nonce": "n"}', key)
    response = connection.getresponse()
    assert response.status == 404
    assert f"addresses for programs begin with {API}" in response.read().decode()
    connection.close()
    assert request(served, path="/digits/open")[0] == 200
