"""The package that users install: it has the page, and needs no Node for it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.page import need_page
from tests.support.scripts import ROOT

PAGE = {"pbt/page/index.html"}


def hook(root: Path) -> Any:
    """The hook that hatchling runs, on another checkout."""
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PageHook(str(root), {}, None, None, str(root), "wheel")


def npm(folder: Path, script: str) -> None:
    """An npm of a test's own, in a folder."""
    (folder / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "npm").chmod(0o755)


def test_a_checkout_without_page_and_npm_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"install Node 20\.19 or newer"):
        hook(tmp_path).initialize("standard", {})
    hook(tmp_path).initialize("editable", {})


def test_the_page_is_built_where_it_is_absent_and_only_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    npm(tmp_path, f'echo "$@" >> {tmp_path}/log')
    hook(tmp_path).initialize("standard", {})
    said = (tmp_path / "log").read_text()
    assert said.splitlines() == [f"--prefix {tmp_path}/ui ci", f"--prefix {tmp_path}/ui run build"]
    (tmp_path / "src" / "pbt" / "page").mkdir(parents=True)
    (tmp_path / "src" / "pbt" / "page" / "index.html").touch()
    hook(tmp_path).initialize("standard", {})
    assert (tmp_path / "log").read_text() == said


def test_a_build_that_fails_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    npm(tmp_path, "exit 3")
    with pytest.raises(RuntimeError, match="npm ci has failed"):
        hook(tmp_path).initialize("standard", {})


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_wheel_and_source_distribution_give_the_page_without_node(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    need_page()
    bare = {**os.environ, "PATH": str(tmp_path)}
    built = tmp_path / "built"
    build(ROOT, built, bare)
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
        assert any(name.endswith("/src/pbt/page/index.html") for name in names)
        assert not [name for name in names if "node_modules" in name or "/.git/" in name]
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    build(source, tmp_path / "again", bare)
    for wheel in (*built.glob("*.whl"), *(tmp_path / "again").glob("*.whl")):
        assert set(zipfile.ZipFile(wheel).namelist()) >= PAGE
    (wheel,) = (tmp_path / "again").glob("*.whl")
    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    done = subprocess.run(install, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    command = [str(python), "-m", "pbt", "serve", str(tmp_path / "runs"), "--port", "0", "--no-key"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**bare, "PYTHONUNBUFFERED": "1"}, cwd=tmp_path
    )
    assert process.stdout is not None
    try:
        url = next(line for line in process.stdout if "PBT_URL" in line).split("=")[1].strip().removesuffix("/NAME")
        page = urllib.request.urlopen(url, timeout=30).read().decode()
        script = re.search(r'src="(/assets/[^"]+\.js)"', page)
        assert script is not None
        assert len(urllib.request.urlopen(url + script[1], timeout=30).read()) > 10_000
    finally:
        process.terminate()
        process.wait(20)


def build(root: Path, out: Path, env: dict[str, str]) -> None:
    """Wheel and source distribution of a checkout, into a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
