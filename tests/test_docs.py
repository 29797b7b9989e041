"""All Python in README and docs runs as it stands, and so do the commands, or a reason is given here."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

import pbt
from pbt.population.entries import Leased
from tests.support.checks import entries
from tests.support.population import Script
from tests.support.scripts import ROOT, environment, status, write
from tests.support.worlds import FolderWorld

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
PROMPT = re.compile(r"^\w*\$ (.*?)(?:\s{2,}#.*)?$", re.M)
BLOCKS = [
    pytest.param(match.group(2), id=f"{page.stem}-{n}")
    for page in PAGES
    for n, match in enumerate(m for m in FENCE.finditer(page.read_text()) if m[1] == "python")
]
COMMANDS = {
    command: page.name
    for page in PAGES
    for fence in FENCE.finditer(page.read_text())
    if fence[1] == "console"
    for command in PROMPT.findall(fence[2])
}
NOT_RUN = {
    "make demo": "installs packages; the demo itself runs in test_examples.py",
    "pip install .": "installs packages",
    "pbt ui runs/digits": "see tests/page/test_live.py",
    "pbt ui runs/big": "see test_ui.py",
    "pbt explain runs/big": "see test_explain.py",
    "pbt watch runs/big": "see home/test_terminal.py",
    "pbt watch runs/first --show lr": "see home/test_terminal.py",
    "pbt lineage runs/first": "see home/test_terminal.py",
    "pbt lineage runs/first --member 3": "see home/test_terminal.py",
    "pbt explain runs/first 7": "see home/test_terminal.py",
    "pbt explain runs/first 7 4000": "see home/test_terminal.py",
    "pbt export runs/first --format csv": "see home/test_export.py",
    "pbt export runs/first --format html": "see home/test_report.py",
    "pbt export runs/first --format parquet --to first": "see home/test_export.py",
    "pbt track runs/first --to mlflow://host:5000 --follow": "needs a server; see home/test_trackers.py",
    "WANDB_MODE=offline pbt track runs/first --to wandb://entity/project": "see home/test_trackers.py",
    "pbt track runs/first --to tensorboard://tb": "see home/test_trackers.py",
    "pbt compare runs/first runs/second": "see home/test_terminal.py",
    "pbt plot runs/big": "see test_pictures.py",
    "pbt plot runs/big --family": "see test_pictures.py",
    "pbt run --warm-start runs/old --members 8 --steps 200 runs/new -- python train.py": "see test_warm_start.py",
    "pbt fetch runs/big --to best": "see test_fetch.py",
    "pip install 'pbtrain[objects]'": "installs packages",
    "export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… AWS_REGION=…": "see checkpoints/test_transfer.py",
    "export AWS_ENDPOINT_URL=https://minio.example:9000": "see checkpoints/test_transfer.py",
    "pbt run --checkpoints s3://bucket/prefix --members 16 runs/big -- python train.py": "see test_transfer.py",
    'curl -H "Authorization: Bearer $(cat runs/key.read)" http://127.0.0.1:7777/api/v1/openapi.json': "test_openapi.py",
    "export PBT_KEY=… PGPASSWORD=…": "somebody's own; see test_postgres.py",
    "pbt serve /shared/runs --host 0.0.0.0 --journal postgresql://pbt@db/pbt": "needs a database; see test_postgres.py",
    "export PBT_KEY=… PBT_URL=http://a:7777,b:7777/digits": "somebody's own; see test_postgres.py",
}
"""Commands that no test here runs, and why."""
RUN: set[str] = set()
"""Commands that one does."""
TRAIN = next(m[2] for m in FENCE.finditer(PAGES[0].read_text()) if m[1] == "python")
"""The script of the README."""


def quick(code: str) -> str:
    """A script that does not pretend to take its time."""
    return re.sub(r"\n +time\.sleep\(.*", "", code)


QUICK = quick(TRAIN)


def runs(*commands: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A test that runs these commands, in this order, some of them with other numbers or places."""
    RUN.update(commands)

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        return pytest.mark.parametrize("commands", [pytest.param(commands, id="commands")])(test)

    return mark


def shell(command: str, cwd: Path, **env: object) -> subprocess.Popen[str]:
    """A line of a console, where ``python`` and ``pbt`` are those of this test."""
    python = shlex.quote(sys.executable)
    line = f'python() {{ {python} "$@"; }}; pbt() {{ python -m pbt "$@"; }}; {command}'
    more = {**environment(**env), "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    return subprocess.Popen(
        ["bash", "-c", line], cwd=cwd, env=more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def ended(running: subprocess.Popen[str], code: int = 0) -> str:
    """What it printed, once it has ended as it should."""
    try:
        told, _ = running.communicate(timeout=100)
    except BaseException:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        raise
    assert running.returncode == code, told
    assert "Traceback" not in told
    return told


@pytest.mark.slow
@pytest.mark.parametrize("code", BLOCKS)
def test_the_code_runs(tmp_path: Path, code: str) -> None:
    if "import torch" in code:
        pytest.importorskip("torch")
    if "import jax" in code:
        pytest.importorskip("jax")
    if 'load("runs/first")' in code:
        ended(shell("python train.py", write(tmp_path, QUICK).parent))
    (tmp_path / "train.py").write_text(quick(code))
    done = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_space_of_the_docs_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "space.md").read_text()
    (tmp_path / "space.toml").write_text(next(m[2] for m in FENCE.finditer(page) if m[1] == "toml"))
    space = pbt.read_space(tmp_path / "space.toml")
    assert [*space] == ["seed", "batch", "discount", "dropout", "optimizer.name", "optimizer.minibatch"]
    assert space.example() in space


def test_the_strategy_of_the_docs_takes_over_only_what_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a module of its own, as the page says."""
    page = (ROOT / "docs" / "strategies.md").read_text()
    module = ModuleType("tournament")
    monkeypatch.setitem(sys.modules, "tournament", module)
    exec(next(m[2] for m in FENCE.finditer(page) if m[1] == "python"), module.__dict__)
    s = Script(members=4, strategy="tournament:Tournament")
    for n in range(5):
        s.round(*(10 * n - member for member in range(4)))
    copies = [d for e in s.entries for d in e.decisions if d.start == "copy"]
    assert copies
    assert all(d.parents[0].member < d.member and d.why.note == f"beaten by {d.parents[0].member}" for d in copies)
    assert all(d.why.operations["lr"] != "resample" for d in copies)


@pytest.mark.slow
@runs(
    "python train.py & python train.py & python train.py & python train.py & wait",
    "pbt status runs/first",
    "pbt run --workers 4 runs/second -- python train.py",
)
def test_four_processes_share_the_readmes_population_and_pbt_run_trains_another(
    tmp_path: Path, commands: tuple[str, ...]
) -> None:
    write(tmp_path, TRAIN)
    together, look, run = commands
    ended(shell(together, tmp_path))
    assert "finished" in ended(shell(look, tmp_path))
    assert "best score" in ended(shell(run, tmp_path))
    for folder in ("runs/first", "runs/second"):
        assert {m["step"] for m in status(folder, tmp_path)["members"]} == {40}


@pytest.mark.slow
@runs(
    "pbt run --members 16 --workers 4 --gpus 0,1,2,3 --steps 200 runs/big -- python train.py --data d.npz",
    "pbt status runs/big",
    "pbt journal runs/big",
    "pbt tensorboard runs/big --logdir tb --follow",
    "pbt doctor runs/big",
)
def test_the_command_lines_settings_win_and_its_population_can_be_looked_at(
    tmp_path: Path, commands: tuple[str, ...]
) -> None:
    write(tmp_path, QUICK)
    run, *looks = commands
    ended(shell(run.replace("--steps 200", "--steps 8"), tmp_path))
    found = status("runs/big", tmp_path)["members"]
    assert (len(found), {m["step"] for m in found}) == (16, {8})
    for look in looks:
        if "tensorboard" in look:
            pytest.importorskip("tensorboardX")
        ended(shell(look, tmp_path))


@pytest.mark.slow
@runs(
    "pbt run --members 32 --workers 8 /shared/runs/big -- python train.py",
    "pbt run --workers 8 /shared/runs/big -- python train.py",
)
def test_two_nodes_train_one_population_with_the_readmes_script(tmp_path: Path, commands: tuple[str, ...]) -> None:
    shared = shlex.quote(str(tmp_path / "shared"))
    nodes = []
    for name, command in zip(("node1", "node2"), commands, strict=True):
        (tmp_path / name).mkdir()
        write(tmp_path / name, TRAIN)
        fewer = (
            command.replace("--members 32", "--members 6")
            .replace("--workers 8", "--workers 2")
            .replace("/shared", shared)
        )
        nodes.append(shell(fewer, tmp_path / name, PBT_JOURNAL="files"))
        end = time.monotonic() + 60
        while not list((tmp_path / "shared").glob("runs/big/journal/0*")):  # the second command is typed later
            assert time.monotonic() < end
            time.sleep(0.05)
    for node in nodes:
        ended(node)
    found = status(tmp_path / "shared" / "runs" / "big", tmp_path)["members"]
    assert (len(found), {m["step"] for m in found}) == (6, {40})
    nonces = [e.event.nonce for e in entries(tmp_path / "shared/runs/big") if isinstance(e.event, Leased)]
    assert len({nonce.partition(".")[0] for nonce in nonces}) == 2


@contextmanager
def serving(command: str, cwd: Path) -> Iterator[dict[str, str]]:
    """The variables that a server prints for its workers."""
    server = shell(f"exec {shlex.quote(sys.executable)} -m {command} --port 0", cwd)
    assert server.stdout is not None
    exported = {}
    try:
        for line in server.stdout:
            if found := re.match(r"  export (\w+)=(\S+)", line):
                exported.setdefault(*found.groups())
            if "PBT_KEY=" in line and "key.read" in line:
                break
        yield exported
    finally:
        server.send_signal(signal.SIGTERM)
        ended(server)


@pytest.mark.slow
@runs("pbt serve runs --host 0.0.0.0", "PBT_URL=http://host:7777/first PBT_KEY=… python train.py")
def test_workers_train_at_the_readmes_server(tmp_path: Path, commands: tuple[str, ...]) -> None:
    (tmp_path / "away").mkdir()
    write(tmp_path / "away", QUICK.replace('"runs/first", ', ""))  # "with a server the script names no folder"
    with serving(commands[0], tmp_path) as exported:
        port = exported["PBT_URL"].partition("://")[2].partition("/")[0].rpartition(":")[2]
        key = (tmp_path / "runs" / "key").read_text().strip()
        ended(shell(commands[1].replace("host:7777", f"127.0.0.1:{port}").replace("…", key), tmp_path / "away"))
    assert {m["step"] for m in status("runs/first", tmp_path)["members"]} == {40}


@runs("pbt serve runs --host 0.0.0.0 --port 7777", "pbt serve runs --host 0.0.0.0 --tls")
def test_the_servers_say_what_to_export(tmp_path: Path, commands: tuple[str, ...]) -> None:
    pytest.importorskip("cryptography")
    for command, scheme in zip(commands, ("http", "https"), strict=True):
        with serving(command.replace("--port 7777", ""), tmp_path) as exported:
            assert exported["PBT_URL"].startswith(f"{scheme}://")


@pytest.mark.slow
@runs(
    "pbt schedule runs/first > first.toml",
    "pbt schedule runs/first --member 3 --format python",
    "pbt replay runs/first --seeds 5 -- python train.py",
)
def test_the_readmes_schedule_is_taken_home_and_replayed(tmp_path: Path, commands: tuple[str, ...]) -> None:
    ended(shell("python train.py", write(tmp_path, QUICK).parent))
    to_file, python, replay = commands
    ended(shell(to_file, tmp_path))
    best = pbt.load(tmp_path / "runs" / "first").best
    assert best is not None
    assert pbt.Schedule.load(tmp_path / "first.toml") == best.schedule
    assert "SCHEDULE = [" in ended(shell(python, tmp_path))
    assert "replay gap" in ended(shell(replay.replace("--seeds 5", "--seeds 2"), tmp_path))


@pytest.mark.slow
@runs(
    'pbt steer runs/digits set 3 lr=0.001 --why "diverges since step 900"',
    "pbt steer runs/digits pause 3 7",
    "pbt steer runs/digits resume",
    "pbt steer runs/digits clone 0 --into 7 --explore",
    "pbt steer runs/digits pin best",
    'pbt fork runs/digits best --into 5 --set lr=0.01 --why "a higher rate from the best"',
    "pbt steer runs/digits bound lr --high 0.1",
    "pbt steer runs/digits steps 400",
    "pbt steer runs/digits stop 6",
    "pbt steer runs/digits revive 6",
    'pbt steer runs/one set 0 lr=0.01 --why "too slow" --yes',
    "pbt steer runs/one undo 4 --yes",
)
def test_a_population_is_steered(tmp_path: Path, commands: tuple[str, ...]) -> None:
    for name, members in (("digits", 8), ("one", 1)):
        world = FolderWorld(tmp_path)
        Script(world, members=members).round(*([0.1] * members))
        world.close()
        (tmp_path / "runs").mkdir(exist_ok=True)
        world.folder.rename(tmp_path / "runs" / name)
    for command in commands:
        said = ended(shell(command if "--yes" in command else f"{command} --yes", tmp_path))
        assert "recorded as entry" in said


@pytest.mark.slow
@runs(
    "pbt run --members 8 --workers 2 --steps 40 --seed 1 runs/digits -- python examples/digits_numpy.py",
    "pbt run --members 8 --workers 2 --steps 40 --seed 1 --set quantile=0.4 runs/greedy -- "
    "python examples/digits_numpy.py",
    "pbt status runs/digits",
    "pbt watch runs/digits",
    "pbt lineage runs/digits",
    "pbt explain runs/digits",
    "pbt explain runs/digits 3",
    "pbt plot runs/digits",
    "pbt compare runs/digits runs/greedy",
    "pbt schedule runs/digits > digits.toml",
    "pbt replay runs/digits --seeds 3 -- python examples/digits_numpy.py",
    "pbt fetch runs/digits --to best",
    "pbt schedule runs/digits --format python",
    "pbt export runs/digits --format csv",
)
def test_the_walk_is_walked(tmp_path: Path, commands: tuple[str, ...]) -> None:
    """With fewer steps, from the first command to the last."""
    for package in ("sklearn", "matplotlib"):
        pytest.importorskip(package)
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "digits_numpy.py").write_text((ROOT / "examples" / "digits_numpy.py").read_text())
    told = {command: ended(shell(command.replace("--steps 40", "--steps 9"), tmp_path)) for command in commands}
    for command, words in {
        "pbt watch runs/digits": "step 9 ·", "pbt lineage runs/digits": "8 members",
        "pbt explain runs/digits 3": "Member 3", "pbt compare runs/digits runs/greedy": "strategy.quantile",
        "pbt replay runs/digits --seeds 3 -- python examples/digits_numpy.py": "replay gap",
        "pbt schedule runs/digits --format python": "SCHEDULE = [",
    }.items():  # fmt: skip
        assert words in told[command], told[command]
    made = ("digits.png", "digits.toml", "best/weights.npy", "digits-export/reports.csv", "runs/digits.replay-1")
    assert [name for name in made if not (tmp_path / name).exists()] == []


def test_every_command_is_run_or_there_is_a_reason() -> None:
    assert not RUN & NOT_RUN.keys()
    assert set(COMMANDS) == RUN | NOT_RUN.keys()
    assert all(NOT_RUN.values())
    kinds = {fence[1] for page in PAGES for fence in FENCE.finditer(page.read_text())}
    assert not kinds & {"sh", "bash", "shell", "py", "pycon"}, "write console and python: these are run"


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.M):
        said = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", said.strip().lower()).replace(" ", "-")
        found[name if name not in found else f"{name}-{found[name]}"] = 1
    return set(found)


def test_every_link_leads_somewhere_and_every_anchor_to_a_heading() -> None:
    for page in sorted({*PAGES, *ROOT.glob("*.md"), *(ROOT / "ui").glob("*.md")}):
        for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
            if target.startswith("http"):
                continue
            name, _, anchor = target.partition("#")
            path = page.parent / name if name else page
            assert path.exists(), (page, target)
            assert not anchor or anchor in anchors(path), (page, target)
