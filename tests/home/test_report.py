"""`pbt export --format html`: the page and its answers in one file."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.page import need_page
from tests.support.population import Script
from tests.support.scripts import pbt_run
from tests.support.worlds import FolderWorld, ServerWorld

import pbt
from pbt.errors import SettingsError, Uncreated
from pbt.exports.report import report
from pbt.opening.opening import open_journal

INDEX = """<!doctype html><html lang="en"><head><title>pbt</title>
<link rel="icon" type="image/svg+xml" href="/assets/icon.svg" />
<script type="module" crossorigin src="/assets/index.js"></script>
<link rel="stylesheet" crossorigin href="/assets/index.css">
</head><body><div id="page"></div></body></html>"""
SPACE = {"lr": pbt.Float(1e-4, 1.0, log=True), "</script> ü#&": pbt.Choice(["<img onerror=x>", "b"])}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page as it is built, only smaller."""
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "assets" / "index.js").write_text("const a = '</script>', b = 1 < 2; // ü")
    (folder / "assets" / "index.css").write_text("p { color: red }")
    return folder


def trained(world: Any, members: int = 4) -> Script:
    s = Script(world, space=SPACE, members=members)
    for step in range(1, 8):
        s.round(*(m * step + 0.5 for m in range(members)))
    return s


def held(text: str) -> dict[str, Any]:
    (data,) = re.findall(r'<script id="report"[^>]*>([^<]*)</script>', text)
    found: dict[str, Any] = msgspec.json.decode(gzip.decompress(base64.b64decode(data)))
    return found


def body(found: dict[str, Any], key: str) -> Any:
    return msgspec.json.decode(base64.b64decode(found["answers"][key]["body"]))


def test_the_file_holds_the_page_and_every_answer(tmp_path: Path, page: Path) -> None:
    world = FolderWorld(tmp_path)
    s = trained(world)
    file = tmp_path / "a ü#.html"
    size = report(open_journal(str(world.folder)), 'x" onload="y', file, page=page)
    text = file.read_text("utf-8")
    assert size == len(text.encode()) == file.stat().st_size
    assert 'src="' not in text and 'href="' not in text, "nothing is loaded"
    assert 'data-name="x&quot; onload=&quot;y"' in text
    found = held(text)
    assert body(found, "summary")["entry"] == len(s.entries)
    assert body(found, "members")["total"] == 4
    exploits = [(n, d.member) for n, e in enumerate(s.entries, 1) for d in e.decisions if d.source is not None]
    assert exploits
    for entry, member in exploits:
        assert body(found, f"reason&entry={entry}&member={member}")["decision"]["member"] == member
    for key in ("series", "density", "health", "clades", "lines&part=0", "tree&by=lr", "tree&by=</script> ü#&",
                "raster", "raster&by=lr", "schedule&member=best", "decisions&member=3"):  # fmt: skip
        assert key in found["answers"], key
    assert "replay" in found["answers"]
    world.close()


def test_no_other_script_and_style_may_run(tmp_path: Path, page: Path) -> None:
    world = FolderWorld(tmp_path)
    trained(world)
    file = tmp_path / "x.html"
    report(open_journal(str(world.folder)), "x", file, page=page)
    text = file.read_text("utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none'; ")
    for tag, name in (('<script type="module">', "script"), ("<style>", "style")):
        inside = text.partition(tag)[2].partition(f"</{name}>")[0]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy
    assert "const a = '<\\/script>', b = 1 < 2; // ü" in text
    world.close()


def test_what_does_not_fit_is_left_out_from_the_end(
    tmp_path: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = FolderWorld(tmp_path)
    trained(world)
    report(open_journal(str(world.folder)), "x", tmp_path / "x.html", page=page)
    whole = held((tmp_path / "x.html").read_text("utf-8"))["answers"]
    room = sum(len(base64.b64decode(answer["body"])) for answer in whole.values()) - 100
    monkeypatch.setattr("pbt.exports.report.LARGEST", room)
    report(open_journal(str(world.folder)), "x", tmp_path / "x.html", page=page)
    assert whole.keys() - held((tmp_path / "x.html").read_text("utf-8"))["answers"].keys() == {"decisions&member=3"}
    world.close()


def test_where_nothing_can_be_written_is_said(tmp_path: Path, page: Path) -> None:
    world = FolderWorld(tmp_path)
    with pytest.raises(Uncreated):
        report(open_journal(str(world.folder)), "x", tmp_path / "x.html", page=page)
    trained(world)
    with pytest.raises(SettingsError, match="can not be written"):
        report(open_journal(str(world.folder)), "x", tmp_path / "none" / "x.html", page=page)
    with pytest.raises(SettingsError, match="make page"):
        report(open_journal(str(world.folder)), "x", tmp_path / "x.html", page=tmp_path / "none")
    (page / "index.html").write_text("<html></html>")
    with pytest.raises(SettingsError, match="build the page anew"):
        report(open_journal(str(world.folder)), "x", tmp_path / "x.html", page=page)
    assert not (tmp_path / "x.html").exists()
    world.close()


@pytest.mark.slow
def test_the_command_writes_it_of_a_folder_and_of_a_server(served: ServerWorld, tmp_path: Path) -> None:
    need_page()
    trained(served)
    done = pbt_run(["export", served.url, "--format", "html"], tmp_path, PBT_KEY=served.key)
    assert done.returncode == 0, done.stderr
    assert "wrote digits.html" in done.stdout
    assert held((tmp_path / "digits.html").read_text("utf-8"))["name"] == "digits"
