"""`pbt ui`: what it shows, under which names, and how it signs in. In a browser: see page/test_live.py."""

from __future__ import annotations

import re
import signal
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.page import need_page
from tests.support.population import Script
from tests.support.scripts import PBT, environment, pbt_run
from tests.support.sessions import Browser
from tests.support.worlds import KEY, FolderWorld, ServerWorld


def test_what_can_not_be_shown_is_said(tmp_path: Path) -> None:
    for where, said in [
        ([], "Missing argument"),
        ([str(tmp_path)], "holds no population"),
        ([str(tmp_path / "gone")], "holds no population"),
        (["http://127.0.0.1:1/digits", str(tmp_path)], "shown alone"),
        (["http://127.0.0.1:1/digits"], "no pbt server answers at http://127.0.0.1:1/digits"),
    ]:
        done = pbt_run(["ui", *where, "--no-browser"], tmp_path)
        assert done.returncode != 0
        assert said in done.stderr


@pytest.mark.parametrize("key", [KEY, "wrong", None])
def test_a_servers_page_is_signed_in_where_its_key_is_at_hand(
    served: ServerWorld, tmp_path: Path, key: str | None
) -> None:
    command = [*PBT, "ui", served.url, "--no-browser"]
    env = environment(**({} if key is None else {"PBT_KEY": key}))
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
    address = done.stdout.strip()
    if key != KEY:
        assert address == served.url
        return
    found = re.fullmatch(rf"{re.escape(served.url)}#code=([\w-]+)", address)
    assert found is not None
    assert KEY not in address
    browser = Browser(served)
    assert browser.sign_in(code=found[1])[0] == 200
    assert browser.ask("GET", "/")[0] == 200


def test_folders_are_served_to_their_user_alone_until_ctrl_c(tmp_path: Path) -> None:
    need_page()
    world = FolderWorld(tmp_path)
    Script(world, members=2).round(1.0, 2.0)
    world.close()
    command = [*PBT, "ui", str(tmp_path / "population"), "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(PYTHONUNBUFFERED=1))
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert process.stdout.readline() == "Ctrl-C ends it.\n"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/population#code=[\w-]{40,}", url)
    base = url.partition("/population")[0]
    assert b"<script" in urllib.request.urlopen(base, timeout=20).read()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{base}/api/v1/populations", timeout=20)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert not (tmp_path / "population" / "key").exists()
    assert not (tmp_path / "key").exists()


def test_a_population_with_another_name_than_its_folders_is_named(tmp_path: Path) -> None:
    need_page()
    places = ["a/first", "b/first", "ü #% x", "日本", "plain"]
    for place in places:
        world = FolderWorld(tmp_path / "made")
        Script(world, members=2).round(1.0, 2.0)
        world.close()
        (tmp_path / place).parent.mkdir(exist_ok=True)
        world.folder.rename(tmp_path / place)
    command = [*PBT, "ui", *places, "--no-browser"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment(PYTHONUNBUFFERED=1)
    )
    assert process.stdout is not None
    process.stdout.readline()
    said = [process.stdout.readline().strip() for _ in range(4)]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    names = {"first-2": "b/first", "x": "ü #% x", "population": "日本"}
    assert said == [*(f"{name} is {tmp_path.resolve() / place}" for name, place in names.items()), "Ctrl-C ends it."]
