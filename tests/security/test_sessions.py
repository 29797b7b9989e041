"""Sessions of pages: what a cookie allows, to whom, and for how long."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

import pbt.errors
import pbt.server.sessions
import pbt.server.signing
from pbt.server.access import RequestCheck
from pbt.server.keys import Key
from pbt.server.routes import FILE, ROUTES, Route
from pbt.server.signing import Codes, SigningIn
from pbt.wire.addresses import SESSION
from tests.security import READ
from tests.support.requests import request
from tests.support.sessions import Browser
from tests.support.worlds import KEY, ServerWorld


def signed_in(world: ServerWorld, key: str = KEY) -> Browser:
    browser = Browser(world)
    assert browser.sign_in(key=key)[0] == 200
    return browser


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pbt.server.signing, "WAIT", 0.01)


@pytest.mark.parametrize(("key", "access"), [(KEY, "write"), (READ, "read")])
def test_a_key_is_exchanged_for_a_cookie_that_no_script_and_no_other_page_has(
    reading: ServerWorld, key: str, access: str
) -> None:
    browser = Browser(reading)
    assert browser.ask("GET", SESSION) == (200, {"access": "none", "csrf": ""})
    assert browser.ask("GET", "/digits/journal")[0] == 401
    code, said = browser.sign_in(key=key)
    assert (code, said["access"]) == (200, access)
    name, *parts = browser.said.split("; ")
    assert name.startswith(f"pbt_session_{reading.port}=")
    assert parts == ["HttpOnly", "SameSite=Strict", "Path=/api", "Max-Age=43200"]
    assert key not in browser.said and said["csrf"] not in browser.said
    assert browser.ask("GET", "/digits/journal")[0] == 200
    assert browser.ask("GET", SESSION)[1] == said
    assert browser.ask("POST", "/digits/open", {})[0] == (200 if access == "write" else 403)
    assert browser.ask("DELETE", SESSION) == (200, {"access": "none", "csrf": ""})
    assert "Max-Age=0" in browser.said
    assert browser.ask("GET", "/digits/journal")[0] == 401


def test_behind_tls_the_cookie_never_travels_in_clear() -> None:
    session = pbt.server.sessions.begin(Key(KEY), pbt.server.keys.Access.WRITE)
    said = pbt.server.sessions.cookie(session, {b"host": b"example.org"}, secure=True).decode()
    assert said.startswith("pbt_session=") and said.endswith("; Secure")


@pytest.mark.parametrize(
    "headers",
    [
        {"x_pbt_csrf": None}, {"x_pbt_csrf": ""}, {"x_pbt_csrf": "0" * 64}, {"Origin": None}, {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"}, {"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site"}, {"Host": "evil.example"},
    ],
)  # fmt: skip
def test_a_cookie_alone_changes_nothing(reading: ServerWorld, headers: dict[str, str | None]) -> None:
    browser = signed_in(reading)
    code, said = browser.ask("POST", "/digits/open", {}, **headers)
    assert (code, said["code"]) == (403, "wrong-host")
    assert browser.ask("POST", "/digits/open", {})[0] == 200


@pytest.mark.parametrize("headers", [{"Origin": "http://127.0.0.1:1"}, {"Sec_Fetch_Site": "same-site"}])
def test_a_page_of_another_port_reads_nothing_though_browsers_send_it_the_cookie(
    reading: ServerWorld, headers: dict[str, str | None]
) -> None:
    assert signed_in(reading).ask("GET", "/digits/journal", **headers)[0] == 403


def test_a_token_is_of_one_session_alone(reading: ServerWorld) -> None:
    one, other = signed_in(reading), signed_in(reading)
    one.csrf = other.csrf
    assert one.ask("POST", "/digits/open", {})[0] == 403


@pytest.mark.parametrize("place", range(3))
def test_a_cookie_that_was_changed_opens_nothing(reading: ServerWorld, place: int) -> None:
    browser = signed_in(reading, READ)
    ((name, value),) = browser.cookies.items()
    parts = value.split(".")
    parts[place] = str(int(parts[0]) + 1) if place == 0 else parts[place][:-1] + "x"
    browser.cookies[name] = ".".join(parts)
    assert browser.ask("GET", "/digits/journal")[0] == 401


@pytest.mark.parametrize(
    "value", ["", ".", "..", "1..", "x.y.z", "-1.a.b", "9" * 30 + ".a.b", "99999999999.é.ü", "1.2.3.4", "\xb2.a.b"]
)
def test_a_cookie_that_is_rubbish_opens_nothing(reading: ServerWorld, value: str) -> None:
    browser = Browser(reading)
    browser.cookies[f"pbt_session_{reading.port}"] = value
    assert browser.ask("GET", "/digits/journal")[0] == 401
    assert browser.ask("GET", SESSION)[1]["access"] == "none"


def test_a_session_outlives_the_server_and_ends_with_the_key(reading: ServerWorld) -> None:
    write, read = signed_in(reading), signed_in(reading, READ)
    reading.app.request_check.key = Key(KEY, reading=READ)  # the server, started again
    assert [b.ask("GET", "/digits/journal")[0] for b in (write, read)] == [200, 200]
    reading.app.request_check.key = Key("another-key-of-the-server", reading=READ)
    assert [b.ask("GET", "/digits/journal")[0] for b in (write, read)] == [401, 200]


def test_a_session_ends_unless_it_is_used(reading: ServerWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, now = signed_in(reading), time.time()
    monkeypatch.setattr(pbt.server.sessions.time, "time", lambda: now + 5 * 3600)
    assert browser.ask("GET", "/digits/journal")[0] == 200 and not browser.said
    monkeypatch.setattr(pbt.server.sessions.time, "time", lambda: now + 11 * 3600)
    assert browser.ask("POST", "/digits/open", {})[0] == 200 and browser.said
    monkeypatch.setattr(pbt.server.sessions.time, "time", lambda: now + 22 * 3600)
    assert browser.ask("POST", "/digits/open", {})[0] == 200, "the token stays the same"
    monkeypatch.setattr(pbt.server.sessions.time, "time", lambda: now + 35 * 3600)
    assert browser.ask("GET", "/digits/journal")[0] == 401


@pytest.mark.slow
def test_wrong_keys_are_slowed_and_refused_with_a_sentence(
    reading: ServerWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pbt.server.signing, "WAIT", 0.5)
    began = time.monotonic()
    slow = threading.Thread(target=lambda: Browser(reading).sign_in(key="wrong"))
    slow.start()
    while (found := Browser(reading).sign_in(key=KEY))[0] == 200:
        assert time.monotonic() < began + 5
    code, said = found
    assert (code, said["code"]) == (403, "wrong-key")
    assert "wait a second" in said["error"]
    slow.join()
    assert time.monotonic() - began > 0.5
    assert Browser(reading).sign_in(key=KEY)[0] == 200
    code, said = Browser(reading).sign_in(key="wrong")
    assert (code, said["code"]) == (403, "wrong-key") and "key.read" in said["error"]
    assert Browser(reading).sign_in(key=KEY)[0] == 200


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "2001:db8::2", True),
    ],
)
def test_a_wrong_key_slows_its_own_address_alone(quick: None, first: str, second: str, one: bool) -> None:
    signing = SigningIn(RequestCheck(Key(KEY)))

    async def both() -> list[Any]:
        asked = [signing.post_session(sign_in(place, key)) for place, key in ((first, "wrong"), (second, KEY))]
        return await asyncio.gather(*asked, return_exceptions=True)

    with ThreadPoolExecutor(1) as elsewhere:  # a browser's driver may have a loop in this thread
        wrong, right = elsewhere.submit(lambda: asyncio.run(both())).result()
    assert isinstance(wrong, pbt.errors.WrongKey)
    assert isinstance(right, pbt.errors.WrongKey) == one


def sign_in(place: str, key: str) -> Request:
    """A request for a session that comes from an address."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": msgspec.json.encode({"key": key})}

    return Request({"type": "http", "scheme": "http", "method": "POST", "headers": [], "client": (place, 1)}, receive)


@pytest.mark.parametrize("body", [{}, {"key": KEY, "code": "x"}, {"key": 3}, [], {"key": "x" * 2000}, "x" * 70_000])
def test_what_is_no_key_is_refused(reading: ServerWorld, body: Any) -> None:
    assert Browser(reading).ask("POST", SESSION, body)[0] in (413, 422)


def test_a_code_is_valid_once_and_for_a_short_time(
    reading: ServerWorld, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = reading.app.signing_in.codes
    code, late = codes.issue(), codes.issue()
    assert Browser(reading).sign_in(code=code)[1]["access"] == "write"
    assert Browser(reading).sign_in(code=code)[1]["code"] == "wrong-key"
    assert Browser(reading).sign_in(code="guess")[0] == 403
    now = time.monotonic()
    with monkeypatch.context() as later:
        later.setattr(pbt.server.signing.time, "monotonic", lambda: now + 121)
        assert not codes.take(late)


def test_the_key_alone_gives_codes_and_few_are_kept(reading: ServerWorld) -> None:
    for key, status in ((None, 401), (f"Bearer {READ}", 403), (f"Bearer {KEY}", 200)):
        code, said = request(reading, path=f"{SESSION}/code", Authorization=key)
        assert code == status
    assert Browser(reading).sign_in(code=said["code"])[0] == 200
    codes = Codes()
    issued = [codes.issue() for _ in range(40)]
    assert [codes.take(code) for code in issued].count(True) == 16


def test_without_a_key_everybody_is_signed_in(tmp_path: Any) -> None:
    world = ServerWorld(tmp_path, key=None)
    browser = Browser(world)
    assert browser.ask("GET", SESSION) == (200, {"access": "write", "csrf": ""})
    assert browser.sign_in(key="whatever")[1]["access"] == "write"
    assert browser.ask("POST", "/digits/open", {})[0] == 200
    assert browser.ask("POST", "/digits/open", {}, Origin="http://evil.example")[0] == 403
    world.close()


def address(route: Route) -> str:
    path = route.path.replace("{name}", "digits")
    return path.replace(FILE.rpartition("checkpoints/")[2], "0/1-1/weights")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_address_is_open_to_whom_it_should_be_and_to_nobody_else(standing: ServerWorld, route: Route) -> None:
    """No key, the key that only reads, and sessions of both keys try everything."""
    before = sorted(standing.folder.rglob("*"))
    entries = len(standing.bodies)
    reads, method, path = route.method == "GET", route.method, address(route)
    who = {
        "nobody": (Browser(standing), {}),
        "reader": (Browser(standing), {"Authorization": f"Bearer {READ}"}),
        "reading session": (signed_in(standing, READ), {}),
        "writing session, no token": (signed_in(standing), {"x_pbt_csrf": None}),
        "writing session, another page": (signed_in(standing), {"Sec_Fetch_Site": "cross-site"}),
        "wrong key, good session": (signed_in(standing), {"Authorization": "Bearer wrong"}),
    }
    allowed = {"reader", "reading session"} | {"writing session, no token"} if reads else set()
    for name, (browser, headers) in who.items():
        if route.path.endswith("/events") and name in allowed:
            continue  # a stream, which has no end
        code, said = browser.ask(method, path, None if reads else {}, **headers)
        if route.keyless:
            assert code in (200, 422), name
        elif name in allowed:
            assert code not in (401, 403), (name, said)
        else:
            assert code in (401, 403), (name, said)
    if not reads:
        assert sorted(standing.folder.rglob("*")) == before
        assert len(standing.bodies) == entries


def test_the_walk_above_knows_every_method() -> None:
    assert {method for method, _ in itertools.groupby(sorted(r.method for r in ROUTES))} == {
        "GET", "POST", "PUT", "DELETE",
    }  # fmt: skip
