"""The page for browsers: it holds no secret and needs no key; everything else does."""

from __future__ import annotations

import gzip
import http.client
from pathlib import Path

import pytest

from pbt.server.page import page_answer
from pbt.views.built import FOLDER
from pbt.wire.addresses import API, POPULATIONS
from tests.support.page import need_page
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


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<p>the page</p>")
    (folder / "assets" / "index-a1.js").write_text("1;" * 500)
    (folder / "assets" / "index-a1.js.gz").write_bytes(gzip.compress(b"1;" * 500))
    (folder / "assets" / "index-a1.css").write_text("p{}")
    (tmp_path / "key").write_text("secret")
    (folder / "notes.txt").write_text("not of the page")
    return folder


def test_the_built_page_is_given_with_its_files_for_ever(built: Path) -> None:
    page = page_answer("/digits", {}, built)
    assert (page.status_code, page.body, page.headers["cache-control"]) == (200, b"<p>the page</p>", "no-cache")
    script = page_answer("/assets/index-a1.js", {}, built)
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "content-encoding" not in script.headers
    packed = page_answer("/assets/index-a1.js", {b"accept-encoding": b"gzip, br"}, built)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "accept-encoding"
    assert gzip.decompress(bytes(packed.body)) == script.body
    plain = page_answer("/assets/index-a1.css", {b"accept-encoding": b"gzip"}, built)
    assert (plain.body, plain.headers["content-type"]) == (b"p{}", "text/css; charset=utf-8")


@pytest.mark.parametrize(
    "path",
    ["/assets/../../key", "/assets/..%2f..%2fkey", "/assets/../notes.txt", "/assets/", "/assets/none.js",
     "/assets//key", "/assets/index-a1.js.gz", "/assets/\0"],
)  # fmt: skip
def test_no_path_leads_out_of_the_page(built: Path, path: str) -> None:
    found = page_answer(path, {}, built)
    assert (found.status_code, found.body) == (404, b"not found")
    assert "default-src 'self'" in found.headers["content-security-policy"]


def test_a_checkout_without_the_page_says_how_it_is_built(tmp_path: Path) -> None:
    found = page_answer("/", {}, tmp_path / "none")
    assert found.status_code == 200
    assert b"make page" in found.body
    assert b"<script" not in found.body


def test_all_scripts_together_are_below_200_kb() -> None:
    need_page()
    sizes = [len(gzip.compress(path.read_bytes(), 9)) for path in FOLDER.rglob("*.js")]
    assert sizes and sum(sizes) < 200_000
